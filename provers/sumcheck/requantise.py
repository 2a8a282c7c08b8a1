"""Rounding to another scale: what makes and bounds nearly every committed tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zkdps.provers.sumcheck.bounds import BoundRow
from zkdps.provers.sumcheck.operands import Axis, Integers, pieces_of
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.ranges import MAX_LIMB_BITS
from zkdps.provers.sumcheck.system import Bound, Holder, Int64s, View
from zkdps.provers.sumcheck.wires import whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder, Terms


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
            builder.request_range(f"{name}.remainder", form, 1 << cuts[0])
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


def limb_bits(shift: int) -> list[int]:
    """Widths of the limbs of a remainder, low limb first: one where a table does."""
    count = math.ceil(shift / MAX_LIMB_BITS)
    return [shift // count + (i < shift % count) for i in range(count)]
