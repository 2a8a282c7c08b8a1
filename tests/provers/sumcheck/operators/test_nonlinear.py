"""Softmax, maximum, tables, means: exact integers, and forged ones that nothing proves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.provers.sumcheck.operators.calibrated_blocks import Case, case_of, holds, one_of
from tests.provers.sumcheck.satisfied import holds as satisfies
from zkdps.core.errors import LayoutFailed, OutOfRange
from zkdps.provers.sumcheck.execute import execute
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.operators.exponential import exponential_bits
from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.ratio import WeightedMean
from zkdps.provers.sumcheck.operators.softmax import Softmax
from zkdps.provers.sumcheck.operators.table import Table
from zkdps.provers.sumcheck.tables import exponential_rows, function_rows
from zkdps.provers.sumcheck.wires import whole

RNG = np.random.default_rng(11)


def gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))))


# --- Softmax ---------------------------------------------------------------------------------


def softmax_columns(case: Case, scores: np.ndarray, top: np.ndarray) -> dict[str, np.ndarray]:
    """Everything softmax commits after its scores, for any claimed maxima."""
    gap = top[:, None] - scores
    bits = case.width("s.weight").scale_bits
    rows = exponential_rows(
        case.width("s.gap").high + 1, 2.0 ** -case.width("s.score").scale_bits, bits
    )
    weight = rows[np.clip(gap.astype(np.int64), 0, len(rows) - 1)].astype(object)
    total = weight.sum(axis=1)[:, None]
    raised = weight * (2 << case.width("s").scale_bits) + total
    which = np.zeros(scores.shape, dtype=np.int64)
    nearest = np.abs(gap).astype(np.int64).argmin(axis=1)
    np.put_along_axis(which, nearest[:, None], 1, axis=1)
    return {
        "s_top": top,
        "s_gap": gap,
        "s_top_which": which,
        "s_weight": weight,
        "s_sum": total,
        "s": raised // (2 * total),
        "s_remainder": raised % (2 * total),
    }


@pytest.mark.parametrize("shape", [(1,), (3,), (1, 1), (3, 5), (2, 96), (2, 2, 3)])
def test_softmax(shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=shape) * 3
    case = case_of({"x": x}, Softmax("s", whole("x", shape)))
    # The scale of the scores is the boundary's.
    assert case.width("s.score").scale_bits == 8
    scores = case.inputs["x"].astype(object).reshape(-1, shape[-1])
    columns = softmax_columns(case, scores, scores.max(axis=1))
    for name in ("s_top", "s_gap", "s_weight", "s_sum", "s", "s_remainder"):
        got = case[name.replace("s_", "s.") if name != "s" else name].reshape(-1)
        assert (got == columns[name].reshape(-1)).all(), name
    assert holds(case)
    assert np.abs(case.real("s") - case.expected.reshape(-1)).max() < 0.01
    assert not case.forged(**columns)
    for change in (1, 40):
        found = case.forged(**softmax_columns(case, scores, scores.max(axis=1) + change))
        assert one_of(found, "s.top") and "reached" in found[0]
    lower = case.forged(**softmax_columns(case, scores, scores.max(axis=1) - 1))
    assert any("s.weight" in fault for fault in lower)


def test_softmax_of_wide_scores_rounds_them() -> None:
    x = RNG.normal(size=(2, 6)) * 40
    case = case_of({"x": x}, Softmax("s", whole("x", x.shape)), scale_bits=12)
    assert case.width("s.score").scale_bits < 12
    assert holds(case)
    assert np.abs(case.real("s") - case.expected.reshape(-1)).max() < 0.02


@pytest.mark.parametrize(
    ("keys", "bits"), [(1, 10), (32, 10), (128, 8), (512, 8), (513, 7), (1024, 7), (2048, 6)]
)
def test_exponentials_are_as_fine_as_sums_of_them_allow(keys: int, bits: int) -> None:
    """Of values of 12 bits; the bounds are those that `divide` proves."""
    assert exponential_bits(keys, 13) == bits
    largest = keys << bits
    assert (1 << 12) * 2 * largest <= P
    assert 2 * largest * 2048 + largest + 2 * largest * 2049 < P


# --- Maximum ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (3,), (1, 1), (3, 4), (2, 3, 5), (2, 96)])
def test_maximum(shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=shape)
    case = case_of({"x": x}, Maximum("m", whole("x", shape)))
    entries = case.inputs["x"].reshape(-1, shape[-1])
    top = entries.max(axis=1)
    assert (case["m"].reshape(-1) == top).all()
    assert holds(case)
    for change in (1, -1):
        assert case.forged(m=(top + change).reshape(case["m"].shape))
    if shape[-1] > 1:
        second = np.sort(entries, axis=1)[:, -2]
        which = entries == second[:, None]
        first = which & (np.cumsum(which, axis=1) == 1)
        found = case.forged(m=second, m_which=first)
        assert one_of(found, "m.gap")


def test_maximum_over_windows() -> None:
    x = RNG.normal(size=(4, 6))
    seen = whole("x", x.shape).windows((0, 1), (2, 3), (2, 3), (1, 1)).reshape((2, 2, 6))
    case = case_of({"x": x}, Maximum("m", seen))
    expected = case.inputs["x"].reshape(2, 2, 2, 3).max(axis=(1, 3))
    assert (case["m"].reshape(2, 2) == expected).all()
    assert holds(case)


# --- Tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 96)])
@pytest.mark.parametrize("function", [gelu, np.tanh, np.exp])
def test_table(function: np.ufunc, shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=shape)
    case = case_of({"x": x}, Table("t", whole("x", shape), function))
    scale = case.width("t").scale_bits
    expected = np.rint(function(case.inputs["x"] / 2.0**8) * 2.0**scale)
    assert (case["t"].reshape(-1) == expected.reshape(-1)).all()
    assert holds(case)
    assert one_of(case.forged(t=case["t"] + 1), "t")


def test_a_wide_operand_is_rounded_to_a_key() -> None:
    x = RNG.normal(size=(3, 4)) * 100
    case = case_of({"x": x}, Table("t", whole("x", x.shape), np.tanh), scale_bits=10)
    key = case.width("t.key")
    shift = 10 - key.scale_bits
    assert shift > 0
    keys = (case.inputs["x"].astype(object) + (1 << (shift - 1))) // (1 << shift)
    assert (case["t.key"].reshape(-1) == keys.reshape(-1)).all()
    assert holds(case)
    assert case.forged(t_key=keys + 1)


def test_a_pair_lookup_is_the_only_bound_of_its_key() -> None:
    x = RNG.normal(size=(3, 4))
    wire = whole("x", x.shape)
    names = [k.name for k in case_of({"x": x}, Table("t", wire, np.tanh)).built.system.lookups]
    assert "x" not in names
    part = wire.take((slice(0, 2),))
    names = [k.name for k in case_of({"x": x}, Table("t", part, np.tanh)).built.system.lookups]
    assert any(name.startswith("x") for name in names)


def test_keys_without_a_value_are_no_rows() -> None:
    """sqrt has none below 0; what is out of the result's range has no row either."""
    x = np.array([0.25, 1.0, 2.0])
    operation = Table("t", whole("x", (3,)), np.sqrt)
    case = case_of({"x": x}, operation)
    assert case.built.system.tables[case.built.system.lookups[-1].table].low >= 0
    with pytest.raises(OutOfRange):
        case_of({"x": -x}, operation, seen={"x": x})
    with pytest.raises(LayoutFailed, match="no value"):
        x = np.array([0.3])
        nowhere = Table("t", whole("x", (1,)), lambda v: np.where(v == 0.3, 1.0, np.nan))
        case_of({"x": x}, nowhere)


