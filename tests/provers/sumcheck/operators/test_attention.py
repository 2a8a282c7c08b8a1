"""Attention: its integers are those of its docstring, and no other maximum or weight is proven."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.provers.sumcheck.operators.calibrated_blocks import Case, case_of, holds, one_of
from zkdps.core.errors import LayoutFailed, OutOfRange
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.tables import exponential_rows
from zkdps.provers.sumcheck.wires import Wire, whole

SIZES = [(1, 1, 1, 1, 1, 1), (4, 2, 3, 3, 4, 5), (2, 2, 1, 5, 3, 3), (1, 1, 12, 12, 8, 2)]
MASKS = ["none", "causal", "padding", "both"]


def attention_case(
    sizes: tuple[int, ...], mask: str, seed: int = 0, closed: tuple[int, ...] | None = None
) -> tuple[Case, np.ndarray]:
    """The case, and which (query, key) pairs are allowed."""
    heads, groups, queries, keys, inner, outer = sizes
    rng = np.random.default_rng(seed)
    inputs = {
        "q": rng.normal(size=(heads, queries, inner)) * 2,
        "k": rng.normal(size=(groups, keys, inner)),
        "v": rng.normal(size=(groups, keys, outer)),
    }
    kept = np.ones(keys)
    kept[list(closed if closed is not None else range(1, keys, 3))] = 0
    wire: Wire | None = None
    if mask in ("padding", "both"):
        inputs["m"] = kept
        wire = whole("m", (keys,))
    allowed = np.ones((queries, keys), dtype=np.int64)
    if wire is not None:
        allowed *= kept.astype(np.int64)
    if mask in ("causal", "both"):
        allowed *= np.tri(queries, keys, keys - queries, dtype=np.int64)
    operation = Attention(
        "a",
        whole("q", inputs["q"].shape),
        whole("k", inputs["k"].shape),
        whole("v", inputs["v"].shape),
        inner**-0.5,
        mask in ("causal", "both"),
        wire,
    )
    return case_of(inputs, operation, masks=("m",)), allowed


@dataclass
class Witness:
    """Everything attention commits, from Python integers; a prover may choose the maxima."""

    case: Case
    allowed: np.ndarray

    @property
    def has_slack(self) -> bool:
        """Whether the mask tells queries apart."""
        return "a.slack" in self.case.built.positions

    def columns(self, top: np.ndarray | None = None) -> dict[str, np.ndarray]:
        case = self.case
        q, k, v = (case.inputs[name].astype(object) for name in "qkv")
        repeat = len(q) // len(k)
        k, v = (np.repeat(held, repeat, axis=0) for held in (k, v))
        acc = np.array([left @ right.T for left, right in zip(q, k, strict=True)])
        score, unit = case.width("a.score"), 1 << case.width("a.weight").scale_bits
        shift = 16 - score.scale_bits
        half = (1 << shift) // 2
        scores = (acc + half) // (1 << shift)
        open_ = np.broadcast_to(self.allowed, scores.shape) != 0
        if top is None:
            top = np.where(open_, scores, -(10**9)).max(axis=-1)
        gap = np.where(open_, top[..., None] - scores, 0)
        rest = acc + half - scores * (1 << shift)
        if not self.has_slack:
            rest = np.where(open_, rest, 0)
        step = q.shape[-1] ** -0.5 * 2.0**-score.scale_bits
        rows = exponential_rows(case.width("a.gap").high + 1, step, unit.bit_length() - 1)
        places = np.clip(gap.astype(np.int64), 0, len(rows) - 1)
        weight = rows[places].astype(object)
        held = np.where(open_, weight, 0)
        total = held.sum(axis=-1)
        mean = np.array([left @ right for left, right in zip(held, v, strict=True)])
        divisor = total[..., None]
        result = (2 * mean + divisor) // (2 * divisor)
        which = np.zeros(gap.shape, dtype=np.int64)
        nearest = np.where(open_, np.abs(gap), 10**9).astype(np.int64).argmin(axis=-1)
        np.put_along_axis(which, nearest[..., None], 1, axis=-1)
        columns = {
            "a_top": top,
            "a_gap": gap,
            "a_weight": weight,
            "a_sum": total,
            "a": result,
            "a_remainder": 2 * mean + divisor - 2 * divisor * result,
            "a_top_which": which,
            "rest": rest,
        }
        if self.has_slack:
            columns["a_slack"] = np.where(open_, 0, scores - top[..., None])
        return {name: np.asarray(held).astype(np.int64) for name, held in columns.items()}


def given(columns: dict[str, np.ndarray], case: Case) -> dict[str, np.ndarray]:
    """Columns as `forged` takes them; the scores' remainder is there where it is committed."""
    renamed = {name: held for name, held in columns.items() if name != "rest"}
    if "a.gap.remainder" in case.built.positions:
        renamed["a_gap_remainder"] = columns["rest"]
    return renamed


def plain(shape: tuple[int, ...], factor: float) -> Attention:
    query, key, value = (whole(name, shape) for name in "qkv")
    return Attention("a", query, key, value, factor)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("sizes", SIZES)
