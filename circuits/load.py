"""ONNX from a stranger: bytes in, a checked model with its weights inside, or an error of ours.

The checks go from cheap to dear, so that each only sees what the earlier ones let through: file
size, protobuf, node counts, no subgraphs, tensors in bounds, a graph without cycles in which every
name is made once, and last ONNX's own checker with shape inference.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import (  # type: ignore[import-untyped]
    DecodeError,
    EncodeError,
    Message,
)
from onnx import GraphProto, NodeProto

from zkdps.circuits import untrusted_tensors
from zkdps.circuits.digest import digest
from zkdps.circuits.graph_order import sort_nodes
from zkdps.circuits.untrusted_tensors import MAX_MODEL_BYTES
from zkdps.core.errors import MalformedModel, UnreadableFile, UnsupportedOperator

__all__ = ["MAX_MODEL_BYTES", "MAX_NODES", "load_model", "model_digest"]

MAX_NODES = 100_000
"""Nodes after all local functions are expanded; functions can call functions exponentially."""

MAX_FUNCTIONS = 10_000
MAX_INITIALIZERS = 100_000

_TEXT_IN_BYTES = frozenset({"onnx.AttributeProto.s", "onnx.AttributeProto.strings"})
"""Attributes such as `auto_pad` are declared as bytes; every operator reads them as text."""

_RUNTIME_OPERATORS = frozenset({"LayerNormalization", "SimplifiedLayerNormalization"})
"""Operators that onnxruntime's optimiser writes into the default domain before ONNX had them."""


def load_model(path: Path) -> onnx.ModelProto:
    """Read an untrusted ONNX file.

    The result is self-contained (external data is inlined), in topological order, and passes
    `onnx.checker` with full shape inference.  What the values *mean* is not changed; one spelling
    is: onnxruntime's LayerNormalization below opset 17 moves to the domain `com.microsoft`.

    Raises:
        UnreadableFile: missing, not a file, too large; also for a file of external data.
        MalformedModel: not a protobuf, out of bounds, inconsistent, cyclic, or NaN in a weight.
        UnsupportedOperator: control flow, sparse, string or complex tensors.
    """
    name = str(path)
    model = _parse(_read(path), name)
    check_counts(model, name)
    _check_tensors(model, path.parent, name)
    _check_types(model, name)
    _check_order(model, name)
    _move_runtime_operators(model)
    _check_with_onnx(model, name)
    return model


def model_digest(model: onnx.ModelProto | Path) -> str:
    """SHA-256, as hex, of a model's graph and weights; see `zkdps.circuits.digest` for what counts.

    A path is loaded first, with all checks of `load_model`.
    """
    return digest(load_model(model) if isinstance(model, Path) else model)


