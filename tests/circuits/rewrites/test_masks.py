"""Masks: how low is low enough, and what it saves."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from tests.circuits.rewrites import oracle
from tests.circuits.rewrites.case import reals
from tests.circuits.rewrites.small import build, node
from zkdps.circuits.rewrites import rewrite
from zkdps.circuits.rewrites.masks import SPREAD, floor_logit

SEEN = np.tril(np.ones((4, 4), dtype=bool))


def _masked(low: float) -> onnx.ModelProto:
    mask = np.where(SEEN, 0.0, low).astype(np.float32)
    nodes = [node("Add", "x m", "h"), node("Softmax", "h", "y", axis=-1)]
    return build(nodes, {"x": (4, 4)}, "y", {"m": mask})


@pytest.mark.parametrize("scale_bits", [7, 8, 10, 12])
def test_masked_weight_rounds_to_nothing(scale_bits: int) -> None:
    heaviest = math.exp(SPREAD + floor_logit(scale_bits))
    assert heaviest * 2**scale_bits <= 0.5


@pytest.mark.parametrize("scale_bits", [8, 10])
def test_masked_weights_are_0_in_the_circuit_at_the_largest_spread(scale_bits: int) -> None:
    model, _ = rewrite(_masked(-np.inf), scale_bits=scale_bits)
    logits = np.where(SEEN, 0.0, SPREAD).astype(np.float32)
    (weights,) = oracle.witness(model, {"x": logits}, scale_bits).outputs
    masked = weights.reshape(4, 4)[~SEEN]
    assert np.all(masked == 0.0), f"masked weights {masked}"


def test_the_lookup_range_shrinks() -> None:
    model = _masked(-1e4)
    inputs = {"x": reals(4, 4)}
    before = oracle.witness(model, inputs, 8).lookup_range
    after = oracle.witness(rewrite(model, scale_bits=8)[0], inputs, 8).lookup_range
    assert before[0] < -2_000_000 and after[0] > -16_000, f"{before} became {after}"


def test_clamped_logits_lose_their_name_and_the_model_says_it_is_inexact() -> None:
    model, made = rewrite(_masked(-np.inf), scale_bits=8)
    assert "h" not in {value.name for value in model.graph.value_info}
    assert [change.exact for change in made] == [False]
    assert str(SPREAD) in made[0].detail


def test_a_closed_row_of_one_finite_number_means_what_it_did() -> None:
    mask = np.array([[-1e4] * 4, [0, 0, -1e4, -1e4]], dtype=np.float32)
    nodes = [node("Add", "x m", "h"), node("Softmax", "h", "y", axis=-1)]
    model = build(nodes, {"x": (2, 4)}, "y", {"m": mask})
    inputs = {"x": reals(2, 4)}
    (before,) = oracle.float_outputs(model, inputs)
    (after,) = oracle.float_outputs(rewrite(model, scale_bits=8)[0], inputs)
    # Adding 1e4 costs the logits their last ten bits in float32, in the original only.
    np.testing.assert_allclose(after, before, atol=1e-3)
