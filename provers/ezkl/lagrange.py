"""The Lagrange basis of an SRS from its powers: an inverse Fourier transform of points.

[Lᵢ(s)]₁ = 1/n Σⱼ ω⁻ⁱʲ [sʲ]₁.  Every butterfly multiplies a point by a full scalar, hence the time:
CPU seconds on a 2-vCPU server are 4.6 at k = 10 and 29 at k = 12 (measured), about 140 at k = 14
and 1300 at k = 17 (extrapolated as k 2**k, not run).
"""

from __future__ import annotations

from collections.abc import Sequence

from zkdps.core.bn254 import ORDER, Point, add_pairs, negate, omega

_WINDOW_BITS = 4


def lagrange_basis(powers: Sequence[Point]) -> list[Point]:
    """`(2**k,)` points [sⁱ]₁ to `(2**k,)` points [Lᵢ(s)]₁."""
    logrows = len(powers).bit_length() - 1
    points = [powers[_reversed(index, logrows)] for index in range(len(powers))]
    root = pow(omega(logrows), -1, ORDER)
    half = 1
    while half < len(points):
        step = pow(root, len(points) // (2 * half), ORDER)
        twiddles = _geometric(step, half)
        low = [index for index in range(len(points)) if not index & half]
        odd = multiply_each(
            [points[index + half] for index in low], [twiddles[index % half] for index in low]
        )
        even = [points[index] for index in low]
        for index, total in zip(low, add_pairs(even, odd), strict=True):
            points[index] = total
        differences = add_pairs(even, [negate(point) for point in odd])
        for index, difference in zip(low, differences, strict=True):
            points[index + half] = difference
        half *= 2
    return multiply_each(points, [pow(len(points), -1, ORDER)] * len(points))


def multiply_each(points: Sequence[Point], scalars: Sequence[int]) -> list[Point]:
    """Element-wise multiples, in windows, all inversions shared."""
    if all(scalar == 1 for scalar in scalars):
        return list(points)
    tables: list[list[Point]] = [[None] * len(points), list(points)]
    for _ in range((1 << _WINDOW_BITS) - 2):
        tables.append(add_pairs(tables[-1], points))
    totals: list[Point] = [None] * len(points)
    mask = (1 << _WINDOW_BITS) - 1
    for shift in range(ORDER.bit_length() // _WINDOW_BITS * _WINDOW_BITS, -1, -_WINDOW_BITS):
        for _ in range(_WINDOW_BITS):
            totals = add_pairs(totals, totals)
        addends = [tables[scalar >> shift & mask][i] for i, scalar in enumerate(scalars)]
        totals = add_pairs(totals, addends)
    return totals


def _geometric(ratio: int, length: int) -> list[int]:
    values = [1]
    for _ in range(length - 1):
        values.append(values[-1] * ratio % ORDER)
    return values


def _reversed(index: int, bits: int) -> int:
    return int(f"{index:0{bits}b}"[::-1], 2) if bits else 0
