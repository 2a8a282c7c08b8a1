"""What ezkl gets right by itself is left alone, and is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.circuits.rewrites import oracle
from tests.circuits.rewrites.case import IMAGE, ROWS, conv, ints, one, pool, reals
from tests.circuits.rewrites.small import build, node
from zkdps.circuits.rewrites import rewrite

TOLERANCE = 0.04
"""About ten roundings at 8 bits."""

WEIGHTS = {"w": reals(3, 2, 3, 3), "b": reals(3)}
LAYER = {"w": reals(3, 4), "b": reals(3)}


def _one(operator: str, **attributes: Any) -> onnx.ModelProto:
    return build([node(operator, "x", "y", **attributes)], ROWS, "y")


def _with(
    operator: str, names: str, constants: dict[str, Any], **attributes: Any
) -> onnx.ModelProto:
    return build([node(operator, names, "y", **attributes)], ROWS, "y", constants)


ELEMENTWISE = "Relu Sigmoid Tanh Erf HardSwish LeakyRelu Abs Neg Floor Ceil Round Softmax Softplus"
MODELS: dict[str, onnx.ModelProto] = {name: _one(name) for name in ELEMENTWISE.split()} | {
    "Gemm": _with("Gemm", "x w b", LAYER, transB=1),
    "MatMul": _with("MatMul", "x w", {"w": reals(4, 3)}),
    "Conv": build([node("Conv", "x w b", "y", **conv(pads=[0, 1, 2, 1]))], IMAGE, "y", WEIGHTS),
    "Conv depthwise": build(
        [node("Conv", "x w", "y", **conv(group=2))], IMAGE, "y", {"w": reals(2, 1, 3, 3)}
    ),
    "AveragePool": build([node("AveragePool", "x", "y", **pool())], IMAGE, "y"),
    "AveragePool, pads counted": build(
        [node("AveragePool", "x", "y", **pool(pads=[1, 0, 0, 1], count_include_pad=1))], IMAGE, "y"
    ),
    "Pad with 0": build(
        [node("Pad", "x p", "h", mode="constant"), node("Relu", "h", "y")],
        ROWS,
        "y",
        {"p": ints(0, 1, 1, 0)},
    ),
    "Max with a number": _with("Max", "x c", {"c": one(0.3)}),
    "Min with a vector": _with("Min", "x c", {"c": reals(4)}),
    "Clip": _with("Clip", "x a b", {"a": one(-0.5), "b": one(1.0)}),
    "Mul by a vector": _with("Mul", "x c", {"c": np.array([0.6, 1, -2, 3], np.float32)}),
    "Mul by 0.5 as a vector": _with("Mul", "x c", {"c": np.full(4, 0.5, np.float32)}),
    "Mul by 3": _with("Mul", "x c", {"c": one(3.0)}),
    "Mul by -0.5": _with("Mul", "x c", {"c": one(-0.5)}),
    "Pow 2": _with("Pow", "x c", {"c": one(2.0)}),
    "mean of squares": build(
        [node("Mul", "x x", "h"), node("ReduceMean", "h", "y", axes=[-1])], {"x": (2, 48)}, "y"
    ),
    "Gather": _with("Gather", "x i", {"i": ints(2, 0)}, axis=1),
    "Expand at equal rank": build(
        [node("Expand", "x s", "y")], {"x": (2, 1, 4)}, "y", {"s": ints(2, 3, 4)}
    ),
    "ReduceSum": _with("ReduceSum", "x a", {"a": ints(1)}),
    "ReduceMax": _one("ReduceMax", axes=[1]),
    "CumSum": _with("CumSum", "x a", {"a": np.array(1)}),
    "Where": build(
        [node("Greater", "x z", "m"), node("Where", "m x z", "y")], ROWS | {"z": (2, 4)}, "y"
    ),
    "raised before a product": build(
        [
            node("Mul", "x c", "h"),
            node("MatMul", "h z", "y"),
        ],
        {"x": (2, 4), "z": (4, 3)},
        "y",
        {"c": one(0.25)},
    ),
    "Concat, Slice, Reshape": build(
        [
            node("Concat", "x x", "h", axis=1),
            node("Slice", "h start end axes steps", "s"),
            node("Reshape", "s shape", "y"),
        ],
        ROWS,
        "y",
        {
            "start": ints(1),
            "end": ints(8),
            "axes": ints(1),
            "steps": ints(2),
            "shape": ints(4, 2),
        },
    ),
    "a mask that is moderate": build(
        [node("Add", "x m", "h"), node("Softmax", "h", "y", axis=-1)],
        ROWS,
        "y",
        {"m": np.array([0, -5, 0, -20], dtype=np.float32)},
    ),
    "Erf that is no GELU": build(
        [node("Erf", "x", "e"), node("Add", "e c", "s"), node("Mul", "s x", "y")],
        ROWS,
        "y",
        {"c": one(2.0)},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_left_alone_and_right(name: str) -> None:
    model = MODELS[name]
    rewritten, made = rewrite(model, scale_bits=8)
    assert made == ()
    assert [n.op_type for n in rewritten.graph.node] == [n.op_type for n in model.graph.node]
    assert oracle.settings(model, 8).output_scales == (8,)
    random = np.random.default_rng(0)
    inputs = {
        v.name: random.uniform(-2, 2, [d.dim_value for d in v.type.tensor_type.shape.dim]).astype(
            np.float32
        )
        for v in model.graph.input
    }
    assert oracle.circuit_error(model, inputs, 8) <= TOLERANCE


def test_integer_outputs_stay_at_scale_0() -> None:
    model = build([node("ArgMax", "x", "y", axis=1, keepdims=0)], ROWS, "y")
    _, made = rewrite(model, scale_bits=8)
    assert made == ()
    assert model.graph.output[0].type.tensor_type.elem_type == TensorProto.INT64
    assert oracle.settings(model, 8).output_scales == (0,)
