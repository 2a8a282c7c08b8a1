"""Norms: exact roots and quotients, and no variance that wraps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provers.sumcheck.operators.calibrated_blocks import Case, case_of, holds, one_of
from zkdps.core.errors import LayoutFailed, OutOfRange
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operators.addition import Addition
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.root import coarse_limit, square_limit
from zkdps.provers.sumcheck.operators.table import Table
from zkdps.provers.sumcheck.wires import whole

EPSILON = 1e-5


def norm_case(
    rows: int,
    depth: int,
    *,
    is_centred: bool = True,
    weighted: bool = True,
    residual: bool = False,
    factor: float = 1.0,
    scale_bits: int = 8,
    seed: int = 0,
) -> Case:
    rng = np.random.default_rng(seed)
    inputs = {"x": rng.normal(size=(rows, depth)) * factor}
    if residual:
        inputs["y"] = rng.normal(size=(rows, depth)) + 1
    gain = rng.normal(size=depth) + 1 if weighted else None
    bias = rng.normal(size=depth) if weighted else None
    wires = tuple(whole(name, held.shape) for name, held in inputs.items())
    operation = Norm("n", wires, gain, bias, EPSILON, is_centred)
    return case_of(inputs, operation, scale_bits=scale_bits)


def columns_of(
    case: Case, x: np.ndarray, *, is_centred: bool, gain_one: float
) -> dict[str, np.ndarray]:
    """Everything a norm commits, from Python integers."""
    rows, depth = x.shape
    scale = 8 if "x" not in case.built.widths else case.width("x").scale_bits
    mean = (x.sum(axis=1) + depth // 2) // depth if is_centred else np.zeros(rows, dtype=object)
    shift = scale - case.width("n.deviation").scale_bits
    half = (1 << shift) // 2
    c = (x - mean[:, None] + half) // (1 << shift)
    floor = max(1, round(depth * EPSILON * 4.0 ** case.width("n.deviation").scale_bits))
    square = (c * c).sum(axis=1) + floor
    sigma = np.array([math.isqrt(int(v)) for v in square], dtype=object)
    coarse = (c + 128) // 256
    if "n.gain" in case.built.positions:
        gain = case["n.gain"].astype(object)
        bias = case["n.bias"].astype(object)
    else:
        gain, bias = np.array([round(gain_one)], dtype=object), np.array([0], dtype=object)
    extra = case.width("n.numerator").scale_bits - case.width("n.deviation").scale_bits
    numerator = c if extra == 0 else x - mean[:, None]
    root = sigma[:, None] << extra
    top = 2 * numerator * gain + root * bias + root
    y = top // (2 * root)
    columns = {
        "n_coarse": coarse,
        "n_coarse_sum": (coarse * coarse).sum(axis=1),
        "n_deviation": sigma,
        "n_deviation_remainder": square - sigma * sigma,
        "n": y,
        "n_remainder": top - 2 * root * y,
    }
    if is_centred:
        columns["n_mean"] = mean
        columns["n_mean_remainder"] = x.sum(axis=1) + depth // 2 - depth * mean
    if shift:
        columns["n_fine"] = c - 256 * coarse
    return columns


@pytest.mark.parametrize("scale_bits", [8, 14])
@pytest.mark.parametrize("is_centred", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("rows", "depth"), [(1, 1), (1, 3), (3, 8), (2, 96)])
def test_integers_and_closeness(
    rows: int, depth: int, weighted: bool, is_centred: bool, scale_bits: int
) -> None:
    case = norm_case(
        rows, depth, is_centred=is_centred, weighted=weighted, scale_bits=scale_bits, factor=3.0
    )
    one = math.sqrt(depth) * 2.0 ** case.width("n").scale_bits
    x = case.inputs["x"].astype(object)
    for name, integers in columns_of(case, x, is_centred=is_centred, gain_one=one).items():
        own = {n.replace(".", "_"): n for n in case.built.positions}[name]
        assert (case[own].reshape(-1) == integers.reshape(-1)).all(), name
    assert holds(case)
    if depth > 3:
        error = np.abs(case.real("n") - case.expected.reshape(-1)).max()
        assert error < 0.01 * max(1.0, np.abs(case.expected).max())


def massive(depth: int = 64, seed: int = 6) -> np.ndarray:
    """One row with an activation that dwarfs all other rows, as language models have."""
    x = np.random.default_rng(seed).normal(size=(4, depth))
    x[0, depth // 3] = 2000.0
    return x


def massive_case() -> Case:
    x = massive()
    operation = Norm("n", (whole("x", x.shape),), np.ones(64), np.zeros(64), EPSILON)
    reader = Addition("r", ((1.0, whole("n", x.shape)),))
    return case_of({"x": x}, operation, reader, scale_bits=6)


def test_a_massive_activation_leaves_ordinary_rows_their_precision() -> None:
    """The numerator is finer than the root; the remainders are wider."""
    case = massive_case()
    extra = case.width("n.numerator").scale_bits - case.width("n.deviation").scale_bits
    assert extra > 0
    x = case.inputs["x"].astype(object)
    columns = columns_of(case, x, is_centred=True, gain_one=0.0)
    for name, integers in columns.items():
        own = {n.replace(".", "_"): n for n in case.built.positions}[name]
        assert (case[own].reshape(-1) == integers.reshape(-1)).all(), name
    assert holds(case)
    error = np.abs(case.real("n") - case.expected.reshape(-1))
    assert error.mean() < 0.01
    root = columns["n_deviation"][:, None] << extra
    for step in (1, -1):
        found = case.forged(
            n=columns["n"] + step, n_remainder=columns["n_remainder"] - step * 2 * root
        )
        assert any("n.remainder" in fault for fault in found)


def test_a_residual_needs_no_value_of_its_own() -> None:
    case = norm_case(3, 24, residual=True)
    x = case.inputs["x"].astype(object) + case.inputs["y"].astype(object)
    for name, integers in columns_of(case, x, is_centred=True, gain_one=0.0).items():
        own = {n.replace(".", "_"): n for n in case.built.positions}[name]
        assert (case[own].reshape(-1) == integers.reshape(-1)).all(), name
    assert holds(case)


def test_rows_of_very_different_deviation_keep_their_precision() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(4, 64))
    x[0] *= 30
    operation = Norm("n", (whole("x", x.shape),), None, None, 1e-12)
    case = case_of({"x": x}, operation, scale_bits=10)
    assert np.abs(case.real("n") - case.expected.reshape(-1)).max() < 0.01


def test_summands_of_far_scales_are_rounded_before_they_are_added() -> None:
    """A huge stream and a small branch: aligned, a row's sum would not stay below p."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 700)) * 300, rng.normal(size=(2, 700)) * 0.01
    wires = (whole("x", x.shape), whole("t", y.shape))
    table = Table("t", whole("y", y.shape), np.tanh)
    operation = Norm("n", wires, None, None, EPSILON)
    case = case_of({"x": x, "y": y}, table, operation, scale_bits=6)
    assert "n.summand1" in case.built.positions
    assert np.abs(case.real("n") - case.expected.reshape(-1)).max() < 0.01


