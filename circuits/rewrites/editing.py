"""Reading and replacing nodes of an `onnx_ir` graph, with names that depend on the model alone.

Every pass replaces one node by a few others.  A tensor that keeps its name keeps its value: users
cut the model at tensor names, and compare boundaries by name.  So new tensors are named after the
node they replace (`<node>/<part>`), and one whose value changes gets a new name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from zkdps.circuits.rewrites.record import Rewrite

Array = NDArray[Any]

FLOAT = ir.DataType.FLOAT
BOOL = ir.DataType.BOOL


def known(value: ir.Value | None) -> Array | None:
    """The values of an initializer; None for everything that depends on an input."""
    if value is None or not value.is_initializer() or value.const_value is None:
        return None
    return np.asarray(value.const_value.numpy())


def scalar(value: ir.Value | None) -> float | None:
    """The one number that an initializer holds, if it holds one."""
    array = known(value)
    return float(array.reshape(())) if array is not None and array.size == 1 else None


def uniform(value: ir.Value | None) -> float | None:
    """The number that an initializer repeats in every place."""
    array = known(value)
    if array is None or not array.size or np.any(array != array.flat[0]):
        return None
    return float(array.flat[0])


def dims(value: ir.Value) -> tuple[int, ...]:
    """The static shape, which every value of a normal model has."""
    if value.shape is None:
        raise ValueError(f"{value.name} has no shape: the model is not normal")
    return tuple(int(dim) for dim in value.shape.numpy())


def users(value: ir.Value) -> list[ir.Node]:
    """The nodes that read a value, in a stable order, one entry per read."""
    return [use.node for use in value.uses()]


def sole_user(value: ir.Value) -> ir.Node | None:
    """The only reader of a value that is not an output of the graph."""
    reads = users(value)
    return reads[0] if len(reads) == 1 and not value.is_graph_output() else None


def label(node: ir.Node) -> str:
    """The name of a node; that of its first output where it has none."""
    return node.name or node.outputs[0].name or node.op_type


def argument(node: ir.Node, index: int) -> ir.Value:
    """An input that the operator requires."""
    value = node.inputs[index]
    if value is None:
        raise ValueError(f"node {label(node)!r} lacks its input {index}: the model is not normal")
    return value


def optional(node: ir.Node, index: int) -> ir.Value | None:
    """An input that may be left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def integer(node: ir.Node, name: str, default: int) -> int:
    """An integer attribute."""
    return node.attributes.get_int(name, default)


def real(node: ir.Node, name: str, default: float) -> float:
    """A float attribute."""
    return node.attributes.get_float(name, default)


def integers(node: ir.Node, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """An attribute that is a list of integers."""
    found = node.attributes.get_ints(name)
    return tuple(default if found is None else found)


def text(node: ir.Node, name: str, default: str) -> str:
    """A string attribute."""
    return node.attributes.get_string(name, default)


class Patch:
    """New nodes put in front of one node, named after it, which then take its place."""

    def __init__(self, model: ir.Model, node: ir.Node) -> None:
        self._graph = model.graph
        self._node = node
        self._prefix = label(node)
        self._taken = {value.name for value in _values(model.graph)}

    def node(
        self,
        operator: str,
        inputs: Sequence[ir.Value | None],
        part: str,
        *,
        shape: Sequence[int] | None = None,
        dtype: ir.DataType | None = None,
        **attributes: Any,
    ) -> ir.Value:
        """Add a node and return its output, by default shaped and typed as the replaced one."""
        like = self._node.outputs[0]
        name = self._fresh(part)
        output = ir.Value(
            name=name,
            shape=ir.Shape(dims(like) if shape is None else tuple(shape)),
            type=ir.TensorType(dtype) if dtype is not None else like.type,
        )
        made = ir.node(operator, inputs, attributes or None, outputs=[output], name=name)
        self._graph.insert_before(self._node, made)
        return output

    def constant(self, array: Array, part: str) -> ir.Value:
        """Add an initializer."""
        tensor = ir.tensor(np.ascontiguousarray(array).reshape(np.shape(array)))
        value = ir.Value(
            name=self._fresh(part),
            shape=ir.Shape(array.shape),
            type=ir.TensorType(tensor.dtype),
            const_value=tensor,
        )
        self._graph.register_initializer(value)
        return value

    def floats(self, array: Any, part: str) -> ir.Value:
        """Add a float32 initializer."""
        return self.constant(np.asarray(array, dtype=np.float32), part)

    def indices(self, array: Any, part: str) -> ir.Value:
        """Add an int64 initializer."""
        return self.constant(np.asarray(array, dtype=np.int64), part)

    def replace(self, result: ir.Value) -> None:
        """Let `result`, which equals the node's first output, take its place and name."""
        old = self._node.outputs[0]
        if result.producer() is None or result.is_graph_output():
            if not old.is_graph_output():
                self.bypass(result)
                return
            result = self.node("Identity", [result], "kept")
        name = old.name
        ir.convenience.replace_all_uses_with(old, result, replace_graph_outputs=True)
        self._graph.remove(self._node, safe=True)
        result.name = name

    def bypass(self, result: ir.Value) -> None:
        """Let `result`, which equals the node's first output, be read in its place."""
        ir.convenience.replace_all_uses_with(self._node.outputs[0], result)
        self._graph.remove(self._node, safe=True)

    def _fresh(self, part: str) -> str:
        name = f"{self._prefix}/{part}"
        count = 1
        while name in self._taken:
            count += 1
            name = f"{self._prefix}/{part}_{count}"
        self._taken.add(name)
        return name


def rename(model: ir.Model, value: ir.Value, part: str) -> None:
    """Give a tensor whose value changes a name of its own."""
    taken = {other.name for other in _values(model.graph)}
    name = f"{value.name}/{part}"
    while name in taken:
        name += "_"
    value.name = name


def each(
    model: ir.Model, operators: Sequence[str], change: Callable[[ir.Node], Rewrite | None]
) -> list[Rewrite]:
    """Offer every node of these operators to `change`; the changes made, in graph order."""
    made = []
    for node in list(model.graph):
        if node.op_type in operators and node.graph is not None:
            rewrite = change(node)
            if rewrite is not None:
                made.append(rewrite)
    return made


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs
