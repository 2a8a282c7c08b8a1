"""Rounding to another scale, and range checks: what bounds nearly every committed tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
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
    shift = scale_bits - width.scale_bits
    gain = 1 << max(-shift, 0)
    shift = max(shift, 0)
    offset = (1 << shift) >> 1
    decomposed = max(
        abs((width.low << shift) - offset), abs((width.high << shift) + (1 << shift) - 1 - offset)
    )
    builder.prove_bounds(
        name,
        count=width.count,
        shift=shift,
        magnitude=magnitude * gain,
        decomposed=decomposed,
    )
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
    """Widths of the limbs of a remainder of `shift` bits, low limb first: one where a table does."""
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
    axes = {str(i): (label,) for i, label in enumerate(labels)}
    return labels, builder.operand(whole(name, storage), axes, "".join(axes))


def integers_of(reals: np.ndarray, scale_bits: int) -> Int64s:
    """Nearest integers to reals * 2**scale_bits; halves to even."""
    return np.rint(np.asarray(reals, dtype=np.float64) * 2.0**scale_bits).astype(np.int64)
