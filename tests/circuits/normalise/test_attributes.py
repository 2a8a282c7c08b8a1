"""Explicit windows: auto_pad, missing strides, output_shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.circuits.normalise.compare import model, normal_and_equal
from zkdps.circuits.normalise import normalise
from zkdps.core.errors import UnsupportedOperator

KERNEL = np.random.default_rng(5).normal(size=(4, 2, 3, 2)).astype(np.float32)


def only_node(proto: onnx.ModelProto) -> dict[str, Any]:
    (node,) = proto.graph.node
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


@pytest.mark.parametrize("size", [(7, 6), (5, 8), (3, 2)])
@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"auto_pad": "VALID"},
        {"auto_pad": "SAME_UPPER", "strides": [2, 1]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
        {"pads": [1, 0, 2, 1], "strides": [1, 2]},
        {"dilations": [2, 1], "pads": [1, 1, 1, 1]},
    ],
    ids=str,
)
@pytest.mark.parametrize("operator", ["Conv", "MaxPool", "AveragePool"])
def test_windows(operator: str, attributes: dict[str, Any], size: tuple[int, int]) -> None:
    is_conv = operator == "Conv"
    extra = dict(attributes) if is_conv else {"kernel_shape": [3, 2], **attributes}
    node = helper.make_node(operator, ["x", "w"] if is_conv else ["x"], ["y"], **extra)
    weights = {"w": KERNEL} if is_conv else {}
    proto = model([node], {"x": [1, 2, *size]}, {"y": [1, "c", "h", "w"]}, weights, opset=19)
    after = only_node(normal_and_equal(proto, {"x": (1, 2, *size)}, atol=1e-5))
    assert after["kernel_shape"] == [3, 2]
    assert after["strides"] == attributes.get("strides", [1, 1])
    assert len(after["pads"]) == 4 and after["auto_pad"] == b"NOTSET"


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"strides": [2, 1], "auto_pad": "SAME_LOWER"},
        {"strides": [2, 2], "output_shape": [9, 8]},
        {"strides": [2, 2], "output_padding": [1, 0], "pads": [1, 0, 1, 0]},
        {"strides": [2, 2], "dilations": [2, 1]},
    ],
    ids=str,
)
def test_transposed_windows(attributes: dict[str, Any]) -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], **attributes)
    kernel = np.random.default_rng(6).normal(size=(2, 3, 3, 2)).astype(np.float32)
    proto = model([node], {"x": [1, 2, 4, 4]}, {"y": [1, 3, "h", "w"]}, {"w": kernel})
    after = only_node(normal_and_equal(proto, {"x": (1, 2, 4, 4)}, atol=1e-5))
    assert "output_shape" not in after and len(after["pads"]) == 4


def test_a_transposed_window_beyond_its_kernel_is_refused() -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="up", output_shape=[40, 40])
    kernel = np.ones((2, 3, 3, 2), np.float32)
    proto = model([node], {"x": [1, 2, 4, 4]}, {"y": [1, 3, "h", "w"]}, {"w": kernel})
    with pytest.raises(UnsupportedOperator, match="up"):
        normalise(proto, {})


@pytest.mark.parametrize("operator", ["Conv", "MaxPool"])
def test_auto_pad_with_dilations_is_refused(operator: str) -> None:
    """onnxruntime refuses it for Conv and ignores the dilations of MaxPool; ONNX counts them."""
    inputs = ["x", "w"] if operator == "Conv" else ["x"]
    extra = {} if operator == "Conv" else {"kernel_shape": [3, 2]}
    node = helper.make_node(
        operator, inputs, ["y"], auto_pad="SAME_UPPER", dilations=[2, 1], **extra
    )
    weights = {"w": KERNEL} if operator == "Conv" else {}
    proto = model([node], {"x": [1, 2, 7, 7]}, {"y": [1, "c", 7, 7]}, weights)
    with pytest.raises(UnsupportedOperator, match="dilations"):
        normalise(proto, {})


def test_schema_defaults_are_written_out() -> None:
    node = helper.make_node("Gemm", ["x", "w"], ["y"])
    proto = model([node], {"x": [2, 3]}, {"y": [2, 4]}, {"w": np.ones((3, 4), np.float32)})
    expected = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    assert only_node(normal_and_equal(proto, {"x": (2, 3)})) == expected