def test_rows() -> None:
    rows = exponential_rows(100, 0.125, 8)
    assert rows[0] == 256
    assert rows.tolist() == [round(256 * math.exp(-d / 8)) for d in range(100)]
    first, values = function_rows(np.log, -4, 11, 2, 4, -1000, 1000)
    assert first == 1
    assert values.tolist() == [round(16 * math.log(k / 4)) for k in range(1, 12)]
    first, values = function_rows(lambda v: 1 / v, -8, 8, 2, 2, -8, 8)
    assert (first, len(values)) == (-8, 7)


# --- Means -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (96, 2), (2, 5, 3)])
def test_weighted_mean(shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=shape)
    mask = np.ones(shape[:-1])
    mask[..., 1:] = RNG.integers(0, 2, size=mask[..., 1:].shape)
    wires = whole("x", shape), whole("m", mask.shape)
    case = case_of({"x": x, "m": mask}, WeightedMean("w", *wires), masks=("m",))
    values, kept = case.inputs["x"].astype(object), case.inputs["m"].astype(object)
    total = np.asarray(kept.sum(axis=-1))[..., None]
    # At the boundary's scale, as its only reader.
    raised = 2 * (values * kept[..., None]).sum(axis=-2) + total
    assert case.width("w").scale_bits == 8
    assert (case["w"].reshape(-1) == (raised // (2 * total)).reshape(-1)).all()
    assert holds(case)
    result, rest = raised // (2 * total), raised % (2 * total)
    for step in (1, -1):
        found = case.forged(w=result + step, w_remainder=rest - step * 2 * total)
        assert one_of(found, "w")
    assert case.forged(w_sum=total * 0, w=result * 0, w_remainder=rest * 0)
    assert case.forged(w_sum=total + 1)
    empty = case.forged(m=kept * 0, w_sum=total * 0, w=result, w_remainder=rest * 0)
    assert any("w.remainder.below" in fault for fault in empty)


def test_a_mean_of_nothing_is_refused() -> None:
    x, mask = np.ones((2, 3)), np.ones(2)
    wires = whole("x", x.shape), whole("m", mask.shape)
    with pytest.raises(OutOfRange):
        case_of(
            {"x": x, "m": mask * 0},
            WeightedMean("w", *wires),
            masks=("m",),
            seen={"x": x, "m": mask},
        )


# --- Any input -------------------------------------------------------------------------------


def operators() -> dict[str, tuple[dict[str, np.ndarray], tuple[Operator, ...]]]:
    rng = np.random.default_rng(1)
    x, m = rng.normal(size=(1, 3, 4)), np.array([1.0, 0.0, 1.0])
    wire, mask = whole("x", x.shape), whole("m", (3,))
    return {
        "softmax": ({"x": x}, (Softmax("y", wire),)),
        "maximum": ({"x": x}, (Maximum("y", wire),)),
        "table": ({"x": x}, (Table("y", wire, gelu),)),
        "mean": ({"x": x, "m": m}, (WeightedMean("y", wire.reshape((3, 4)), mask),)),
        "norm": ({"x": x}, (Norm("y", (wire,), rng.normal(size=4), rng.normal(size=4), 1e-5),)),
        "root": ({"x": x}, (Norm("y", (wire,), None, None, 1e-5, is_centred=False),)),
        "attention": ({"x": x, "m": m}, (Attention("y", wire, wire, wire, 0.5, True, mask),)),
    }


@pytest.mark.parametrize("name", sorted(operators()))
def test_any_input_has_a_witness_or_is_refused(name: str) -> None:
    """Within a boundary's range, whatever calibration saw: never integers that do not satisfy."""
    inputs, operations = operators()[name]
    case = case_of(inputs, *operations, masks=("m",))
    width = case.width("x")
    rng = np.random.default_rng(0)
    refused = 0
    for trial in range(24):
        size = max(1, width.high >> (trial % 8))
        x = np.clip(
            rng.integers(-size - 1, size + 1, size=inputs["x"].shape), width.low, width.high
        )
        if trial % 3 == 0:
            x = np.where(rng.integers(0, 2, size=x.shape) == 1, width.low, width.high)
        given = {"x": x, "m": rng.integers(0, 2, size=3)}
        try:
            values = execute(case.built, given)
        except OutOfRange:
            refused += 1
            continue
        assert satisfies(case.built.system, values)
    assert refused < 24


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-4, 1e3, 1e6])
@pytest.mark.parametrize("name", ["norm", "softmax", "table"])
def test_values_of_any_size_can_be_laid_out(name: str, size: float) -> None:
    x = RNG.normal(size=(4, 6))
    made = Linear("l", whole("x", (4, 6)), RNG.normal(size=(6, 6)) * size, None, ("tk", "kn", "tn"))
    wire = whole("l", (4, 6))
    operations: dict[str, Operator] = {
        "norm": Norm("y", (wire,), np.ones(6), np.zeros(6), 1e-5),
        "softmax": Softmax("y", wire),
        "table": Table("y", wire, np.tanh),
    }
    case = case_of({"x": x}, made, operations[name])
    assert holds(case)
    assert np.abs(case.real("y") - case.expected.reshape(-1)).max() < 0.05
