"""Rounding to another scale, and range checks: what bounds nearly every committed tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zkdps.provers.sumcheck.bounds import BoundRow
from zkdps.provers.sumcheck.operands import Axis, Integers, Operand, operand_of, pieces_of
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound, Holder, Int64s, View
from zkdps.provers.sumcheck.wires import whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder, Terms

MAX_RANGE_ROWS = 1 << 17
"""A range of more integers is looked up as two limbs."""
MAX_LIMB_BITS = 16


def requantise(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    letters: str,
    terms: Terms,
    scale_bits: int,
    magnitude: int,
    accumulate: Callable[[Integers], Int64s],
    holder: Holder,
) -> None:
    """See `Builder.requantise`."""
    width = builder.width(name)
    row = rounding(name, width, scale_bits, magnitude)
    shift, offset = row.shift, (1 << row.shift) >> 1
    gain = 1 << max(width.scale_bits - scale_bits, 0)
    builder.prove_rounding(name, scale_bits, magnitude)
    shape = tuple(builder.extent(axes[letter]) for letter in letters)
    builder.commit(name, shape, width, Bound.LOOKUP, holder=holder)
    labels = tuple(label for letter in letters for label in axes[letter])
    linear = _linear_part(builder, labels, terms)
    cuts = limb_bits(shift)
    # The low limb of a remainder that is a linear form is looked up as that form, not committed.
    virtual = bool(cuts) and linear is not None
    limbs = [
        (f"{name}.remainder{i or ''}", bits, sum(cuts[:i]))
        for i, bits in enumerate(cuts)
        if i or not virtual
    ]
    for limb, bits, _ in limbs:
        builder.commit(limb, shape, Width(0, 0, (1 << bits) - 1), Bound.LOOKUP)

    def compute(values: Integers) -> list[Int64s]:
        raised = accumulate(values).reshape(shape) * gain + offset
        return [raised >> shift, *((raised >> at) & ((1 << bits) - 1) for _, bits, at in limbs)]

    builder.step((name, *(limb for limb, _, _ in limbs)), compute)
    parts = [(-(1 << shift), builder.operand(whole(name, shape), axes, letters))]
    for limb, _, at in limbs:
        parts.append((-(1 << at), builder.operand(whole(limb, shape), axes, letters)))
    _, closing = pieces_of(parts)
    if linear is None:
        form = builder.place(labels, closing, constant=offset)
        closed = [*((gain * times, forms) for times, forms in terms), (1, (form,))]
        builder.relation(name, labels, closed)
    else:
        constant, views = linear
        raised = tuple((gain * times, view) for times, view in views)
        form = builder.place(labels, (*raised, *closing), constant=gain * constant + offset)
        if virtual:
            rows = 1 << cuts[0]
            table = builder.table(f"0..{rows - 1}", 0, rows)
            builder.pair_lookup(f"{name}.remainder", labels, table, form, None)
        else:
            builder.relation(name, labels, [(1, (form,))])
    builder.range_check(name)
    for limb, _, _ in limbs:
        builder.range_check(limb)


def _linear_part(
    builder: Builder, labels: Axis, terms: Terms
) -> tuple[int, tuple[tuple[int, View], ...]] | None:
    """Constant and views of the terms' sum, where that is one linear form over `labels`."""
    constant, views = 0, []
    for coefficient, forms in terms:
        form = builder.forms[forms[0]] if len(forms) == 1 else None
        if form is None or not set(form.labels) <= set(labels):
            return None
        constant += coefficient * form.constant
        views += [(coefficient * times, view) for times, view in form.views]
    return constant, tuple(views)


def rounding(name: str, width: Width, scale_bits: int, magnitude: int) -> BoundRow:
    """What rules U and Z say of rounding an accumulator of `scale_bits` to `width`."""
    shift = max(scale_bits - width.scale_bits, 0)
    offset = (1 << shift) >> 1
    ends = ((width.low << shift) - offset, (width.high << shift) + (1 << shift) - 1 - offset)
    gain = 1 << max(width.scale_bits - scale_bits, 0)
    return BoundRow(name, width.count, shift, magnitude * gain, max(abs(end) for end in ends))


def check_range(builder: Builder, name: str) -> None:
    """See `Builder.range_check`."""
    width = builder.known[name]
    storage = builder.storage.shapes[name]
    if width.count <= MAX_RANGE_ROWS:
        labels, operand = _stored(builder, name)
        builder.range_lookup(name, labels, operand, low=width.low, high=width.high)
        return
    bits = _low_bits(width.count)
    if bits is None:
        raise builder.failed(
            f"{name}: a range of {width.count} integers is too wide for one table and does not "
            "split into two; make their number a power of two"
        )
    upper = f"{name}.upper"
    above = Width(0, 0, (width.count >> bits) - 1)

    def compute(values: Integers) -> Int64s:
        return (values[name].reshape(storage) - width.low) >> bits

    builder.commit(upper, storage, above, Bound.LOOKUP, compute)
    builder.prove_bounds(
        upper, count=above.count, shift=bits, magnitude=0, decomposed=width.magnitude
    )
    labels, operand = _stored(builder, name)
    limb = (-(1 << bits), _stored(builder, upper)[1])
    builder.range_lookup(
        f"{name}.lower",
        labels,
        operand,
        limb,
        low=0,
        high=(1 << bits) - 1,
        constant=-width.low,
    )
    builder.range_check(upper)


def limb_bits(shift: int) -> list[int]:
    """Widths of the limbs of a remainder, low limb first: one where a table does."""
    count = math.ceil(shift / MAX_LIMB_BITS)
    return [shift // count + (i < shift % count) for i in range(count)]


def _low_bits(count: int) -> int | None:
    """Bits of the low of two limbs that split `count` integers exactly, in the smallest tables."""
    fitting = [
        bits
        for bits in range(1, MAX_LIMB_BITS + 1)
        if count % (1 << bits) == 0 and count >> bits <= MAX_RANGE_ROWS
    ]
    return min(fitting, key=lambda bits: (1 << bits) + (count >> bits), default=None)


def _stored(builder: Builder, name: str) -> tuple[Axis, Operand]:
    """A tensor read along its own storage axes."""
    storage = builder.storage.shapes[name]
    labels = builder.labels(*storage)
    groups = tuple((label,) for label in labels)
    return labels, operand_of(builder, whole(name, storage), groups, {})
