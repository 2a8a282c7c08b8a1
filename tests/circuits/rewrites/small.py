"""Small normal models for the tests of the rewrites: nodes in, a checked model out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Shape = tuple[int, ...]


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """`node("Gemm", "x w b", "y", transB=1)`: names apart by blanks; `_` is an input left out."""
    names = ["" if name == "_" else name for name in inputs.split()]
    made = outputs.split()
    return helper.make_node(operator, names, made, name=f"{operator}_{made[0]}", **attributes)


def build(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    outputs: str,
    constants: Mapping[str, NDArray[Any]] | None = None,
    *,
    opset: int = 17,
    input_types: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """A model with static shapes on every value, as `normalise` leaves one."""
    types = input_types or {}
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(n, types.get(n, float32), s) for n, s in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs.split()],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def operators(model: onnx.ModelProto) -> list[str]:
    """The operator of every node, in order."""
    return [node.op_type for node in model.graph.node]