def test_integers_and_closeness(sizes: tuple[int, ...], mask: str) -> None:
    case, allowed = attention_case(sizes, mask)
    for name, integers in given(Witness(case, allowed).columns(), case).items():
        if name != "a_top_which":
            own = {n.replace(".", "_"): n for n in case.built.positions}[name]
            assert (case[own].reshape(-1) == integers.reshape(-1)).all(), name
    assert holds(case)
    # Inputs are rounded to 2^-8, exponentials to 2^-10.
    assert np.abs(case.real("a") - case.expected.reshape(-1)).max() < 0.02


@pytest.mark.parametrize("mask", MASKS)
def test_another_maximum_is_not_proven(mask: str) -> None:
    """Too high, second best, or best of the masked keys: all else follows from it honestly."""
    case, allowed = attention_case((2, 1, 4, 6, 4, 2), mask, seed=3)
    witness = Witness(case, allowed)
    honest = witness.columns()
    assert not case.forged(**given(honest, case))
    high = witness.columns(top=honest["a_top"].astype(object) + 1)
    assert one_of(case.forged(**given(high, case)), "a.top.reached")
    low = witness.columns(top=honest["a_top"].astype(object) - 1)
    assert any("a.weight" in fault for fault in case.forged(**given(low, case)))
    # One row only: everything else stays true.
    top = honest["a_top"].astype(object).copy()
    top[0, -1] += 5
    assert one_of(case.forged(**given(witness.columns(top=top), case)), "a.top.reached")


def test_a_masked_key_is_no_maximum_and_has_no_weight() -> None:
    """The best key of all is masked; the prover stands on it, or gives it weight."""
    case, allowed = attention_case((1, 1, 3, 4, 4, 2), "padding", seed=5, closed=(0, 2))
    witness = Witness(case, allowed)
    honest = witness.columns()
    free = Witness(case, np.ones_like(allowed)).columns()
    columns = witness.columns(top=np.maximum(honest["a_top"], free["a_top"]).astype(object) + 7)
    for key in (0, 2):
        which = np.zeros_like(honest["a_top_which"])
        which[..., key] = 1
        found = case.forged(**given({**columns, "a_top_which": which}, case))
        assert one_of(found, "a.top") and "reached" in found[0]
    for gap in (1, 3):
        columns = {**honest, "a_gap": honest["a_gap"].copy(), "a_weight": honest["a_weight"].copy()}
        columns["a_gap"][0, 0, 0] += gap
        assert case.forged(**given(columns, case))
    columns = {**honest, "a_weight": honest["a_weight"].copy()}
    columns["a_weight"][0, 0, 0] -= 1
    found = case.forged(**given(columns, case))
    assert any("a.weight" in fault for fault in found)


@pytest.mark.parametrize("mask", ["causal", "both"])
def test_slack_is_for_forbidden_keys_and_gaps_for_allowed_ones(mask: str) -> None:
    case, allowed = attention_case((2, 1, 4, 4, 4, 2), mask, seed=6, closed=(1,))
    honest = Witness(case, allowed).columns()
    assert (honest["a_slack"] != 0).any() and not case.forged(**given(honest, case))
    for query, key, word in ((3, 0, "allowed"), (0, 3, "forbidden")):
        assert allowed[query, key] == (word == "allowed")
        moved = {**honest, "a_slack": honest["a_slack"].copy(), "a_gap": honest["a_gap"].copy()}
        # Their difference, and with it the scores' relation, stays.
        moved["a_slack"][0, query, key] += 1
        moved["a_gap"][0, query, key] += 1
        found = case.forged(**given(moved, case))
        assert any("a.slack" in fault for fault in found), word
        assert not any("a.gap" in fault for fault in found if "relation" in fault)
    # What stands at a forbidden key meets nothing else.
    query, key = 0, 3
    other = {**honest, "a_slack": honest["a_slack"].copy()}
    other["a_slack"][0, query, key] += 1
    assert one_of(case.forged(**given(other, case)), "a.gap")


@pytest.mark.parametrize("mask", ["padding", "both"])
def test_a_query_without_keys_has_no_proof(mask: str) -> None:
    with pytest.raises(OutOfRange, match="1"):
        attention_case((1, 1, 2, 2, 2, 2), mask, closed=(0, 1))
    case, allowed = attention_case((1, 1, 2, 3, 2, 2), mask, closed=())
    closed = {"m": np.zeros(3, dtype=np.int64)}
    columns = given(Witness(case, allowed).columns(), case)
    zeros = {name: np.zeros_like(held) for name, held in columns.items()}
    rows = case["a.weight"].max()
    for sums in (0, 1):
        found = case.forged(
            **{
                **zeros,
                **closed,
                "a_weight": zeros["a_weight"] + rows,
                "a_sum": zeros["a_sum"] + sums,
            }
        )
        assert any("a.top" in fault for fault in found)


