"""What cannot be proven is refused by operator and node, with a remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.circuits.normalise.compare import model
from zkdps.circuits.normalise import check_normal, normalise
from zkdps.core.errors import MalformedModel, UndeterminedShape, UnsupportedOperator

make = helper.make_node


@pytest.mark.parametrize(
    ("operator", "attributes", "weights"),
    [
        ("LRN", {"size": 3}, {}),
        ("LpNormalization", {}, {}),
        ("Det", {}, {}),
        ("Mod", {"fmod": 1}, {"w": np.array([2.0], np.float32)}),
        ("RandomNormalLike", {}, {}),
        ("ReverseSequence", {}, {"w": np.array([1, 2], np.int64)}),
        ("GridSample", {}, {"w": np.zeros((2, 2, 2, 2), np.float32)}),
    ],
)
def test_operators_without_a_circuit(
    operator: str, attributes: dict[str, Any], weights: dict[str, Any]
) -> None:
    nodes = [make(operator, ["x", *weights], ["y"], name="culprit", **attributes)]
    proto = model(nodes, {"x": [2, 2, 2, 2]}, {"y": ["a", "b", "c", "d"]}, weights)
    if operator == "Det":
        proto.graph.output[0].type.tensor_type.shape.ClearField("dim")
        proto.graph.output[0].type.tensor_type.shape.dim.add(dim_value=2)
        proto.graph.output[0].type.tensor_type.shape.dim.add(dim_value=2)
    with pytest.raises(UnsupportedOperator) as caught:
        normalise(proto, {})
    assert (caught.value.operator, caught.value.node) == (operator, "culprit")
    assert caught.value.remedy


def test_a_shape_that_depends_on_values() -> None:
    nodes = [
        make("ReduceMax", ["x"], ["m"], keepdims=1, axes=[0]),
        make("TopK", ["x", "k"], ["v", "i"], name="topk"),
        make("Gather", ["x", "i"], ["g"]),
        make("Shape", ["x"], ["s"]),
        make("Reshape", ["g", "target"], ["y"]),
    ]
    del nodes[0], nodes[2]
    proto = model(nodes, {"x": [4]}, {"y": ["a", "b"]}, {"k": np.array([2], np.int64)})
    proto.graph.input.append(helper.make_tensor_value_info("target", TensorProto.INT64, [2]))
    with pytest.raises(UndeterminedShape, match="'y'"):
        normalise(proto, {})


def test_strings_are_refused() -> None:
    proto = model([make("Relu", ["x"], ["y"])], {"x": [2]}, {"y": [2]})
    proto.graph.input.append(helper.make_tensor_value_info("t", TensorProto.STRING, [2]))
    with pytest.raises(UnsupportedOperator, match="STRING"):
        normalise(proto, {})


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [("ArgMax", {"select_last_index": 1}), ("ArgMin", {"select_last_index": 1})],
)
def test_the_last_of_equal_extremes(operator: str, attributes: dict[str, Any]) -> None:
    nodes = [make(operator, ["x"], ["i"], axis=1, **attributes), make("Cast", ["i"], ["y"], to=1)]
    with pytest.raises(UnsupportedOperator, match="last"):
        normalise(model(nodes, {"x": [2, 3]}, {"y": [2, 1]}), {})


def test_interpolation_is_refused() -> None:
    nodes = [make("Resize", ["x", "", "scales"], ["y"], mode="linear")]
    weights = {"scales": np.array([1, 1, 2, 2], np.float32)}
    with pytest.raises(UnsupportedOperator, match="neighbours"):
        normalise(model(nodes, {"x": [1, 1, 2, 2]}, {"y": [1, 1, 4, 4]}, weights), {})


# --- check_normal finds each broken condition ---------------------------------------------------


def normal() -> onnx.ModelProto:
    nodes = [make("MaxPool", ["x"], ["h"], kernel_shape=[2, 2]), make("Neg", ["h"], ["y"])]
    return normalise(model(nodes, {"x": [1, 1, 3, 3]}, {"y": [1, 1, 2, 2]}), {})


def _opset(proto: onnx.ModelProto) -> None:
    proto.opset_import[0].version = 16


def _dynamic(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"


def _same_name(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].name = proto.graph.node[0].name


def _unused(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(make("Neg", ["h"], ["nobody"], name="spare"))
    proto.graph.value_info.add().CopyFrom(
        helper.make_tensor_value_info("nobody", TensorProto.FLOAT, [1, 1, 2, 2])
    )


def _idle(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].op_type = "Identity"


def _no_strides(proto: onnx.ModelProto) -> None:
    kept = [a for a in proto.graph.node[0].attribute if a.name != "strides"]
    copies = [onnx.AttributeProto.FromString(a.SerializeToString()) for a in kept]
    del proto.graph.node[0].attribute[:]
    proto.graph.node[0].attribute.extend(copies)


@pytest.mark.parametrize(
    ("flaw", "condition"),
    [
        *((_opset, 2), (_dynamic, 5), (_same_name, 6), (_unused, 7)),
        *((_idle, 8), (_no_strides, 9)),
    ],
)
def test_check_normal_names_the_condition(flaw: Any, condition: int) -> None:
    proto = normal()
    check_normal(proto)
    flaw(proto)
    with pytest.raises(MalformedModel, match=rf"\({condition}\)"):
        check_normal(proto)
