"""Curve, scalars and pairing against py_ecc, and the identities they rest on."""

from __future__ import annotations

import py_ecc.optimized_bn128 as twin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkdps.verifier_contracts.reference import pairing
from zkdps.verifier_contracts.reference.bn254 import FIELD, Point, is_on_curve, multiply_sum
from zkdps.verifier_contracts.reference.lookup import product_and_cofactors
from zkdps.verifier_contracts.reference.scalars import DELTA, ORDER, horner, invert_all
from zkdps.verifier_contracts.reference.vka import G2Point

SCALARS = st.integers(0, ORDER - 1)
EDGES = st.sampled_from([0, 1, 2, ORDER - 1, ORDER - 2, 1 << 253, (1 << 128) - 1])


def g1(scalar: int) -> Point:
    """The twin's multiple of the generator, affine."""
    product = twin.multiply(twin.G1, scalar)
    if product[2] == 0:
        return None
    x, y = twin.normalize(product)
    return int(x), int(y)


def g2(scalar: int) -> G2Point:
    x, y = twin.normalize(twin.multiply(twin.G2, scalar))
    return (int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1]))


def test_constants() -> None:
    assert twin.field_modulus == FIELD
    assert twin.curve_order == ORDER
    assert pow(7, 1 << 28, ORDER) == DELTA


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), SCALARS | EDGES), max_size=40))
def test_sums_of_multiples(terms: list[tuple[int, int]]) -> None:
    expected = sum(log * scalar for log, scalar in terms) % ORDER
    points = {log: g1(log) for log, _ in terms}
    assert multiply_sum([(points[log], scalar) for log, scalar in terms]) == g1(expected)


@given(SCALARS, SCALARS)
def test_only_reduced_coordinates_on_the_equation_are_points(x: int, y: int) -> None:
    assert is_on_curve(1, 2)
    assert not is_on_curve(1 + FIELD, 2)
    assert not is_on_curve(0, 0), "the identity has no affine encoding on the curve"
    assert is_on_curve(x, y) == ((y * y - x**3 - 3) % FIELD == 0)


@given(st.lists(st.integers(1, ORDER - 1), max_size=20))
def test_inverses(values: list[int]) -> None:
    inverses = invert_all(values)
    assert [a * b % ORDER for a, b in zip(values, inverses, strict=True)] == [1] * len(values)
    with pytest.raises(ZeroDivisionError):
        invert_all([*values, 0])


@given(st.lists(SCALARS, max_size=8), SCALARS)
def test_horner(terms: list[int], base: int) -> None:
    powers = range(len(terms) - 1, -1, -1)
    assert (
        horner(terms, base)
        == sum(term * pow(base, i, ORDER) for i, term in zip(powers, terms, strict=True)) % ORDER
    )


@given(st.lists(SCALARS, max_size=6))
def test_cofactors(factors: list[int]) -> None:
    def product(of: list[int]) -> int:
        total = 1
        for factor in of:
            total = total * factor % ORDER
        return total

    each = [product(factors[:k] + factors[k + 1 :]) for k in range(len(factors))]
    assert product_and_cofactors(factors) == (product(factors), sum(each) % ORDER)


def test_the_hard_exponent() -> None:
    digits = [
        sum(c * pairing.BN_PARAMETER**j for j, c in enumerate(row)) for row in pairing.HARD_EXPONENT
    ]
    exponent = sum(digit * FIELD**i for i, digit in enumerate(digits))
    assert exponent * ORDER == FIELD**4 - FIELD**2 + 1


def test_the_pairing_is_the_twins() -> None:
    x, y = twin.multiply(twin.G1, 77), twin.multiply(twin.G2, 1234)
    expected = twin.pairing(y, x)
    lines = pairing._lines(g2(1234))
    (px, py) = g1(77) or (0, 0)
    value = twin.FQ12.one()
    for squares, a, b, c in lines:
        value = (value * value if squares else value) * (a * px + b * py + c)
    assert pairing._final_exponentiation(value) == expected


@settings(max_examples=8, deadline=None)
@given(st.integers(1, ORDER - 1), st.integers(0, 3))
def test_bilinearity(a: int, off: int) -> None:
    q = g2(5)
    holds = pairing.product_is_one([(g1(5 * a % ORDER), g2(1)), (g1(-a % ORDER + off), q)])
    assert holds == (off == 0)
    assert pairing.product_is_one([(None, q)])
    assert pairing.product_is_one([])


def test_g2_membership() -> None:
    assert pairing.is_in_g2(g2(3))
    (x0, x1), (y0, y1) = g2(3)
    assert not pairing.is_in_g2(((x0, x1), (y0, (y1 + 1) % FIELD)))
    assert not pairing.is_in_g2(((x0 + FIELD, x1), (y0, y1))), "coordinates must be reduced"
    assert not pairing.is_in_g2(((0, 0), (0, 0))), "the identity is no SRS"
    assert not pairing.is_in_g2(_outside_the_subgroup()), "the twist has a cofactor"


def _outside_the_subgroup() -> G2Point:
    """A point of the twist whose order is not r: the first x = (n, 1) with a square y²."""
    for n in range(50):
        x = twin.FQ2([n, 1])
        right = x * x * x + twin.b2
        # p = 3 mod 4: a square root in F_p² by the complex method (Adj and Rodriguez, 2012/685).
        root = right ** ((FIELD - 3) // 4)
        alpha, candidate = root * root * right, root * right
        if alpha == twin.FQ2([FIELD - 1, 0]):
            y = twin.FQ2([0, 1]) * candidate
        else:
            y = (twin.FQ2.one() + alpha) ** ((FIELD - 1) // 2) * candidate
        if y * y == right:
            return (n, 1), (int(y.coeffs[0]), int(y.coeffs[1]))
    raise AssertionError("no point found")
