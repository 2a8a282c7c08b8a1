"""Integers that a cheater would like to prove, each with all that follows from it made to match.

Three things are asserted of each: what no longer holds, and nothing else (by plain integers); that
both verifiers refuse the proof; by which check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from tests.provers.sumcheck.cheats import blocks
from tests.provers.sumcheck.cheats.attempt import Claimed, accepted, proof_of, refused
from tests.provers.sumcheck.cheats.blocks import Lie, broken, forged, honest, residue
from tests.provers.sumcheck.operators.blocks import Ran
from zkdps.core.errors import OutOfRange
from zkdps.provers.sumcheck.execute import execute
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.system import Int64s


@dataclass(frozen=True)
class Cheat:
    """Lies about tensors of a block, and what they break."""

    block: Callable[[], Ran]
    lies: Mapping[str, Lie]
    breaks: Sequence[str]
    by: str
    inputs: Mapping[str, Int64s] = field(default_factory=dict)
    late: Mapping[str, Lie] = field(default_factory=dict)


def at(name: str, index: tuple[int, ...], change: int) -> Lie:
    """One entry more or less by `change`."""

    def lie(known: Mapping[str, Int64s]) -> Int64s:
        lied = known[name].copy()
        lied[index] += change
        return lied

    return lie


def by(name: str, change: int) -> Lie:
    """All entries."""
    return lambda known: known[name] + change


def constant(*values: object) -> Lie:
    return lambda known: np.array(values)


def _shift(ran: Ran) -> int:
    return int(ran.built.widths["y.remainder"].high).bit_length()


def _accumulated(known: Mapping[str, Int64s]) -> Int64s:
    """acc of the linear block."""
    return np.asarray(known["x"] @ known["y.weight"] + known["y.bias"], np.int64)


def _wrapped(part: int) -> Lie:
    """acc + p, rounded: quotient (0) or remainder (1)."""

    def lie(known: Mapping[str, Int64s]) -> Int64s:
        shift = _shift(blocks.linear())
        raised = _accumulated(known) + P + (1 << (shift - 1))
        return raised >> shift if part == 0 else raised & ((1 << shift) - 1)

    return lie


def _field_input() -> Int64s:
    """Field elements that make the linear block's accumulators of row 0 small: 17 and -23."""
    ran = blocks.linear()
    weight, bias = ran.built.weights["y.weight"], ran.built.weights["y.bias"]
    (a, b), (c, d) = ((int(v) for v in row) for row in weight[:2].T)
    free = [pow(2, -1, P), pow(3, -1, P), 123456789]
    rest = [int(sum(x * int(w) for x, w in zip(free, weight[2:, n], strict=True))) for n in (0, 1)]
    e, f = (want - int(bias[n]) - rest[n] for n, want in enumerate((17, -23)))
    scale = pow(a * d - b * c, -1, P)
    solved = [(e * d - b * f) * scale, (a * f - e * c) * scale, *free]
    given = ran.inputs["x"].copy()
    given[0] = [residue(value) for value in solved]
    return given


def _small_results(part: int) -> Lie:
    def lie(known: Mapping[str, Int64s]) -> Int64s:
        shift = _shift(blocks.linear())
        total = np.vectorize(residue)(_accumulated(known).astype(object))
        raised: Int64s = total.astype(np.int64) + (1 << (shift - 1))
        return raised >> shift if part == 0 else raised & ((1 << shift) - 1)

    return lie


EARLIER = np.tri(3, dtype=bool)


def _masked_scores(known: Mapping[str, Int64s]) -> tuple[Int64s, Int64s]:
    """Scores of the attention block and their remainders, as if there were no mask."""
    heads, keys, inner = 2, 3, 2
    q, k = (known[name].reshape(keys, heads, inner).transpose(1, 0, 2) for name in "qk")
    shift = 2
    raised = np.einsum("hie,hje->hij", q, k) + (1 << (shift - 1))
    return raised >> shift, raised & ((1 << shift) - 1)


def _other_top(known: Mapping[str, Int64s]) -> Int64s:
    return _masked_scores(known)[0][..., 2]


def _gaps_below_other_top(known: Mapping[str, Int64s]) -> Int64s:
    scores, _ = _masked_scores(known)
    gaps = scores[..., 2:] - scores
    gaps[..., 2] = 0
    return gaps


