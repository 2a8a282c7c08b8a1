"""Range look-ups: in one table, or in two where one would be too large.

For x in 0..R-1 the upper limb u is committed and looked up in 0..R/2^k-1, and x - 2^k u, which
nobody commits, in 0..2^k-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkdps.provers.sumcheck.evaluate import form_integers
from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Affine, Bound, Form, Int64s, Label, Tensor, View

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder

MAX_RANGE_ROWS = 1 << 17
"""A range of more integers is looked up in limbs."""
MAX_LIMB_BITS = 16


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """For all values of its labels, a form is in 0..rows-1."""

    name: str
    form: Form
    rows: int


@dataclass(frozen=True, slots=True)
class _Declared:
    """Labels and tensors so far."""

    labels: tuple[Label, ...]
    tensors: tuple[Tensor, ...]


def settle_ranges(builder: Builder) -> None:
    """Make the look-ups that were asked for, when all that they read is computed.

    Raises:
        LayoutFailed: a range too wide for one table that does not split into two.
    """
    for request in builder.ranges:
        if request.rows <= MAX_RANGE_ROWS:
            _look_up(builder, request.name, request.form, request.rows)
            continue
        bits = low_bits(request.rows)
        if bits is None:
            raise builder.failed(
                f"{request.name}: a range of {request.rows} integers is too wide for one table and "
                "does not split into two; make their number a power of two"
            )
        _split(builder, request, bits)


def low_bits(count: int) -> int | None:
    """Bits of the low of two limbs that split `count` integers exactly, in the smallest tables."""
    fitting = [
        bits
        for bits in range(1, MAX_LIMB_BITS + 1)
        if count % (1 << bits) == 0 and count >> bits <= MAX_RANGE_ROWS
    ]
    return min(fitting, key=lambda bits: (1 << bits) + (count >> bits), default=None)


def _split(builder: Builder, request: RangeRequest, bits: int) -> None:
    form, name = request.form, f"{request.name}.upper"
    count = request.rows >> bits
    sizes = tuple(builder.labels_made[label].size for label in form.labels) or (1,)
    positions = dict(builder.positions)
    declared = _Declared(tuple(builder.labels_made), tuple(builder.tensors))
    read = {view.tensor for _, view in form.views}

    def compute(values: Integers) -> Int64s:
        held = {
            place: values[known].reshape(declared.tensors[place].shape)
            for known, place in positions.items()
            if place in read and known in values
        }
        return form_integers(declared, form, held) >> bits

    place = builder.commit(name, sizes, Width(0, 0, count - 1), Bound.LOOKUP, compute)
    builder.prove_bounds(name, count=count, shift=bits, magnitude=0, decomposed=request.rows)
    index = tuple(Affine(0, ((label, 1),)) for label in form.labels) or (Affine(0, ()),)
    upper = View(place, index)
    lower = Form(form.labels, form.constant, (*form.views, (-(1 << bits), upper)))
    _look_up(builder, f"{request.name}.lower", lower, 1 << bits)
    _look_up(builder, name, Form(form.labels, 0, ((1, upper),)), count)


def _look_up(builder: Builder, name: str, form: Form, rows: int) -> None:
    table = builder.table(f"0..{rows - 1}", 0, rows)
    key = builder.place(form.labels, form.views, constant=form.constant)
    builder.pair_lookup(name, form.labels, table, key, None)
