"""Quantising: nearest, halves away from zero, within half a step, exact both ways."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkdps.core.errors import MalformedTensor, ShapeMismatch
from zkdps.core.fixed_point import (
    MAX_ABS_INTEGER,
    FixedTensor,
    exact_integers,
    from_bytes,
    quantise,
    round_half_away,
)
from zkdps.core.plan import TensorSpec

SCALE_BITS = st.integers(0, 20)
INTEGERS = st.lists(st.integers(-MAX_ABS_INTEGER, MAX_ABS_INTEGER), max_size=8)


def _spec(count: int, scale_bits: int) -> TensorSpec:
    return TensorSpec("t", (count,), "float32" if scale_bits else "int64", scale_bits)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.integers(1, 20))
def test_within_half_a_step(values: list[float], scale_bits: int) -> None:
    tensor = quantise(values, _spec(len(values), scale_bits))
    half = Fraction(1, 2 << scale_bits)
    for value, integer in zip(values, tensor.integers.tolist(), strict=True):
        error = abs(Fraction(value) - Fraction(integer, 1 << scale_bits))
        assert error <= half, f"{value} became {integer}"
        if error == half:
            assert abs(Fraction(integer, 1 << scale_bits)) > abs(Fraction(value)), "not away from 0"


@given(INTEGERS, SCALE_BITS)
def test_dequantised_integers_quantise_to_themselves(integers: list[int], bits: int) -> None:
    tensor = FixedTensor(np.array(integers, dtype=np.int64), bits)
    spec = _spec(len(integers), bits)
    assert quantise(tensor.reals, spec).equals(tensor)
    assert exact_integers(tensor.reals, spec).equals(tensor)
    assert from_bytes(tensor.to_bytes(), spec).equals(tensor)
    assert tensor.max_abs == max((abs(i) for i in integers), default=0)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), st.integers(1, 20))
def test_quantising_is_odd_and_monotone(values: list[float], scale_bits: int) -> None:
    spec = _spec(len(values), scale_bits)
    ordered = np.sort(np.array(values))
    integers = quantise(ordered, spec).integers
    assert (np.diff(integers) >= 0).all()
    np.testing.assert_array_equal(quantise(-ordered, spec).integers, -integers)


@given(st.integers(-(1 << 51), 1 << 51))
def test_halves_go_away_from_zero(whole: int) -> None:
    got = round_half_away(np.array([whole + 0.5]))[0]
    assert got == (whole + 1 if whole >= 0 else whole)


def test_the_float_just_below_a_half_goes_down() -> None:
    # floor(x + 0.5) gets this one wrong.
    assert round_half_away(np.array([0.49999999999999994]))[0] == 0


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=4), st.integers(1, 20))
def test_values_between_steps_are_not_exact(integers: list[int], scale_bits: int) -> None:
    between = (np.array(integers) + 0.25) / (1 << scale_bits)
    with pytest.raises(MalformedTensor, match="between the steps"):
        exact_integers(between, _spec(len(integers), scale_bits))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 2.0**60])
def test_unrepresentable_values(bad: float) -> None:
    with pytest.raises(MalformedTensor):
        quantise([0.0, bad], _spec(2, 8))


def test_not_numbers_wrong_shape_fractions() -> None:
    with pytest.raises(MalformedTensor):
        quantise(["one"], _spec(1, 8))
    with pytest.raises(ShapeMismatch):
        quantise([1.0, 2.0], _spec(3, 8))
    with pytest.raises(MalformedTensor, match="fractions"):
        quantise([0.5], _spec(1, 0))
    with pytest.raises(MalformedTensor):
        from_bytes(b"\0" * 15, _spec(2, 8))
    with pytest.raises(MalformedTensor):
        from_bytes((MAX_ABS_INTEGER + 1).to_bytes(8, "little"), _spec(1, 8))


def test_tensors_are_frozen() -> None:
    tensor = quantise([1.0], _spec(1, 8))
    with pytest.raises(ValueError, match="read-only"):
        tensor.integers[0] = 5


def test_scale_is_part_of_equality() -> None:
    one = FixedTensor(np.array([4]), 2)
    assert not one.equals(FixedTensor(np.array([4]), 3))
    assert not one.equals(FixedTensor(np.array([[4]]), 2))


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [("bool", [0, 1], 2), ("bool", [True, False], -1), ("int32", [-(1 << 31), 7], 1 << 31)],
)
def test_integer_tensors_hold_values_of_their_type(dtype: str, good: list[int], bad: int) -> None:
    spec = TensorSpec("t", (2,), dtype, 0)
    assert quantise(good, spec).integers.tolist() == [int(value) for value in good]
    with pytest.raises(MalformedTensor, match=f"takes {dtype}"):
        quantise([0, bad], spec)
