"""The reductions moved their axes from an attribute to an input in opset 18: both forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from tests.circuits.rewrites import oracle
from tests.circuits.rewrites.case import ints, reals
from tests.circuits.rewrites.small import build, node
from zkdps.circuits.rewrites import rewrite


def _mean(opset: int) -> onnx.ModelProto:
    if opset < 18:
        nodes = [node("ReduceMean", "x", "y", axes=[-1])]
        return build(nodes, {"x": (2, 12)}, "y", opset=opset)
    nodes = [node("ReduceMean", "x a", "y")]
    return build(nodes, {"x": (2, 12)}, "y", {"a": ints(-1)}, opset=opset)


def _whole_mean(opset: int) -> onnx.ModelProto:
    return build([node("ReduceMean", "x", "y", keepdims=0)], {"x": (2, 12)}, "y", opset=opset)


def _layer_norm(opset: int) -> onnx.ModelProto:
    constants = {"g": reals(12, seed=2), "b": reals(12, seed=3)}
    nodes = [node("LayerNormalization", "x g b", "y", epsilon=1e-5)]
    return build(nodes, {"x": (2, 12)}, "y", constants, opset=opset)


def _log_softmax(opset: int) -> onnx.ModelProto:
    return build([node("LogSoftmax", "x", "y", axis=-1)], {"x": (2, 12)}, "y", opset=opset)


@pytest.mark.parametrize("opset", [17, 18, 19, 20])
@pytest.mark.parametrize("make", [_mean, _whole_mean, _layer_norm, _log_softmax])
def test_reductions_in_every_opset(make: Callable[[int], onnx.ModelProto], opset: int) -> None:
    model = make(opset)
    rewritten, made = rewrite(model, scale_bits=8)
    assert made and rewritten.opset_import[0].version == opset
    inputs = {"x": reals(2, 12, factor=2.0)}
    (before,), (after,) = (oracle.float_outputs(m, inputs) for m in (model, rewritten))
    np.testing.assert_allclose(after, before, atol=5e-6)
    assert oracle.settings(rewritten, 8).output_scales == (8,)
    assert oracle.circuit_error(rewritten, inputs, 8, reference=model) < 0.04
