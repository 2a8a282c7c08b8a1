"""Small moves on an `onnx_ir` graph that several passes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
Build = Callable[[Tape], Sequence[ir.Value | None]]


def replace(node: ir.Node, build: Build) -> None:
    """Put what `build` records in the place of `node`; it returns one value per output of the node.

    The new values take over the names of the old ones, so that users still find their tensors.
    """
    graph = node.graph
    if graph is None:
        raise ValueError(f"node {node.name!r} is in no graph")
    tape = Tape()
    results = build(tape)
    for number, new in enumerate(tape.nodes):
        new.name = f"{node.name or node.outputs[0].name}/{new.op_type}_{number}"
        for made in new.outputs:
            made.name = f"{new.name}_out"
    pairs = [(o, r) for o, r in zip(node.outputs, results, strict=True) if r is not None]
    for old, result in pairs:
        result.name, result.type, result.shape = old.name, old.type, old.shape
    ir.convenience.replace_nodes_and_values(
        graph, node, [node], list(tape.nodes), [old for old, _ in pairs], [new for _, new in pairs]
    )


def add_constant(graph: ir.Graph, name: str, array: Array) -> ir.Value:
    """A new initializer; `name` gets a number if it is taken."""
    taken = graph.initializers
    fresh = name
    number = 1
    while fresh in taken:
        fresh, number = f"{name}_{number}", number + 1
    # asarray, since ascontiguousarray makes a vector of a scalar
    tensor = ir.tensor(np.asarray(array, order="C"), name=fresh)
    value = ir.Value(
        name=fresh,
        const_value=tensor,
        shape=ir.Shape(array.shape),
        type=ir.TensorType(tensor.dtype),
    )
    graph.register_initializer(value)
    return value


def constant(value: ir.Value | None) -> Array | None:
    """The array of an initializer; None for a value that is computed or left out."""
    if value is None or value.const_value is None or not value.is_initializer():
        return None
    array: Array = value.const_value.numpy()
    return array


def static_shape(value: ir.Value | None) -> tuple[int, ...] | None:
    """The shape when every dimension is a number."""
    if value is None or value.shape is None:
        return None
    dims = tuple(dim for dim in value.shape if isinstance(dim, int))
    return dims if len(dims) == len(value.shape) else None


def become_identity(node: ir.Node) -> None:
    """Turn a node that changes nothing into Identity of its first input."""

    def build(tape: Tape) -> Sequence[ir.Value | None]:
        return [tape.op("Identity", [node.inputs[0]]), *([None] * (len(node.outputs) - 1))]

    replace(node, build)
