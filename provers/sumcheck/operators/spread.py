"""The entries of a row around its mean, and the root of their sum of squares: see `norm`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
from zkdps.provers.sumcheck.operators.maximum import labels_of
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.wires import whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder

LIMB = 256
"""c = LIMB * a + b."""
COARSE = Width(0, -256, 255)
"""Range of a."""


@dataclass(frozen=True, slots=True)
class Spread:
    """c and x - mu, as forms, and the coarse limb a of c."""

    form: int
    coarse: Operand
    read: Callable[[Integers], Int64s]
    """The integers c, int64."""
    shift: int
    """s: c = floor((x - mu + 2^(s-1)) / 2^s)."""
    fine: int
    """The form x - mu."""
    read_fine: Callable[[Integers], Int64s]


def define_spread(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    letters: str,
    summands: Sequence[Operand],
    scale_bits: int,
    centred: bool,
) -> Spread:
    """Commit the mean `name.mean`, and the limbs of c.

    Args:
        letters: of the operands; the last one is the axis of a row.
        scale_bits: of c.

    Raises:
        LayoutFailed: a static bound does not hold.
    """
    finest = max(operand.scale_bits for operand in summands)
    shift = finest - scale_bits
    if shift < 0:
        raise builder.failed(f"{name}: deviations are finer than what deviates")
    parts = [(1 << (finest - operand.scale_bits), operand) for operand in summands]
    low = sum(gain * operand.low for gain, operand in parts)
    high = sum(gain * operand.high for gain, operand in parts)

    def total(values: Integers) -> Int64s:
        result = parts[0][0] * parts[0][1].read(values)
        for gain, operand in parts[1:]:
            result = result + gain * operand.read(values)
        return result

    mean = (
        _define_mean(builder, name, axes, letters, parts, (low, high), total) if centred else None
    )
    around = [*parts, *(() if mean is None else ((-1, mean),))]
    labels = labels_of(axes, letters)
    shape = tuple(builder.extent(axes[letter]) for letter in letters)
    half = (1 << shift) >> 1

    def offsets(values: Integers) -> Int64s:
        entries = total(values)
        return entries if mean is None else entries - mean.read(values)[..., None]

    def spread(values: Integers) -> Int64s:
        return (offsets(values) + half) >> shift

    coarse_name, fine_name = f"{name}.coarse", f"{name}.fine"
    builder.commit(
        coarse_name,
        shape,
        COARSE,
        Bound.LOOKUP,
        lambda values: (spread(values) + LIMB // 2) // LIMB,
    )
    builder.range_check(coarse_name)
    coarse = builder.operand(whole(coarse_name, shape), axes, letters)
    builder.prove_bounds(
        fine_name,
        count=COARSE.count * LIMB,
        shift=shift,
        magnitude=max(abs(low), abs(high)) + (0 if mean is None else mean.magnitude),
        decomposed=(COARSE.magnitude + 1) * LIMB << shift,
    )
    fine_form = builder.form(*around, labels=labels)
    if shift == 0:
        # b = c - 256 a is no column: its range is a look-up of that form.
        builder.range_lookup(
            fine_name, labels, *around, (-LIMB, coarse), low=-LIMB // 2, high=LIMB // 2 - 1
        )
        return Spread(fine_form, coarse, spread, shift, fine_form, offsets)
    builder.commit(
        fine_name,
        shape,
        Width(0, -LIMB // 2, LIMB // 2 - 1),
        Bound.LOOKUP,
        lambda values: (spread(values) + LIMB // 2) % LIMB - LIMB // 2,
    )
    builder.range_check(fine_name)
    fine = builder.operand(whole(fine_name, shape), axes, letters)
    # r = x - mu + 2^(s-1) - 2^s c is no column either.
    builder.range_lookup(
        f"{name}.rounded",
        labels,
        *around,
        (-(LIMB << shift), coarse),
        (-(1 << shift), fine),
        constant=half,
        low=0,
        high=(1 << shift) - 1,
    )
    form = builder.form((LIMB, coarse), fine, labels=labels)
    return Spread(form, coarse, spread, shift, fine_form, offsets)


def _define_mean(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    letters: str,
    parts: Sequence[tuple[int, Operand]],
    span: tuple[int, int],
    total: Callable[[Integers], Int64s],
) -> Operand:
    """Commit `name.mean`: D mu + r = sum x + floor(D/2), 0 <= r < D."""
    depth = builder.extent(axes[letters[-1]])
    rows = letters[:-1]
    shape = tuple(builder.extent(axes[letter]) for letter in rows)
    mean, rest = f"{name}.mean", f"{name}.mean.remainder"
    bits = max(max(-span[0] - 1, 0).bit_length(), max(span[1], 0).bit_length())
    builder.commit(mean, shape, Width(0, -(1 << bits), (1 << bits) - 1), Bound.LOOKUP)
    builder.commit(rest, shape, Width(0, 0, depth - 1), Bound.LOOKUP)

    def compute(values: Integers) -> tuple[Int64s, Int64s]:
        raised = total(values).sum(axis=-1) + depth // 2
        return raised // depth, raised % depth

    builder.step((mean, rest), compute)
    builder.range_check(mean)
    builder.range_check(rest)
    means = builder.operand(whole(mean, shape), axes, rows)
    rests = builder.operand(whole(rest, shape), axes, rows)
    labels = labels_of(axes, rows)
    closing = builder.form((-depth, means), (-1, rests), constant=depth // 2, labels=labels)
    terms = [(1, (closing,)), (1, (builder.form(*parts, labels=labels_of(axes, letters)),))]
    builder.relation(mean, labels, terms)
    builder.prove_bounds(
        mean,
        count=2 << bits,
        shift=(depth - 1).bit_length(),
        magnitude=depth * max(abs(span[0]), abs(span[1])),
        decomposed=depth * ((1 << bits) + 1),
    )
    return means
