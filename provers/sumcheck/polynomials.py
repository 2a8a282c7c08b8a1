"""Univariate polynomials by their values at 0, 1, 2, ..: what sum-check rounds send.

Source: docs/sumcheck.md, section 5, step 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.field import Element, P


@cache
def _inverse_vandermonde(count: int) -> tuple[tuple[int, ...], ...]:
    """Row k: the weights of values at 0..count-1 in coefficient k, modulo p."""
    rows = [[0] * count for _ in range(count)]
    for node in range(count):
        basis = [1]
        scale = 1
        for other in range(count):
            if other != node:
                basis = [
                    (low - other * high) % P
                    for low, high in zip([0, *basis], [*basis, 0], strict=True)
                ]
                scale = scale * (node - other) % P
        for k, coefficient in enumerate(basis):
            rows[k][node] = coefficient * pow(scale, -1, P) % P
    return tuple(tuple(row) for row in rows)


def coefficients(values: Sequence[Element]) -> list[Element]:
    """Of the polynomial with these values at 0, 1, 2, .."""
    limbs = list(zip(*values, strict=True))
    return [
        tuple([sum(w * x for w, x in zip(row, limb, strict=True)) % P for limb in limbs])
        for row in _inverse_vandermonde(len(values))
    ]


def evaluate(polynomial: Sequence[Element], x: Element) -> Element:
    """By Horner's rule; `polynomial` is its coefficients, the constant first."""
    result = polynomial[-1]
    for coefficient in reversed(polynomial[:-1]):
        result = field.add(coefficient, field.mul(result, x))
    return result


def at_integer(polynomial: Sequence[Element], x: int) -> Element:
    """The value at a small integer."""
    result = polynomial[-1]
    for coefficient in reversed(polynomial[:-1]):
        result = field.add(coefficient, field.scale(result, x))
    return result