def check_counts(model: onnx.ModelProto, path: str) -> None:
    """Bound the work that everything later may do.

    Raises:
        MalformedModel: no graph, too many nodes, functions or initializers, recursive functions.
        UnsupportedOperator: control flow.
    """
    if not model.HasField("graph") or not model.graph.node:
        raise MalformedModel(path, "it has no graph, or a graph without nodes")
    counts = {
        "initializers": (len(model.graph.initializer), MAX_INITIALIZERS),
        "local functions": (len(model.functions), MAX_FUNCTIONS),
    }
    for what, (count, bound) in counts.items():
        if count > bound:
            raise MalformedModel(path, f"{count} {what}, over {bound}")
    _refuse_control_flow(model.graph.node)
    for function in model.functions:
        _refuse_control_flow(function.node)
    _check_expanded_size(model, path)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UnreadableFile(str(path), "not a file" if path.exists() else "no such file")
        with path.open("rb") as file:
            data = file.read(MAX_MODEL_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableFile(str(path), reason) from error
    if len(data) > MAX_MODEL_BYTES:
        raise UnreadableFile(str(path), f"larger than {MAX_MODEL_BYTES} bytes")
    return data


def _parse(data: bytes, path: str) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise MalformedModel(path, "not an ONNX protobuf, or cut short") from error
    _check_text(model, path)
    return model


def _check_text(message: Message, path: str) -> None:
    """The parser keeps text that is not UTF-8, and only its users would fail."""
    for field, value in message.ListFields():
        is_text = field.type == FieldDescriptor.TYPE_STRING or field.full_name in _TEXT_IN_BYTES
        if not is_text and field.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        items = value if field.is_repeated else [value]
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for item in items:
                _check_text(item, path)
        elif not all(_is_text(item) for item in items):
            raise MalformedModel(path, f"its field {field.full_name} is not text")


def _is_text(item: str | bytes) -> bool:
    if isinstance(item, bytes):
        try:
            item = item.decode()
        except UnicodeDecodeError:
            return False
    return "\0" not in item


def _refuse_control_flow(nodes: Iterable[NodeProto]) -> None:
    for node in nodes:
        holds_graph = any(a.HasField("g") or a.graphs for a in node.attribute)
        if holds_graph or (
            node.op_type in ("If", "Loop", "Scan") and node.domain in ("", "ai.onnx")
        ):
            raise UnsupportedOperator(
                operator=node.op_type,
                node=node.name,
                reason="a circuit runs the same operations on every input, with no branch or loop",
                remedy="export with fixed shapes, so that the exporter unrolls or folds it away",
            )
        if any(a.HasField("sparse_tensor") or a.sparse_tensors for a in node.attribute):
            raise _sparse(node.name)


def _check_expanded_size(model: onnx.ModelProto, path: str) -> None:
    """Count the nodes after inlining, without inlining; a recursive function is never done."""
    bodies = {(f.domain, f.name, f.overload): f.node for f in model.functions}
    if len(bodies) != len(model.functions):
        raise MalformedModel(path, "two local functions share a name")
    sizes: dict[tuple[str, str, str], int] = {}
    calls = {
        key: {k for node in nodes if (k := (node.domain, node.op_type, node.overload)) in bodies}
        for key, nodes in bodies.items()
    }
    while len(sizes) < len(bodies):
        ready = [key for key in bodies if key not in sizes and calls[key] <= sizes.keys()]
        if not ready:
            raise MalformedModel(path, "its local functions call each other in a circle")
        for key in ready:
            sizes[key] = _expanded(bodies[key], sizes)
    total = _expanded(model.graph.node, sizes)
    if total > MAX_NODES:
        raise MalformedModel(path, f"{total} nodes once functions are expanded, over {MAX_NODES}")


def _expanded(nodes: Iterable[NodeProto], sizes: dict[tuple[str, str, str], int]) -> int:
    return sum(sizes.get((node.domain, node.op_type, node.overload), 1) for node in nodes)


def _check_tensors(model: onnx.ModelProto, directory: Path, path: str) -> None:
    if model.graph.sparse_initializer:
        raise _sparse(model.graph.sparse_initializer[0].values.name)
    budget_bytes = MAX_MODEL_BYTES - model.ByteSize()
    for tensor in untrusted_tensors.tensors(model):
        budget_bytes -= untrusted_tensors.inline(tensor, directory, budget_bytes, path)
        untrusted_tensors.check(tensor, path)


def _check_types(model: onnx.ModelProto, path: str) -> None:
    """Inputs, outputs and hints are tensors with thinkable shapes; symbolic dimensions pass."""
    graph: GraphProto = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        if not value.type.HasField("tensor_type"):
            if value.type.WhichOneof("value") is None:
                continue  # no hint at all; inputs without one fail in ONNX's checker
            raise UnsupportedOperator(
                operator=f"{value.type.WhichOneof('value')} value",
                node=value.name,
                reason="only dense tensors can be committed to and proven",
                remedy="export the model so that it takes and returns plain tensors",
            )
        if value.type.tensor_type.elem_type not in onnx.TensorProto.DataType.values():
            raise MalformedModel(path, f"value {value.name!r} has an unknown element type")
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim if d.HasField("dim_value")]
        untrusted_tensors.check_dims(dims, f"value {value.name!r}", path)


def _check_order(model: onnx.ModelProto, path: str) -> None:
    graph = model.graph
    inputs = [value.name for value in graph.input]
    weights = [tensor.name for tensor in graph.initializer]
    outputs = [value.name for value in graph.output]
    for what, names in (("inputs", inputs), ("initializers", weights), ("outputs", outputs)):
        if len(set(names)) != len(names) or "" in names:
            raise MalformedModel(path, f"two {what} share a name, or one has none")
    # Before IR version 4 every initializer is listed among the inputs too: one name, one tensor.
    sort_nodes(graph.node, {*inputs, *weights}, outputs, path)
    for function in model.functions:
        sort_nodes(function.node, set(function.input), list(function.output), path)


def _move_runtime_operators(model: onnx.ModelProto) -> None:
    opset = {entry.domain: entry.version for entry in model.opset_import}
    version = opset.get("", opset.get("ai.onnx", 0))
    moved = False
    for node in model.graph.node:
        unknown = version < 17 or node.op_type == "SimplifiedLayerNormalization"
        if node.domain in ("", "ai.onnx") and node.op_type in _RUNTIME_OPERATORS and unknown:
            node.domain = "com.microsoft"
            moved = True
    if moved and "com.microsoft" not in opset:
        model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))


def _check_with_onnx(model: onnx.ModelProto, path: str) -> None:
    try:
        onnx.checker.check_model(model, full_check=True)
    except (
        *(onnx.checker.ValidationError, onnx.shape_inference.InferenceError),
        *(RuntimeError, ValueError, TypeError, IndexError, OverflowError, EncodeError),
    ) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise MalformedModel(path, lines[0] if lines else type(error).__name__) from error


def _sparse(name: str) -> UnsupportedOperator:
    return UnsupportedOperator(
        operator="sparse tensor",
        node=name,
        reason="a circuit holds every weight, zeros too",
        remedy="export the model with dense weights",
    )