def test_weights_sums_and_quotients_are_the_only_ones() -> None:
    case, allowed = attention_case((2, 2, 3, 5, 4, 3), "causal", seed=9)
    honest = Witness(case, allowed).columns()

    def forged(**changes: np.ndarray) -> list[str]:
        return case.forged(**given({**honest, **changes}, case))

    assert one_of(forged(a_weight=honest["a_weight"] + 1), "a.weight", "a.sum", "a")
    assert forged(a_sum=honest["a_sum"] + 1)
    assert forged(a_sum=honest["a_sum"] * 0)
    assert one_of(
        forged(
            a=honest["a"] - 1,
            a_remainder=honest["a_remainder"] + 2 * honest["a_sum"].reshape(2, 3, 1),
        ),
        "a.remainder",
    )
    assert one_of(
        forged(
            a=honest["a"] + 1,
            a_remainder=honest["a_remainder"] - 2 * honest["a_sum"].reshape(2, 3, 1),
        ),
        "a.remainder",
    )
    assert forged(a_top_which=honest["a_top_which"] * 2)
    assert forged(a_top_which=honest["a_top_which"] * 0)


def test_no_quotient_but_the_true_one_satisfies_its_relation_mod_p() -> None:
    """Every (y, r) in range, for every multiple of p: rules U and Z in one sweep."""
    case, allowed = attention_case((1, 1, 3, 4, 4, 2), "none", seed=2)
    honest = Witness(case, allowed).columns()
    width = case.width("a")
    for i in range(3):
        total = int(honest["a_sum"].reshape(-1)[i])
        for f in range(2):
            place = i * 2 + f
            raised = 2 * total * int(honest["a"].reshape(-1)[place])
            raised += int(honest["a_remainder"].reshape(-1)[place])
            found = [
                y
                for y in range(width.low, width.high + 1)
                if (raised - 2 * total * y) % P < 2 * total
            ]
            assert found == [int(honest["a"].reshape(-1)[place])]


def test_an_indicator_need_not_be_boolean_but_sums_to_one() -> None:
    """Two equal maxima may share it, in field elements."""
    x = np.ones((1, 2, 2))
    operation = plain((1, 2, 2), 1.0)
    case = case_of({"q": x, "k": x, "v": x}, operation)
    half = (P + 1) // 2
    assert not case.forged(a_top_which=np.full((1, 2, 2), half))
    assert case.forged(a_top_which=np.full((1, 2, 2), 1))


def test_gaps_beyond_the_table_have_no_proof() -> None:
    """Calibration saw scores close to each other."""
    rng = np.random.default_rng(0)
    seen = {name: 4 * rng.normal(size=(1, 4, 4)) for name in "qkv"}
    seen["k"][:, 1:] = seen["k"][:, :1] + rng.normal(size=(1, 3, 4)) * 0.01
    operation = plain((1, 4, 4), 0.5)
    other = {**seen, "k": -seen["k"]}
    other["k"][:, 0] *= -1
    assert holds(case_of(seen, operation))
    with pytest.raises(OutOfRange):
        case_of(other, operation, seen=seen)


@pytest.mark.parametrize("size", [1e-4, 1e-2, 30.0])
def test_queries_and_keys_of_any_size(size: float) -> None:
    rng = np.random.default_rng(12)
    x = rng.normal(size=(4, 6))
    weights = rng.normal(size=(3, 6, 6)) * np.array([size, size, 1.0])[:, None, None]
    made = [
        Linear(name, whole("x", (4, 6)), weight, None, ("tk", "kn", "tn"))
        for name, weight in zip("qkv", weights, strict=True)
    ]
    case = case_of({"x": x}, *made, plain((1, 4, 6), 0.4))
    assert holds(case)
    error = np.abs(case.real("a") - case.expected.reshape(-1)).max()
    # Large scores are chaotic in the rounding of x.
    assert error < (0.02 if size < 1 else 3.0)


def test_refusals() -> None:
    x = np.ones((1, 2, 2))
    query, key, value = (whole(name, x.shape) for name in "qkv")
    with pytest.raises(LayoutFailed, match="not positive"):
        case_of({"q": x, "k": x, "v": x}, Negative("a", query, key, value, -1.0))
    masked = Attention("a", query, key, value, 1.0, False, whole("m", (2,)))
    with pytest.raises(LayoutFailed, match="0 and 1"):
        case_of({"q": x, "k": x, "v": x, "m": np.array([1.0, 1.0])}, masked, counts=("m",))


class Negative(Attention):
    """Chooses widths as if its factor were positive."""

    def choose(self, maxima, widths):  # type: ignore[no-untyped-def]
        sizes = {name: abs(size) for name, size in maxima.items()}
        return Attention("a", self.query, self.key, self.value, 1.0).choose(sizes, widths)


def test_a_realistic_size() -> None:
    """96 keys in 2 of 6 heads' groups, causal."""
    case, allowed = attention_case((6, 2, 16, 96, 16, 8), "causal", seed=1)
    columns = given(Witness(case, allowed).columns(), case)
    assert (case["a"].reshape(-1) == columns["a"].reshape(-1)).all()
    error = np.abs(case.real("a") - case.expected.reshape(-1))
    # Exponentials have 8 bits here, and scores of 30 inherit the rounding of q and k.
    assert error.mean() < 0.005 and error.max() < 0.1
    assert holds(case)
