"""Our curve arithmetic against py_ecc's, and the group's laws."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.optimized_bn128 import FQ, G1, add, curve_order, field_modulus, is_inf, normalize
from py_ecc.optimized_bn128 import multiply as reference_multiply

from zkdps.core import bn254
from zkdps.core.bn254 import GENERATOR, ORDER, Point

scalars = st.one_of(
    st.integers(0, ORDER - 1), st.integers(0, 20), st.integers(ORDER - 20, ORDER - 1)
)
signed = st.one_of(st.integers(-(2**24), 2**24), st.integers(-3, 3), st.integers(-ORDER, ORDER))


def reference(scalar: int) -> Point:
    return affine(reference_multiply(G1, scalar % curve_order))


def affine(point: tuple[FQ, FQ, FQ]) -> Point:
    if is_inf(point):
        return None
    x, y = normalize(point)
    return int(x), int(y)


def test_the_constants_are_the_curves() -> None:
    assert (field_modulus, curve_order) == (bn254.FIELD, bn254.ORDER)
    assert bn254.is_on_curve(GENERATOR)
    root = bn254.omega(bn254.TWO_ADICITY)
    assert pow(root, 1 << 28, ORDER) == 1 != pow(root, 1 << 27, ORDER)


@given(st.lists(st.tuples(scalars, scalars), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_sums_equal_the_references(pairs: list[tuple[int, int]]) -> None:
    lefts, rights = [reference(a) for a, _ in pairs], [reference(b) for _, b in pairs]
    expected = [affine(add(reference_multiply(G1, a), reference_multiply(G1, b))) for a, b in pairs]
    assert bn254.add_pairs(lefts, rights) == expected


@given(st.integers(0, ORDER - 1))
@settings(max_examples=10, deadline=None)
def test_special_sums(scalar: int) -> None:
    point = reference(scalar)
    sums = bn254.add_pairs(
        [point, point, None, point, None], [point, bn254.negate(point), point, None, None]
    )
    assert sums == [reference(2 * scalar), None, point, point, None]


@given(st.lists(st.tuples(scalars, signed), max_size=12))
@settings(max_examples=25, deadline=None)
def test_sums_of_multiples(terms: list[tuple[int, int]]) -> None:
    points = [reference(a) for a, _ in terms]
    expected = reference(sum(a * b for a, b in terms))
    assert bn254.multiply_sum(points, [b for _, b in terms]) == expected


@pytest.mark.parametrize("terms", [1, 300, 70_000])
def test_fixed_base_tables_of_every_width(terms: int) -> None:
    values = [0, 1, 2, 255, 256, ORDER - 1, ORDER // 3]
    made = bn254.FixedBase(GENERATOR, terms).multiply_all(values)
    assert made == [reference(value) for value in values]


@given(scalars)
@settings(max_examples=10, deadline=None)
def test_bytes_round_trip(scalar: int) -> None:
    point = reference(scalar)
    assert bn254.from_bytes(bn254.to_bytes(point)) == point


@pytest.mark.parametrize(
    "data", [b"", bytes(63), bytes(63) + b"\1", b"\xff" * 64, bytes(31) + b"\1" + bytes(32)]
)
def test_bytes_that_are_no_point_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="point"):
        bn254.from_bytes(data)
