"""The extension fields, against their definition as quotients of polynomials."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.field import DEGREES, GENERATOR, Element, P

degrees = pytest.mark.parametrize("degree", DEGREES)
limbs = st.one_of(st.sampled_from([0, 1, P - 1]), st.integers(0, P - 1))


def by_definition(a: Element, b: Element) -> Element:
    """The product polynomial, its powers from x^D on replaced one by one."""
    degree = len(a)
    product = [0] * (2 * degree - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] += x * y
    for k in range(2 * degree - 2, degree - 1, -1):
        high, product[k] = product[k], 0
        if degree == 4:
            product[k - 4] += 3 * high
        else:
            product[k - 5] += high
            product[k - 3] -= high
    return tuple(x % P for x in product[:degree])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Element, Element]:
    degree = draw(st.sampled_from(DEGREES))
    a, b = (tuple(draw(limbs) for _ in range(degree)) for _ in range(2))
    return a, b


@given(pairs())
def test_operations(pair: tuple[Element, Element]) -> None:
    a, b = pair
    degree = len(a)
    assert field.mul(a, b) == by_definition(a, b)
    assert field.sub(field.add(a, b), b) == a
    assert field.add(a, field.neg(a)) == field.zero(degree)
    assert field.scale(a, -3) == field.neg(field.add(a, field.add(a, a)))
    if any(a):
        assert field.mul(a, field.inverse(a)) == field.one(degree)


@degrees
def test_the_modulus_is_irreducible(degree: int) -> None:
    # x^(p^D) = x, and x^(p^k) - x is invertible for k < D: with D prime or D = 4, k = 1, 2 do.
    x = (0, 1, *(0,) * (degree - 2))
    assert field.power(x, P**degree) == x
    for k in (1, 2):
        field.inverse(field.sub(field.power(x, P**k), x))


@degrees
def test_zero_has_no_inverse(degree: int) -> None:
    with pytest.raises(ZeroDivisionError):
        field.inverse(field.zero(degree))


def test_roots_of_unity() -> None:
    primes = (2, 127)  # p - 1 = 2^24 * 127
    assert P - 1 == 2**24 * 127
    assert all(pow(GENERATOR, (P - 1) // q, P) != 1 for q in primes)
    for lg in (0, 1, 5, 24):
        assert pow(field.omega(1 << lg), 1 << lg, P) == 1
        assert lg == 0 or pow(field.omega(1 << lg), 1 << (lg - 1), P) == P - 1
    for n in (0, 3, 1 << 25):
        with pytest.raises(ValueError, match="root of unity"):
            field.omega(n)


@degrees
def test_eq(degree: int) -> None:
    rng = random.Random(degree)
    point = [tuple(rng.randrange(P) for _ in range(degree)) for _ in range(3)]
    bits = [[field.element(x >> k & 1, degree) for k in (2, 1, 0)] for x in range(8)]
    table = field.eq_table(point, degree)
    assert table == [field.eq(point, x, degree) for x in bits]
    assert field.total(table, degree) == field.one(degree)
    assert field.eq(bits[5], bits[5], degree) == field.one(degree)
    assert field.eq(bits[5], bits[4], degree) == field.zero(degree)


@degrees
def test_sums_and_powers(degree: int) -> None:
    rng = random.Random(degree)
    a = [tuple(rng.randrange(P) for _ in range(degree)) for _ in range(4)]
    assert field.dot(a, [field.one(degree)] * 4, degree) == field.total(a, degree)
    assert field.powers(a[0], 4)[3] == field.power(a[0], 3)
    assert field.powers(a[0], 0) == []
    assert [field.bits(n) for n in (1, 2, 3, 4, 5)] == [0, 1, 2, 2, 3]
