"""Small ONNX models, and the comparison of a model with its normal form in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from zkdps.circuits.normalise import check_normal, normalise

Array = NDArray[Any]

EDGES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 30.0, -30.0, 1e-4, 3.25], dtype=np.float32)
"""Values that passes like to get wrong: zeros of both signs, halves, saturation, tiny ones."""


def model(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
    weights: Mapping[str, Any] | None = None,
    *,
    opset: int = 17,
    elem_type: int = TensorProto.FLOAT,
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model from its parts; inputs and outputs as name to shape, all of one element type."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(n, elem_type, list(s)) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, elem_type, list(s)) for n, s in outputs.items()],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def run(proto: onnx.ModelProto, feeds: Mapping[str, Array]) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [np.asarray(output) for output in session.run(None, dict(feeds))]


def samples(shapes: Mapping[str, Sequence[int]]) -> list[dict[str, Array]]:
    """Random inputs, and inputs made of `EDGES`."""
    random = np.random.default_rng(7)
    return [
        {n: random.normal(size=s).astype(np.float32) for n, s in shapes.items()},
        {n: (4 * random.normal(size=s)).astype(np.float32) for n, s in shapes.items()},
        {n: np.resize(EDGES, s).astype(np.float32) for n, s in shapes.items()},
    ]


def normal_and_equal(
    before: onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    atol: float = 1e-6,
    dtype: Any = np.float32,
) -> onnx.ModelProto:
    """Normalise, check the conditions, compare outputs on all samples; return the normal form."""
    after = normalise(before, shapes)
    check_normal(after)
    for feeds in samples(shapes):
        original = run(before, {n: a.astype(dtype) for n, a in feeds.items()})
        ours = run(after, {n: a.astype(dtype).astype(np.float32) for n, a in feeds.items()})
        for expected, got in zip(original, ours, strict=True):
            wanted = expected.astype(np.float64)
            np.testing.assert_allclose(got.astype(np.float64), wanted, rtol=1e-5, atol=atol)
    return after


def operators(proto: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in proto.graph.node]
