"""Rounding to another scale, and range checks: what bounds nearly every committed tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zkdps.provers.sumcheck.bounds import BoundRow
from zkdps.provers.sumcheck.operands import Axis, Integers, Operand, operand_of
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound, Holder, Int64s
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
    cuts = limb_bits(shift)
    limbs = [f"{name}.remainder{i or ''}" for i in range(len(cuts))]
    for limb, bits in zip(limbs, cuts, strict=True):
        builder.commit(limb, shape, Width(0, 0, (1 << bits) - 1), Bound.LOOKUP)

    def compute(values: Integers) -> list[Int64s]:
        raised = accumulate(values).reshape(shape) * gain + offset
        rest = raised & ((1 << shift) - 1)
        results = [raised >> shift]
        for bits in cuts:
            results.append(rest & ((1 << bits) - 1))
            rest = rest >> bits
        return results

    builder.step((name, *limbs), compute)
    labels = tuple(label for letter in letters for label in axes[letter])
    parts: list[tuple[int, Operand]] = [
        (-(1 << shift), builder.operand(whole(name, shape), axes, letters))
    ]
    weight = 1
    for limb, bits in zip(limbs, cuts, strict=True):
        parts.append((-weight, builder.operand(whole(limb, shape), axes, letters)))
        weight <<= bits
    closing = builder.form(*parts, constant=offset, labels=labels)
    builder.relation(name, labels, [*((gain * c, forms) for c, forms in terms), (1, (closing,))])
    builder.range_check(name)
    for limb in limbs:
        builder.range_check(limb)


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
    limbs = (f"{name}.low", f"{name}.high")
    for limb, count in zip(limbs, (1 << bits, width.count >> bits), strict=True):
        builder.commit(limb, storage, Width(0, 0, count - 1), Bound.LOOKUP)

    def compute(values: Integers) -> tuple[Int64s, Int64s]:
        above = values[name].reshape(storage) - width.low
        return above & ((1 << bits) - 1), above >> bits

    builder.step(limbs, compute)
    labels, operand = _stored(builder, name)
    parts = [(1, operand)]
    for limb, weight in zip(limbs, (1, 1 << bits), strict=True):
        parts.append((-weight, _stored(builder, limb)[1]))
    form = builder.form(*parts, constant=-width.low, labels=labels)
    builder.relation(f"{name}.limbs", labels, [(1, (form,))])
    builder.prove_bounds(
        f"{name}.limbs",
        count=width.count >> bits,
        shift=bits,
        magnitude=0,
        decomposed=width.magnitude,
    )
    for limb in limbs:
        builder.range_check(limb)


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
