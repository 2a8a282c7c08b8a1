"""Constant folding: a node whose inputs are all known is replaced by its value.

Values are computed by ONNX's reference evaluator.  What a node may allocate is bounded before it
runs, since `Expand` or `Range` can ask for terabytes with ten bytes of input.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from zkdps.circuits.normalise.surgery import Array, add_constant, constant, static_shape
from zkdps.core.errors import MalformedModel

MAX_FOLDED_ELEMENTS = 2**26
"""Per value; a node that would make more stays a node."""

_RANDOM = frozenset(
    {
        *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        *("Bernoulli", "Multinomial", "Dropout"),
    }
)
_QUANTISING = frozenset({"DequantizeLinear", "QuantizeLinear"})
_QUANTISING_VERSION = 19
"""The evaluator has no older ones; 13 to 19 differ in the element types they accept only."""

_SHAPE_ARGUMENT_ELEMENTS = 1024
_NARROW = frozenset(
    {
        *(ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.UINT16),
        *(ir.DataType.INT32, ir.DataType.UINT32, ir.DataType.UINT64),
        *(ir.DataType.INT4, ir.DataType.UINT4),
    }
)


def apply(model: ir.Model, name: str, only: Callable[[ir.Node], bool] | None = None) -> bool:
    """Fold what can be folded; return whether anything was.

    Args:
        model: Changed in place, with shapes inferred.
        name: The model, for messages.
        only: Which nodes to consider; all by default.

    Raises:
        MalformedModel: a node of constants cannot be computed: it would fail at every run.
    """
    changed = False
    version = model.opset_imports[""]
    for node in list(model.graph):
        if node.domain or node.op_type in _RANDOM or (only is not None and not only(node)):
            continue
        if node.op_type == "Identity" and node.outputs[0].is_graph_output():
            continue  # what `_replace` itself leaves behind
        arrays = _fold_shape(node) or _evaluate(node, version, name)
        if arrays is None:
            continue
        _replace(model.graph, node, arrays)
        changed = True
    return changed


def on_narrow_integers(node: ir.Node) -> bool:
    """Nodes that dequantise, or work on integers whose width is part of their meaning."""
    if node.op_type in _QUANTISING:
        return True
    if node.op_type == "Cast" and node.attributes.get_int("to") in _NARROW:
        return True
    return any(value is not None and value.dtype in _NARROW for value in node.inputs)


def _fold_shape(node: ir.Node) -> list[Array] | None:
    """Shape and Size of a value whose shape is known, though its elements are not."""
    if node.op_type not in ("Shape", "Size") or len(node.inputs) != 1:
        return None
    shape = static_shape(node.inputs[0])
    if shape is None:
        return None
    if node.op_type == "Size":
        return [np.array(math.prod(shape), dtype=np.int64)]
    start, end = node.attributes.get_int("start", 0), node.attributes.get_int("end", None)
    return [np.array(shape[start:end], dtype=np.int64)]


def _evaluate(node: ir.Node, version: int, name: str) -> list[Array] | None:
    feeds: dict[str, Array] = {}
    for value in node.inputs:
        if value is None:
            continue
        array = constant(value)
        if array is None:
            return None
        feeds[str(value.name)] = array
    if not onnx.defs.has(node.op_type, version, ""):
        return None
    if node.op_type in _QUANTISING:
        version = max(version, _QUANTISING_VERSION)
    model = _single(node, version, feeds)
    if not _within_bounds(model, node, feeds):
        return None
    try:
        evaluator = ReferenceEvaluator(model)
    except (NotImplementedError, RuntimeError):
        return None  # stays a node, and is refused by name if the prover cannot do it
    try:
        results = evaluator.run(None, feeds)
    except _EVALUATION_ERRORS as error:
        reason = f"node {node.name!r} ({node.op_type}) fails on its constants: {error}"
        raise MalformedModel(name, reason) from error
    if not all(isinstance(result, np.ndarray | np.generic) for result in results):
        return None  # a sequence
    return [np.asarray(result) for result in results]


_EVALUATION_ERRORS = (
    *(ValueError, TypeError, IndexError, KeyError, RuntimeError, AttributeError),
    *(ArithmeticError, MemoryError, AssertionError),
)


def _single(node: ir.Node, version: int, feeds: dict[str, Array]) -> onnx.ModelProto:
    """A model of this node alone; small constants are initializers, so that shapes follow."""
    proto = ir.to_proto(node)
    inputs = [
        helper.make_tensor_value_info(
            key, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for key, array in feeds.items()
    ]
    small = [
        numpy_helper.from_array(array, key)
        for key, array in feeds.items()
        if array.size <= _SHAPE_ARGUMENT_ELEMENTS
    ]
    outputs = [onnx.ValueInfoProto(name=output) for output in proto.output if output]
    graph = helper.make_graph([proto], "one", inputs, outputs, small)
    opset = [helper.make_opsetid("", version)]
    return onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=opset))


def _within_bounds(model: onnx.ModelProto, node: ir.Node, feeds: dict[str, Array]) -> bool:
    if node.op_type == "NonZero":
        return all(a.size * max(a.ndim, 1) <= MAX_FOLDED_ELEMENTS for a in feeds.values())
    for output in model.graph.output:
        tensor_type = output.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else -1 for d in tensor_type.shape.dim]
        if not tensor_type.HasField("shape") or -1 in dims:
            return False
        if math.prod(dims) > MAX_FOLDED_ELEMENTS:
            return False
    return True


def _replace(graph: ir.Graph, node: ir.Node, arrays: list[Array]) -> None:
    outputs = [value for value in node.outputs if value.name]
    for value, array in zip(outputs, arrays, strict=True):
        if value.is_graph_output():
            # A graph output must be made by a node: keep it as Identity of the constant.
            fresh = add_constant(graph, f"{value.name}/constant", array)
            keeper = ir.node("Identity", [fresh], name=f"{node.name}/constant")
            name, keeper.outputs[0].type = value.name, value.type
            graph.insert_before(node, keeper)
            ir.convenience.replace_all_uses_with(
                value, keeper.outputs[0], replace_graph_outputs=True
            )
            value.name, keeper.outputs[0].name = f"{name}/folded", name
        else:
            fresh = add_constant(graph, str(value.name), array)
            ir.convenience.replace_all_uses_with(value, fresh)
    graph.remove(node, safe=True)
