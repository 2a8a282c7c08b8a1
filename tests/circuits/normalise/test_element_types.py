"""float32, int64 and bool only; quantised weights become floats, quantised activations do not."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.circuits.normalise.compare import model, normal_and_equal, operators, run, samples
from zkdps.circuits.normalise import normalise
from zkdps.core.errors import MalformedModel, UnsupportedOperator

make = helper.make_node
RANDOM = np.random.default_rng(11)


@pytest.mark.parametrize(
    ("elem_type", "dtype", "atol"),
    [(TensorProto.FLOAT16, np.float16, 5e-2), (TensorProto.DOUBLE, np.float64, 1e-5)],
)
def test_other_floats_become_float32(elem_type: int, dtype: Any, atol: float) -> None:
    weight = (RANDOM.normal(size=(3, 4)) / 4).astype(dtype)
    nodes = [make("MatMul", ["x", "w"], ["h"]), make("Cast", ["h"], ["y"], to=elem_type)]
    proto = model(nodes, {"x": [2, 3]}, {"y": [2, 4]}, {"w": weight}, elem_type=elem_type)
    after = normal_and_equal(proto, {"x": (2, 3)}, atol=atol, dtype=dtype)
    assert operators(after) == ["MatMul"], "the cast has nothing left to do"


def test_bfloat16_weights_behind_a_cast_are_exact() -> None:
    weight = RANDOM.normal(size=(3, 4)).astype(ml_dtypes.bfloat16)
    nodes = [make("Cast", ["w"], ["f"], to=1), make("MatMul", ["x", "f"], ["y"])]
    proto = model(nodes, {"x": [2, 3]}, {"y": [2, 4]}, {"w": weight})
    after = normal_and_equal(proto, {"x": (2, 3)})
    (kept,) = (onnx.numpy_helper.to_array(tensor) for tensor in after.graph.initializer)
    np.testing.assert_array_equal(kept, weight.astype(np.float32))


def test_a_double_beyond_float32_is_refused() -> None:
    proto = model(
        [make("Add", ["x", "w"], ["y"])],
        {"x": [2]},
        {"y": [2]},
        {"w": np.array([1.0, 1e300])},
        elem_type=TensorProto.DOUBLE,
    )
    with pytest.raises(MalformedModel, match="beyond float32"):
        normalise(proto, {})


@pytest.mark.parametrize("axis", [0, 1])
def test_dequantised_weights_fold(axis: int) -> None:
    count = (3, 4)[axis]
    weights = {
        "q": RANDOM.integers(-128, 128, size=(3, 4)).astype(np.int8),
        "scale": np.linspace(0.01, 0.02, count, dtype=np.float32),
        "zero": np.arange(count).astype(np.int8),
    }
    nodes = [
        make("DequantizeLinear", ["q", "scale", "zero"], ["w"], axis=axis),
        make("MatMul", ["x", "w"], ["y"]),
    ]
    proto = model(nodes, {"x": [2, 3]}, {"y": [2, 4]}, weights)
    assert operators(normal_and_equal(proto, {"x": (2, 3)}, atol=1e-4)) == ["MatMul"]


def test_weights_quantised_and_back_keep_their_rounding() -> None:
    weights = {
        "w": RANDOM.normal(size=(3, 4)).astype(np.float32),
        "scale": np.array(0.05, np.float32),
        "zero": np.array(0, np.int8),
    }
    nodes = [
        make("QuantizeLinear", ["w", "scale", "zero"], ["q"]),
        make("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        make("MatMul", ["x", "d"], ["y"]),
    ]
    proto = model(nodes, {"x": [2, 3]}, {"y": [2, 4]}, weights)
    assert operators(normal_and_equal(proto, {"x": (2, 3)}, atol=1e-5)) == ["MatMul"]


@pytest.mark.parametrize(
    "nodes",
    [
        [
            make("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="culprit"),
            make("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
        ],
        [
            make("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="culprit"),
            make("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ],
        [
            make("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="culprit"),
            make("MatMulInteger", ["q", "iw", "z"], ["m"]),
            make("Cast", ["m"], ["y"], to=1),
        ],
    ],
    ids=["QDQ", "dynamic", "integer"],
)
def test_quantised_activations_are_refused(nodes: list[onnx.NodeProto]) -> None:
    weights = {
        "scale": np.array(0.1, np.float32),
        "zero": np.array(0, np.uint8),
        "iw": np.eye(3, dtype=np.uint8),
    }
    used = {name for node in nodes for name in node.input}
    kept = {name: array for name, array in weights.items() if name in used}
    with pytest.raises(UnsupportedOperator, match="culprit") as caught:
        normalise(model(nodes, {"x": [2, 3]}, {"y": [2, 3]}, kept), {})
    assert "float model" in caught.value.remedy


@pytest.mark.parametrize("to", [TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL])
def test_casts_of_activations_to_integers_are_refused(to: int) -> None:
    nodes = [make("Cast", ["x"], ["i"], to=to, name="c"), make("Cast", ["i"], ["y"], to=1)]
    with pytest.raises(UnsupportedOperator, match="'c'"):
        normalise(model(nodes, {"x": [3]}, {"y": [3]}), {})


def test_a_wrapping_cast_is_refused() -> None:
    nodes = [
        make("ArgMax", ["x"], ["i"], axis=0),
        make("Cast", ["i"], ["n"], to=TensorProto.UINT8, name="wraps"),
        make("Cast", ["n"], ["y"], to=1),
    ]
    with pytest.raises(UnsupportedOperator, match="wraps"):
        normalise(model(nodes, {"x": [3, 4]}, {"y": [1, 4]}), {})


def test_int32_indices_become_int64() -> None:
    weights = {"i": np.array([2, 0], dtype=np.int32)}
    proto = model([make("Gather", ["x", "i"], ["y"])], {"x": [3, 2]}, {"y": [2, 2]}, weights)
    after = normal_and_equal(proto, {"x": (3, 2)})
    assert after.graph.initializer[0].data_type == TensorProto.INT64


def test_castlike_becomes_cast_or_nothing() -> None:
    nodes = [make("Greater", ["x", "zero"], ["b"]), make("CastLike", ["b", "x"], ["f"])]
    nodes += [make("CastLike", ["x", "zero"], ["same"]), make("Mul", ["f", "same"], ["y"])]
    proto = model(nodes, {"x": [4]}, {"y": [4]}, {"zero": np.array(0, np.float32)})
    assert operators(normal_and_equal(proto, {"x": (4,)})) == ["Greater", "Cast", "Mul"]


def test_minus_infinity_is_for_masks_only() -> None:
    mask = np.array([0, -np.inf, 0], np.float32)
    good = model(
        [make("Add", ["x", "m"], ["h"]), make("Softmax", ["h"], ["y"])],
        {"x": [2, 3]},
        {"y": [2, 3]},
        {"m": mask},
    )
    feeds = samples({"x": (2, 3)})[0]
    np.testing.assert_allclose(run(normalise(good, {}), feeds)[0], run(good, feeds)[0], atol=1e-6)
    bad = model([make("Mul", ["x", "m"], ["y"])], {"x": [2, 3]}, {"y": [2, 3]}, {"m": mask})
    with pytest.raises(MalformedModel, match="minus infinity"):
        normalise(bad, {})