def test_forgeries() -> None:
    case = norm_case(2, 8, factor=2.0)
    x = case.inputs["x"].astype(object)
    honest = columns_of(case, x, is_centred=True, gain_one=0.0)
    assert not case.forged(**honest)

    def forged(**changes: np.ndarray) -> list[str]:
        return case.forged(**{**honest, **changes})

    sigma, rest = honest["n_deviation"], honest["n_deviation_remainder"]
    higher = forged(n_deviation=sigma + 1, n_deviation_remainder=rest - 2 * sigma - 1)
    assert any("n.deviation.remainder" in fault for fault in higher)
    lower = forged(n_deviation=sigma - 1, n_deviation_remainder=rest + 2 * sigma - 1)
    assert any("n.deviation.remainder.below" in fault for fault in lower)
    assert forged(n_deviation=sigma * 0, n_deviation_remainder=rest + sigma * sigma)
    assert forged(n_deviation=-sigma)
    mean = honest["n_mean"]
    assert forged(n_mean=mean + 1, n_mean_remainder=honest["n_mean_remainder"] - 8)
    assert one_of(forged(n_coarse=honest["n_coarse"] + 1), "n.fine", "n.coarse")
    assert one_of(forged(n_coarse_sum=honest["n_coarse_sum"] + 1), "n.coarse")
    y, r = honest["n"], honest["n_remainder"]
    for step in (1, -1):
        found = forged(n=y + step, n_remainder=r - step * 2 * sigma[:, None])
        assert one_of(found, "n.remainder")
    assert one_of(forged(n=y + 1), "n")


