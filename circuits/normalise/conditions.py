"""What every normal model fulfils, as a check; the list is in `zkdps.circuits.normalise`."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import onnx_ir as ir

from zkdps.circuits.dialect import Dialect
from zkdps.circuits.normalise.attributes import WINDOWED
from zkdps.circuits.normalise.element_types import KEPT
from zkdps.circuits.normalise.no_ops import must_stay
from zkdps.circuits.normalise.opset import DELIVERED
from zkdps.circuits.normalise.refuse import OPERATORS
from zkdps.circuits.normalise.surgery import constant, static_shape
from zkdps.core.errors import MalformedModel


def check_normal(model: onnx.ModelProto, dialect: Dialect = Dialect.EZKL) -> None:
    """Check the numbered conditions of `zkdps.circuits.normalise`; 3 depends on the dialect.

    Raises:
        MalformedModel: naming the first that does not hold.
    """
    name = f"graph {model.graph.name!r}"
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise MalformedModel(name, f"not normal (1): {error}") from error
    for number, problem in _problems(model, dialect):
        raise MalformedModel(name, f"not normal ({number}): {problem}")


def _problems(model: onnx.ModelProto, dialect: Dialect) -> Iterator[tuple[int, str]]:
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if set(opsets) != {""} or opsets[""] not in DELIVERED:
        yield 2, f"opsets {opsets}"
    if model.functions:
        yield 3, f"{len(model.functions)} local functions"
    graph = ir.from_proto(model).graph
    yield from _names(graph)
    for value in _values(graph):
        if value.dtype not in KEPT:
            yield 4, f"value {value.name!r} has type {value.dtype}"
        shape = static_shape(value)
        if shape is None or 0 in shape:
            yield 5, f"value {value.name!r} has shape {value.shape}"
    for node in graph:
        yield from _node(node, dialect)
    for value in graph.initializers.values():
        if not value.uses():
            yield 7, f"initializer {value.name!r} is unused"


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from (value for value in node.outputs if value.name)


def _names(graph: ir.Graph) -> Iterator[tuple[int, str]]:
    names = [node.name for node in graph]
    if not all(names) or len(set(names)) != len(names):
        yield 6, "nodes without names, or with equal ones"
    if any(value in graph.initializers for value in (v.name for v in graph.inputs)):
        yield 6, "a weight is listed among the inputs"


def _node(node: ir.Node, dialect: Dialect) -> Iterator[tuple[int, str]]:
    label = f"node {node.name!r} ({node.op_type})"
    if node.domain or node.op_type not in OPERATORS[dialect]:
        yield 3, f"{label} has no circuit"
    if node.op_type == "Identity" and not must_stay(node):
        yield 8, f"{label} does nothing"
    if not any(v.uses() or v.is_graph_output() for v in node.outputs):
        yield 7, f"{label} is unused"
    if all(value is None or value.is_initializer() for value in node.inputs):
        yield 8, f"{label} is constant"
    if node.op_type == "Reshape":
        target = constant(node.inputs[1])
        if target is None or tuple(target) != static_shape(node.outputs[0]):
            yield 9, f"{label} does not state its target"
    if node.op_type in WINDOWED:
        for key in ("kernel_shape", "strides", "pads"):
            if key not in node.attributes:
                yield 9, f"{label} has no {key}"
        if node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
            yield 9, f"{label} has auto_pad"
