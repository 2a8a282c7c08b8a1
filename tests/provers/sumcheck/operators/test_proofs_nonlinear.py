"""A transformer block of all nonlinear operators, lowered by hand, proven and verified."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.provers.sumcheck.operators.calibrated_blocks import Case, case_of
from tests.provers.sumcheck.proofs import prove_values
from tests.provers.sumcheck.satisfied import holds
from tests.provers.sumcheck.systems import PRESET
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.ratio import WeightedMean
from zkdps.provers.sumcheck.operators.softmax import Softmax
from zkdps.provers.sumcheck.operators.table import Table
from zkdps.provers.sumcheck.system import System
from zkdps.provers.sumcheck.wires import Wire, whole

TOKENS, DEPTH, HEADS = 3, 4, 2
SHAPE = (TOKENS, DEPTH)


def linear(name: str, source: str, rng: np.random.Generator) -> Linear:
    weight = rng.normal(size=(DEPTH, DEPTH)) / DEPTH**0.5
    return Linear(name, whole(source, SHAPE), weight, rng.normal(size=DEPTH), ("tk", "kn", "tn"))


def heads(name: str) -> Wire:
    return whole(name, (TOKENS, HEADS, DEPTH // HEADS)).transpose((1, 0, 2))


def layer() -> tuple[Operator, ...]:
    """Grouped queries, a causal mask under a padding mask, a residual in the norm, a pooled end."""
    rng = np.random.default_rng(8)
    one = rng.normal(size=DEPTH)
    key, value = (heads(name).take((slice(0, 1),)) for name in "kv")
    mixed = whole("a", (HEADS, TOKENS, DEPTH // HEADS)).transpose((1, 0, 2)).reshape(SHAPE)
    return (
        *(linear(name, "x", rng) for name in "qkv"),
        Attention("a", heads("q"), key, value, 0.7, True, whole("m", (TOKENS,))),
        Linear("o", mixed, rng.normal(size=(DEPTH, DEPTH)), None, ("tk", "kn", "tn")),
        Norm("n", (whole("x", SHAPE), whole("o", SHAPE)), one, one / 2, 1e-5),
        linear("t", "n", rng),
        Table("g", whole("t", SHAPE), np.tanh),
        Softmax("s", whole("g", SHAPE)),
        Maximum("top", whole("g", SHAPE)),
        Norm("r", (whole("s", SHAPE),), None, None, 1e-3, is_centred=False),
        WeightedMean("w", whole("r", SHAPE), whole("m", (TOKENS,))),
    )


def layer_case() -> Case:
    x = np.random.default_rng(2).normal(size=SHAPE)
    return case_of({"x": x, "m": np.array([1.0, 0.0, 1.0])}, *layer(), masks=("m",))


def quick(case: Case) -> System:
    return dataclasses.replace(case.built.system, preset=PRESET, columns_log=7)


def test_a_layer_is_proven() -> None:
    case = layer_case()
    system = quick(case)
    assert holds(system, case.values)
    assert np.abs(case.real("w") - case.expected).max() < 0.05
    prove_values(system, case.values, b"run").verify()


SLOW = (("a.top", 0), ("n.deviation", 1), ("g", 2))


@pytest.mark.parametrize(
    ("name", "place"),
    [("a.weight", 4), ("n", 5), *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)],
)
def test_a_changed_tensor_is_not_proven(name: str, place: int) -> None:
    case = layer_case()
    values = dict(case.values)
    position = case.built.positions[name]
    values[position] = values[position].copy()
    values[position].reshape(-1)[place] -= 1
    with pytest.raises(CheckFailed):
        prove_values(quick(case), values, b"run").verify()
