"""Tiny blocks with known integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from zkdps.core.fixed_point import FixedTensor
from zkdps.core.plan import Block, TensorSpec
from zkdps.core.prover import BlockGraph

SCALE_BITS = 8


def spec(name: str, *shape: int, scale_bits: int = SCALE_BITS) -> TensorSpec:
    return TensorSpec(name, shape, "float32", scale_bits)


def block_graph(
    nodes: Sequence[NodeProto],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    constants: dict[str, NDArray[np.float32]],
    index: int = 0,
) -> BlockGraph:
    def value(tensor: TensorSpec) -> object:
        return helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.shape)

    graph = helper.make_graph(
        list(nodes),
        "block",
        [value(tensor) for tensor in inputs],
        [value(tensor) for tensor in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    names = tuple(t.name for t in inputs), tuple(t.name for t in outputs)
    block = Block(index, "tiny", *names)
    return BlockGraph(block, model.SerializeToString(), tuple(inputs), tuple(outputs))


def weights(seed: int) -> NDArray[np.int64]:
    """(6, 4) small integers: products need no rounding, so outputs are known exactly."""
    return np.random.default_rng(seed).integers(-3, 4, size=(6, 4))


def linear(seed: int = 1, index: int = 0) -> BlockGraph:
    """y = a W + b of two inputs, W whole numbers."""
    nodes = [
        helper.make_node("MatMul", ["a", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["y"]),
    ]
    constants = {"w": weights(seed).astype(np.float32)}
    return block_graph(
        nodes, [spec("a", 1, 6), spec("b", 1, 4)], [spec("y", 1, 4)], constants, index
    )


def activation(operator: str, *shape: int) -> BlockGraph:
    """y = operator(x)."""
    node = helper.make_node(operator, ["x"], ["y"])
    return block_graph([node], [spec("x", *shape)], [spec("y", *shape)], {})


def tensor(values: object, scale_bits: int = SCALE_BITS) -> FixedTensor:
    return FixedTensor(np.array(values, dtype=np.int64), scale_bits)
