"""The field once more, limb by limb: slow, and plainly right."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from zkdps.verifier_contracts.reference.sumcheck.field import Field, P

TAILS = {4: (3, 0, 0, 0), 5: (1, 0, -1, 0, 0)}
"""Limbs of x^D."""

DEGREES = (4, 5)


def multiply(a: Sequence[int], b: Sequence[int]) -> list[int]:
    degree = len(a)
    product = [0] * (2 * degree - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] += x * y
    for k in range(2 * degree - 2, degree - 1, -1):
        for j, tail in enumerate(TAILS[degree]):
            product[k - degree + j] += product[k] * tail
    return [limb % P for limb in product[:degree]]


def add(a: Sequence[int], b: Sequence[int]) -> list[int]:
    return [(x + y) % P for x, y in zip(a, b, strict=True)]


def power(a: Sequence[int], exponent: int) -> list[int]:
    result = [1] + [0] * (len(a) - 1)
    for bit in f"{exponent:b}":
        result = multiply(result, result)
        if bit == "1":
            result = multiply(result, a)
    return result


def random_elements(field: Field, random: Random, count: int) -> list[int]:
    """Reduced elements."""
    return [field.element([random.randrange(P) for _ in range(field.degree)]) for _ in range(count)]