def test_a_mean_mod_p_is_none() -> None:
    """D * mu + r = sum + p has solutions; none is in range."""
    case = norm_case(1, 6)
    total = int(case.inputs["x"].sum()) + 3
    low, high = case.width("n.mean").low, case.width("n.mean").high
    found = [m for m in range(low, high + 1) if (total - 6 * m) % P < 6]
    assert found == [total // 6]
    for times in (-2, -1, 1, 2):
        mean, rest = divmod(total + times * P, 6)
        if abs(mean) < 1 << 40:
            assert case.forged(n_mean=np.array([mean]), n_mean_remainder=np.array([rest]))


def test_a_variance_that_wraps_has_no_proof() -> None:
    """The witness of old: sum c^2 = p + small, of which the small root would be proven.

    Its coarse limbs are too large together, or one alone is.
    """
    depth = 8
    quiet = np.random.default_rng(1).normal(size=(1, depth)) * 30
    operation = Norm("n", (whole("x", (1, depth)),), None, None, EPSILON, is_centred=False)
    case = case_of({"x": quiet}, operation, scale_bits=8)
    assert case.width("n.deviation").scale_bits == 8
    base = math.isqrt(P // depth)
    floor = max(1, round(depth * EPSILON * 4.0**8))
    c = np.full(depth, base, dtype=object)
    place = 0
    while (c * c).sum() + floor < P:
        c[place % depth] += 1
        place += 1
    total = int((c * c).sum()) + floor - P
    sigma = math.isqrt(total)
    assert sigma <= case.width("n.deviation").high
    gain = round(math.sqrt(depth) * 2.0 ** case.width("n").scale_bits)
    top = 2 * c * gain + sigma
    columns = {
        "x": c,
        "n_coarse": (c + 128) // 256,
        "n_coarse_sum": (((c + 128) // 256) ** 2).sum(),
        "n_deviation": sigma,
        "n_deviation_remainder": total - sigma * sigma,
        "n": top // (2 * sigma),
        "n_remainder": top % (2 * sigma),
    }
    found = case.forged(**{name: np.array([held]) for name, held in columns.items()})
    assert any("n.coarse.sum.most" in fault for fault in found)
    # The relations themselves hold mod p: only look-ups stand against it.
    assert not any(fault.startswith("relation n.deviation") for fault in found)


@given(st.integers(1, 1 << 16), st.integers(1, 2048), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_bounds_of_the_variance(largest: int, depth: int, random: object) -> None:
    """Any row within the root's range passes the coarse look-up; what passes stays bounded."""
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    c = rng.integers(-largest, largest + 1, size=depth)
    if rng.integers(2):
        c[1:] = c[1:] % 300
    squares = int((c.astype(object) ** 2).sum())
    coarse = int((((c + 128) // 256).astype(object) ** 2).sum())
    assert coarse <= coarse_limit(math.isqrt(squares), depth)
    assert squares <= square_limit(coarse, depth)


def test_out_of_range() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 16))
    operation = Norm("n", (whole("x", x.shape),), None, None, EPSILON)
    wild = x.copy()
    wild[0, :8] = 1e3
    with pytest.raises(OutOfRange):
        case_of({"x": wild}, operation, seen={"x": x})
    with pytest.raises(LayoutFailed):
        case_of({"x": x}, operation, scale_bits=24)


def test_a_gain_that_leaves_no_room_narrows_the_result() -> None:
    """One huge gain where the activation is small: the result gives way, not the precision of c."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4, 64))
    x[:, 5] *= 1e-3
    gain = np.ones(64)
    gain[5] = 100.0
    operation = Norm("n", (whole("x", x.shape),), gain, None, EPSILON)
    case = case_of({"x": x}, operation, scale_bits=10)
    assert case.width("n.deviation").high >= (1 << 13) - 1
    assert np.abs(case.real("n") - case.expected.reshape(-1)).max() < 0.1