def _unmasked_remainder(known: Mapping[str, Int64s]) -> Int64s:
    return _masked_scores(known)[1]


def _variance_that_wraps() -> tuple[Int64s, Int64s]:
    """x whose sum of squared deviations exceeds p by something that has a root in range."""
    rng = np.random.default_rng(1)
    for _ in range(1000):
        row = rng.integers(-32768, 32768, 8)
        spread = row - (row.sum() + 4) // 8
        total = int((spread * spread).sum()) + 1
        root = math.isqrt(total % P)
        if total > P and 28000 < root <= 32767:
            return np.stack([row, np.arange(8) * 1000]), np.array([root, total % P - root * root])
    raise AssertionError("no such row")


WRAPS, WRAPPED = _variance_that_wraps()


def _first_row(name: str, value: int) -> Lie:
    def lie(known: Mapping[str, Int64s]) -> Int64s:
        lied = known[name].copy()
        lied[0] = value
        return lied

    return lie


CHEATS = {
    "wrong_remainder": Cheat(
        blocks.linear, {"y.remainder": lambda k: k["y.remainder"] ^ 1}, ["relation y"], "claims"
    ),
    "next_result_with_its_remainder": Cheat(
        blocks.linear,
        {
            "y": at("y", (1, 1), 1),
            "y.remainder": lambda k: at("y.remainder", (1, 1), -(1 << _shift(blocks.linear())))(k),
        },
        ["key of y.remainder"],
        "rows",
    ),
    "value_plus_p": Cheat(
        blocks.linear, {"y": _wrapped(0), "y.remainder": _wrapped(1)}, ["key of y"], "rows"
    ),
    "result_out_of_range": Cheat(
        blocks.linear, {"y": at("y", (0, 0), 1 << 20)}, ["key of y", "relation y"], "rows"
    ),
    "input_out_of_range": Cheat(blocks.linear, {"x": at("x", (2, 3), 203)}, ["key of x"], "rows"),
    "field_elements_in_a_lone_block": Cheat(
        blocks.linear,
        {"x": lambda k: _field_input(), "y": _small_results(0), "y.remainder": _small_results(1)},
        ["key of x"],
        "rows",
    ),
    "maximum_too_large": Cheat(
        blocks.softmax,
        {"y.top": by("y.top", 1), "y.gap": by("y.gap", 1)},
        ["relation y.top.reached"],
        "claims",
    ),
    "maximum_too_large_no_helper": Cheat(
        blocks.softmax,
        {
            "y.top": by("y.top", 1),
            "y.gap": by("y.gap", 1),
            "y.top.which": lambda k: 0 * k["y.top.which"],
        },
        ["relation y.top.exists"],
        "claims",
    ),
    "maximum_too_small": Cheat(
        blocks.softmax,
        {
            "y.top": at("y.top", (0,), -1),
            "y.gap": lambda k: k["y.gap"] - [[1], [0]],
            "y.top.which": lambda k: honest(blocks.softmax())["y.top.which"],
        },
        ["key of y.weight", "relation y.top.reached"],
        "rows",
    ),
    "helper_where_there_is_no_maximum": Cheat(
        blocks.softmax,
        {"y.top.which": constant([3, 0, -2, 0], [0, 0, 0, 1])},
        ["relation y.top.reached"],
        "claims",
    ),
    "helper_that_sums_to_two": Cheat(
        blocks.softmax,
        {"y.top.which": constant([0, 1, 0, 1], [0, 0, 0, 1])},
        ["relation y.top.exists"],
        "claims",
    ),
    "gap_of_another_score": Cheat(
        blocks.softmax, {"y.gap": at("y.gap", (0, 0), 1)}, ["relation y.gap"], "claims"
    ),
    "exponential_of_another_gap": Cheat(
        blocks.softmax, {"y.weight": at("y.weight", (0, 1), -1)}, ["value of y.weight"], "rows"
    ),
    "sum_too_large": Cheat(blocks.softmax, {"y.sum": by("y.sum", 1)}, ["relation y.sum"], "claims"),
    "quotient_too_large": Cheat(
        blocks.softmax,
        {"y": by("y", 1), "y.remainder": lambda k: k["y.remainder"] - 2 * k["y.sum"][:, None]},
        ["key of y.remainder"],
        "rows",
    ),
    "quotient_too_small": Cheat(
        blocks.softmax,
        {
            "y": at("y", (0, 1), -1),
            "y.remainder": lambda k: at("y.remainder", (0, 1), 2 * int(k["y.sum"][0]))(k),
        },
        ["key of y.remainder.below"],
        "rows",
    ),
    "alternative_maximum_under_a_mask": Cheat(
        blocks.attention,
        {"y.top": _other_top, "y.gap": _gaps_below_other_top},
        ["relation y.top.reached"],
        "claims",
    ),
    "alternative_maximum_no_helper": Cheat(
        blocks.attention,
        {
            "y.top": _other_top,
            "y.gap": _gaps_below_other_top,
            "y.top.which": lambda k: 0 * k["y.top.which"],
        },
        ["relation y.top.exists"],
        "claims",
    ),
    "skipped_mask": Cheat(
        blocks.attention,
        {
            "y.top": _other_top,
            "y.gap": _gaps_below_other_top,
            "y.gap.remainder": _unmasked_remainder,
        },
        ["relation y.gap", "relation y.top.reached"],
        "claims",
    ),
    "alternative_maximum_before_its_time": Cheat(
        blocks.causal,
        {
            "y.top": _other_top,
            "y.gap": lambda k: np.where(EARLIER, _gaps_below_other_top(k), 0),
            "y.slack": lambda k: np.where(
                EARLIER, 0, _masked_scores(k)[0] - _other_top(k)[..., None]
            ),
        },
        ["relation y.top.reached"],
        "claims",
    ),
    "later_keys_read": Cheat(
        blocks.causal,
        {
            "y.top": _other_top,
            "y.gap": _gaps_below_other_top,
            "y.slack": lambda k: 0 * k["y.slack"],
        },
        ["relation y", "relation y.slack", "relation y.sum", "relation y.top.reached"],
        "claims",
    ),
    "slack_where_a_key_is_allowed": Cheat(
        blocks.causal,
        {"y.slack": at("y.slack", (0, 0, 2, 0), 7), "y.gap": at("y.gap", (0, 0, 2, 0), 7)},
        ["relation y.slack"],
        "claims",
    ),
    "mask_of_other_numbers": Cheat(
        blocks.attention,
        {"m": constant(1, 1, 2)},
        ["public m", "relation y.gap", "relation y.top.reached"],
        "public",
    ),
    "wrapped_variance": Cheat(
        blocks.narrow_norm,
        {
            "y.deviation": _first_row("y.deviation", int(WRAPPED[0])),
            "y.deviation.remainder": _first_row("y.deviation.remainder", int(WRAPPED[1])),
        },
        ["key of y.coarse.sum", "key of y.coarse.sum.most"],
        "rows",
        {"x": WRAPS},
    ),
    "wrapped_variance_small_limbs_claimed": Cheat(
        blocks.narrow_norm,
        {
            "y.coarse.sum": _first_row("y.coarse.sum", 9),
            "y.deviation": _first_row("y.deviation", int(WRAPPED[0])),
            "y.deviation.remainder": _first_row("y.deviation.remainder", int(WRAPPED[1])),
        },
        ["relation y.coarse.sum"],
        "claims",
        {"x": WRAPS},
    ),
    "limb_too_large": Cheat(
        blocks.narrow_norm, {"y.coarse": at("y.coarse", (0, 0), 1)}, ["key of y.fine"], "rows"
    ),
    "mean_too_small": Cheat(
        blocks.narrow_norm,
        {"y.mean": by("y.mean", -1), "y.mean.remainder": by("y.mean.remainder", 8)},
        ["key of y.mean.remainder"],
        "rows",
    ),
    "root_too_large": Cheat(
        blocks.narrow_norm,
        {
            "y.deviation": by("y.deviation", 1),
            "y.deviation.remainder": lambda k: (
                k["y.deviation.remainder"] - 2 * k["y.deviation"] + 1
            ),
        },
        ["key of y.deviation.remainder"],
        "rows",
    ),
    "root_too_small": Cheat(
        blocks.narrow_norm,
        {
            "y.deviation": by("y.deviation", -1),
            "y.deviation.remainder": lambda k: (
                k["y.deviation.remainder"] + 2 * k["y.deviation"] + 1
            ),
        },
        ["key of y.deviation.remainder.below"],
        "rows",
    ),
    "value_that_the_table_has_not": Cheat(
        blocks.table, {"y": at("y", (0, 0), 1)}, ["value of y"], "rows"
    ),
    "row_that_was_not_picked": Cheat(
        blocks.gather, {"y": lambda k: k["y"][::-1]}, ["relation y"], "claims"
    ),
    "id_without_a_row": Cheat(
        blocks.gather,
        {},
        ["public ids", "relation y"],
        "public",
        late={"ids": constant(1, 6, 2, 3)},
    ),
    "divisor_of_zero": Cheat(
        blocks.mean,
        {},
        ["key of y.remainder.below"],
        "rows",
        late={
            "m": constant(0, 0, 0),
            "y.sum": constant(0),
            "y": constant([5, -5]),
            "y.remainder": constant([0, 0]),
        },
    ),
    "maximum_of_others": Cheat(
        blocks.maximum, {"y": at("y", (0,), 1)}, ["relation y.reached"], "claims"
    ),
    "maximum_below_an_entry": Cheat(
        blocks.maximum,
        {"y": at("y", (0,), -47), "y.which": constant([1, 0, 0, 0, 0], [0, 0, 0, 0, 1])},
        ["key of y.gap"],
        "rows",
    ),
}


