"""Small plans with residuals, two inputs and two outputs, cut by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from zkdps.calibration.data import Samples
from zkdps.calibration.reference import FloatModels
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.core.prover import BlockGraph

WIDTH = 6
CLASSES = 3
OPSET = 17


def _model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    weights: dict[str, NDArray[np.float32]],
) -> onnx.ModelProto:
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(s.name, TensorProto.FLOAT, s.shape) for s in inputs],
        [helper.make_tensor_value_info(s.name, TensorProto.FLOAT, s.shape) for s in outputs],
        [numpy_helper.from_array(w, name) for name, w in sorted(weights.items()) if name in used],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def residual_chain(seed: int = 0) -> tuple[Plan, tuple[BlockGraph, ...], FloatModels]:
    """`h/out` skips over the middle block and meets its output in the last one.

    Inputs `x` and `side` (1, WIDTH); outputs `logits` (1, CLASSES) and `h/out` (1, WIDTH).
    """
    rng = np.random.default_rng(seed)

    def weight(*shape: int) -> NDArray[np.float32]:
        return np.asarray(rng.normal(size=shape) / np.sqrt(shape[0]), dtype=np.float32)

    weights = {
        "w0": weight(WIDTH, WIDTH),
        "b0": weight(WIDTH),
        "w1": weight(WIDTH, WIDTH),
        "w2": weight(WIDTH, CLASSES),
        "b2": weight(CLASSES),
    }
    row = (1, WIDTH)
    specs = {n: TensorSpec(n, row, "float32") for n in ("x", "side", "h/out", "m")}
    specs["logits"] = TensorSpec("logits", (1, CLASSES), "float32")
    groups = [
        [
            helper.make_node("MatMul", ["x", "w0"], ["p0"]),
            helper.make_node("Add", ["p0", "b0"], ["a0"]),
            helper.make_node("Relu", ["a0"], ["h/out"]),
        ],
        [
            helper.make_node("Add", ["h/out", "side"], ["s"]),
            helper.make_node("MatMul", ["s", "w1"], ["p1"]),
            helper.make_node("Relu", ["p1"], ["m"]),
        ],
        [
            helper.make_node("Add", ["m", "h/out"], ["r"]),
            helper.make_node("MatMul", ["r", "w2"], ["p2"]),
            helper.make_node("Add", ["p2", "b2"], ["logits"]),
        ],
    ]
    blocks = (
        Block(0, "first", ("x",), ("h/out",)),
        Block(1, "middle", ("h/out", "side"), ("m",)),
        Block(2, "last", ("m", "h/out"), ("logits",)),
    )
    plan = Plan(tuple(specs.values()), ("x", "side"), ("logits", "h/out"), blocks)
    graphs = []
    for block, nodes in zip(blocks, groups, strict=True):
        inputs = tuple(specs[name] for name in block.inputs)
        outputs = tuple(specs[name] for name in block.outputs)
        sliced = _model(nodes, inputs, outputs, weights).SerializeToString()
        graphs.append(BlockGraph(block, sliced, inputs, outputs))
    whole = _model(
        [node for nodes in groups for node in nodes],
        [specs[name] for name in plan.inputs],
        [specs[name] for name in plan.outputs],
        weights,
    )
    return plan, tuple(graphs), FloatModels(whole, whole)


def random_samples(count: int, seed: int = 1, size: float = 1.0) -> Samples:
    """Uniform inputs in -size..size."""
    rng = np.random.default_rng(seed)
    return Samples(
        {
            name: rng.uniform(-size, size, (count, 1, WIDTH)).astype(np.float32)
            for name in ("x", "side")
        }
    )
