"""Packed elements are the field's elements: against arithmetic limb by limb."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier_contracts.sumcheck import schoolbook
from tests.verifier_contracts.sumcheck.schoolbook import DEGREES, random_elements
from zkdps.verifier_contracts.reference.sumcheck.field import (
    GENERATOR,
    MAX_PRODUCTS,
    TWO_ADICITY,
    Field,
    P,
    root_of_unity,
)
from zkdps.verifier_contracts.reference.sumcheck.polynomials import (
    bits,
    counting,
    eq_at,
    eq_points,
    eq_table,
    extension,
    interpolated,
    quadratic_at,
)

limbs = st.lists(st.integers(0, P - 1) | st.sampled_from([0, 1, P - 1]), min_size=5, max_size=5)


def test_the_prime_and_its_roots_of_unity() -> None:
    assert P == 0x7F000001
    for factor in (2, 127):  # p - 1 = 2^24 * 127
        assert pow(GENERATOR, (P - 1) // factor, P) != 1
    for order_bits in (0, 1, 7, TWO_ADICITY):
        omega = root_of_unity(order_bits)
        assert pow(omega, 1 << order_bits, P) == 1
        assert order_bits == 0 or pow(omega, 1 << order_bits - 1, P) == P - 1


@pytest.mark.parametrize("degree", DEGREES)
def test_the_polynomial_is_irreducible(degree: int) -> None:
    """x^(p^D) = x, and x^(p^k) - x is a unit for every proper divisor k of D."""
    x = [0, 1] + [0] * (degree - 2)
    images = [x]
    for _ in range(degree):
        images.append(schoolbook.power(images[-1], P))
    assert images[degree] == x
    field = Field(degree)
    for k in range(1, degree):
        if degree % k == 0:
            difference = field.reduce(field.element(images[k]) - field.element(x))
            assert field.reduce(difference * field.inverse(difference)) == 1


@pytest.mark.parametrize("degree", DEGREES)
@given(a=limbs, b=limbs, c=limbs)
def test_ring(degree: int, a: list[int], b: list[int], c: list[int]) -> None:
    a, b, c = a[:degree], b[:degree], c[:degree]
    field = Field(degree)
    x, y, z = (field.element(limbs) for limbs in (a, b, c))
    product = schoolbook.multiply(a, b)
    assert field.limbs(x * y) == product
    assert field.limbs(x * y + z) == schoolbook.add(product, c)
    assert field.limbs(z - x * y) == [(m - n) % P for m, n in zip(c, product, strict=True)]
    assert field.reduce(x * y - y * x) == 0
    assert field.product([x, y, z]) == field.product([z, y, x])
    assert field.limbs(x) == a
    if x:
        assert field.reduce(field.inverse(x) * x) == 1


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_longest_inner_product_fits_the_limbs(degree: int, sign: int) -> None:
    largest = [P - 1] * degree
    square = schoolbook.multiply(largest, largest)
    field = Field(degree)
    packed = field.element(largest)
    total = sign * MAX_PRODUCTS * packed * packed
    assert field.limbs(total) == [sign * MAX_PRODUCTS * limb % P for limb in square]


@pytest.mark.parametrize("degree", DEGREES)
def test_multilinear_extensions(degree: int) -> None:
    field, random = Field(degree), Random(7)
    for variables in range(7):
        point = tuple(random_elements(field, random, variables))
        other = tuple(random_elements(field, random, variables))
        table = eq_table(field, point)
        assert [eq_at(field, point, x) for x in range(1 << variables)] == table
        assert field.reduce(sum(table)) == 1
        assert eq_points(field, point, other) == field.dot(table, eq_table(field, other))
        assert counting(field, point) == field.dot(table, range(1 << variables))
        for values in (
            random_elements(field, random, 1 << variables),
            [random.randrange(-(2**31), 2**31) for _ in table][: 1 + (1 << variables) * 2 // 3],
        ):
            assert extension(field, values, point) == field.dot(values, table[: len(values)])
    assert eq_table(field, (1, 0)) == [0, 0, 1, 0], "the first coordinate is the highest bit"


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("terms", [3, 4, 5])
def test_round_polynomials(degree: int, terms: int) -> None:
    field, random = Field(degree), Random(terms)
    coefficients = random_elements(field, random, terms)

    def at(x: int) -> int:
        result = 0
        for coefficient in reversed(coefficients):
            result = field.reduce(result * x + coefficient)
        return result

    (x,) = random_elements(field, random, 1)
    assert interpolated(field, [at(i) for i in range(terms)], x) == at(x)
    if terms == 3:
        assert quadratic_at(field, at(0), at(1), coefficients[2], x) == at(x)


def test_bits() -> None:
    assert [bits(n) for n in (1, 2, 3, 4, 5, 96, 127, 128, 129)] == [0, 1, 2, 2, 3, 7, 7, 7, 8]