def cheat(name: str) -> Claimed:
    made = CHEATS[name]
    with np.errstate(all="ignore"):
        return forged(made.block(), made.lies, made.inputs, made.late)


@pytest.mark.parametrize("name", CHEATS)
def test_integers_that_do_not_satisfy(name: str) -> None:
    case = cheat(name)
    assert broken(case) == sorted(CHEATS[name].breaks)
    refused(case, proof_of(case), by=CHEATS[name].by)


def test_non_boolean_helpers_change_nothing() -> None:
    """Helpers have no range: 2 and -1 at a tie, or field elements, prove the same maximum."""
    half = residue(pow(2, -1, P))
    for row in ([0, 2, 0, -1], [0, half, 0, half], [0, 5 - P // 2, 0, P // 2 - 4]):
        case = forged(blocks.softmax(), {"y.top.which": constant(row, [0, 0, 0, 1])})
        assert broken(case) == []
        assert case.outputs == honest(blocks.softmax()).outputs
        accepted(case, proof_of(case))


def test_execution_refuses_a_variance_that_would_wrap() -> None:
    with pytest.raises(OutOfRange):
        execute(blocks.narrow_norm().built, {"x": WRAPS})


def test_execution_refuses_a_divisor_of_zero() -> None:
    with pytest.raises(OutOfRange):
        execute(blocks.mean().built, {"x": np.zeros(6, int), "m": np.zeros(3, int)})


MULTIPLICITIES: dict[str, Callable[[Int64s], Int64s]] = {
    "moved": lambda counts: np.roll(counts, 1),
    "one_more": lambda counts: counts + (np.arange(len(counts)) == 0),
    "negative": lambda counts: -counts,
    "none": lambda counts: 0 * counts,
    "field_element": lambda counts: counts + residue(pow(7, -1, P)),
}


@pytest.mark.parametrize("name", MULTIPLICITIES)
@pytest.mark.parametrize("table", [0, 1])
def test_forged_multiplicities(name: str, table: int) -> None:
    case = honest(blocks.softmax())
    position = case.system.tables[table].multiplicity
    tensor = case.system.tensors[position].name
    forged_counts = MULTIPLICITIES[name](case.values[position])
    case = replace(case, values={**case.values, position: forged_counts})
    assert broken(case) == [f"multiplicities {tensor}"]
    refused(case, proof_of(case), by="rows")


def test_a_multiplicity_cannot_pay_for_a_key_without_a_row() -> None:
    """One look-up of a key without a row, and one too many of its neighbour."""
    case = forged(blocks.softmax(), {}, late={"x": at("x", (0, 0), 96)})
    position = case.system.tables[0].multiplicity
    counts = case.values[position].copy()
    counts[-1] += 1
    paid = replace(case, values={**case.values, position: counts})
    assert "key of x" in broken(paid)
    refused(paid, proof_of(paid), by="rows")
