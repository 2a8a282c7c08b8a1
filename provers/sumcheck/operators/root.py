"""The integer root of a row's sum of squares, and why that sum does not wrap: see `norm`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
from zkdps.provers.sumcheck.operators.maximum import labels_of
from zkdps.provers.sumcheck.operators.quotient import rows_for
from zkdps.provers.sumcheck.operators.spread import COARSE, LIMB, Spread
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.wires import whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder


def prove_root(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    letters: str,
    spread: Spread,
    width: Width,
    floor: int,
) -> Operand:
    """Commit `name.deviation`, sigma = floor(sqrt(sum c^2 + E)) <= width.high.

    Relations: A = sum a^2;  sigma^2 + rem = sum c^2 + E with rem >= 0 and 2 sigma - rem >= 0.

    Args:
        width: of sigma.
        floor: E, at least 1.
    """
    largest = width.high
    depth = builder.extent(axes[letters[-1]])
    limit = coarse_limit(math.isqrt(max((largest + 1) ** 2 - floor, 0)), depth)
    coarse_rows = 1 << limit.bit_length()
    rows = rows_for(largest + 1)
    outer = letters[:-1]
    shape = tuple(builder.extent(axes[letter]) for letter in outer)
    coarse, root, rest = f"{name}.coarse.sum", f"{name}.deviation", f"{name}.deviation.remainder"

    def compute(values: Integers) -> tuple[Int64s, Int64s, Int64s]:
        squares = np.square(spread.coarse.read(values)).sum(axis=-1)
        total = np.square(spread.read(values)).sum(axis=-1) + floor
        sigma = np.floor(np.sqrt(total.astype(np.float64))).astype(np.int64)
        # float64 rounds: one step either way makes it exact.
        sigma = sigma - (sigma * sigma > total)
        sigma = sigma + ((sigma + 1) * (sigma + 1) <= total)
        return squares, sigma, total - sigma * sigma

    held = {
        coarse: Width(0, 0, coarse_rows - 1),
        root: Width(width.scale_bits, 0, largest),
        rest: Width(0, 0, rows - 1),
    }
    for inner, planned in held.items():
        builder.commit(inner, shape, planned, Bound.LOOKUP)
    builder.step((coarse, root, rest), compute)
    labels = labels_of(axes, outer)
    square, sigma, rem = (
        builder.operand(whole(inner, shape), axes, outer) for inner in (coarse, root, rest)
    )
    entries = builder.form(spread.coarse)
    builder.relation(
        coarse, labels, [(1, (entries, entries)), (-1, (builder.form(square, labels=labels),))]
    )
    builder.relation(
        root,
        labels,
        [
            (1, (spread.form, spread.form)),
            (-1, (builder.form(sigma), builder.form(sigma))),
            (1, (builder.form((-1, rem), constant=floor, labels=labels),)),
        ],
    )
    # Both sides are non-negative: below p each, they differ by less than p.
    builder.prove_bounds(
        coarse, count=coarse_rows, shift=0, magnitude=depth * COARSE.magnitude**2, decomposed=0
    )
    reach = square_limit(limit, depth) + floor
    builder.prove_bounds(
        root, count=1, shift=0, magnitude=max(reach, (largest + 1) ** 2), decomposed=0
    )
    for inner in (coarse, root, rest):
        builder.range_check(inner)
    # A + offset below a power of two: A <= limit.
    builder.range_lookup(
        f"{coarse}.most",
        labels,
        square,
        constant=coarse_rows - 1 - limit,
        low=0,
        high=coarse_rows - 1,
    )
    builder.range_lookup(f"{rest}.below", labels, (2, sigma), (-1, rem), low=0, high=rows - 1)
    return sigma


def coarse_limit(largest: int, depth: int) -> int:
    """A bound of sum a^2 that holds wherever sum c^2 <= (largest + 1)^2.

    256 sqrt(sum a^2) <= sqrt(sum c^2) + 128 sqrt(D).
    """
    roots = largest + 1 + LIMB // 2 * (math.isqrt(depth) + 1)
    return (roots * roots) // (LIMB * LIMB) + 1


def square_limit(coarse: int, depth: int) -> int:
    """A bound of sum c^2 where sum a^2 <= coarse: (256 sqrt(coarse) + 128 sqrt(D))^2 or more."""
    mixed = 2 * LIMB * (LIMB // 2) * (math.isqrt(coarse * depth) + 1)
    result = LIMB * LIMB * coarse + mixed + (LIMB // 2) ** 2 * depth
    return min(result, P * P)
