"""Multilinear extensions, and polynomials given by what a round sends (`docs/sumcheck.md` §1, §5).

Points are most-significant bit first: the first coordinate selects the half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from zkdps.verifier_contracts.reference.sumcheck.field import Field, P

Point: TypeAlias = tuple[int, ...]
"""Reduced elements."""


def bits(n: int) -> int:
    """ceil(log2 n)."""
    return (n - 1).bit_length()


def eq_table(field: Field, point: Point) -> list[int]:
    """eq(point, x) for x = 0, 1, ..., 2^len(point) - 1: the outer product of two halves' tables."""
    if len(point) < 2:
        return [field.reduce(1 - point[0]), point[0]] if point else [1]
    middle = len(point) // 2
    low = eq_table(field, point[middle:])
    return [field.reduce(a * b) for a in eq_table(field, point[:middle]) for b in low]


def eq_at(field: Field, point: Point, x: int) -> int:
    """eq(point, x) at one integer x: its bits select z_i or 1 - z_i."""
    last = len(point) - 1
    return field.product(
        z if x >> last - i & 1 else field.reduce(1 - z) for i, z in enumerate(point)
    )


def eq_points(field: Field, a: Point, b: Point) -> int:
    """eq(a, b) = prod (a_i b_i + (1 - a_i)(1 - b_i))."""
    pairs = zip(a, b, strict=True)
    return field.product(field.reduce(2 * y * z - y - z + 1) for y, z in pairs)


def extension(field: Field, values: Sequence[int], point: Point) -> int:
    """sum_x eq(point, x) values[x]; values are 32-bit integers or elements, missing ones 0.

    eq is the product of its halves, so two short tables and one inner product a row are enough.
    """
    low_bits = len(point) // 2
    middle = len(point) - low_bits
    high, low = eq_table(field, point[:middle]), eq_table(field, point[middle:])
    starts = range(0, len(values), 1 << low_bits)
    rows = [field.dot(values[start : start + (1 << low_bits)], low) for start in starts]
    return field.dot(rows, high)


def counting(field: Field, point: Point) -> int:
    """sum_x eq(point, x) x: the extension of the integers 0, 1, 2, ..."""
    last = len(point) - 1
    return field.reduce(sum(z << last - i for i, z in enumerate(point)))


def quadratic_at(field: Field, at_0: int, at_1: int, leading: int, x: int) -> int:
    """The polynomial of degree 2 with these values and this leading coefficient, at x."""
    slope = at_1 - at_0 - leading
    return field.reduce(at_0 + field.reduce(slope + field.reduce(leading * x)) * x)


def interpolated(field: Field, values: Sequence[int], x: int) -> int:
    """The polynomial with values[i] at i = 0, 1, ..., of degree below their number, at x."""
    result = 0
    for i, value in enumerate(values):
        others = [j for j in range(len(values)) if j != i]
        numerator = field.product(field.reduce(x - j) for j in others)
        denominator = 1
        for j in others:
            denominator = denominator * (i - j) % P
        result += field.reduce(numerator * pow(denominator, -1, P)) * value
    return field.reduce(result)
