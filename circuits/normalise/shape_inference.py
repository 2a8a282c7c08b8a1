"""Types and shapes of every value, inferred afresh."""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from zkdps.circuits.untrusted_tensors import check_dims
from zkdps.core.errors import MalformedModel, UndeterminedShape


def apply(model: ir.Model, name: str) -> None:
    """Forget all shapes but those of inputs and weights, then infer.

    Raises:
        MalformedModel: the graph's types or shapes contradict each other, or a value is too large.
    """
    for node in model.graph:
        for value in node.outputs:
            value.shape = None
            value.type = None
    # Without data propagation: a hostile Range makes it allocate all memory.  Folding does its job.
    ShapeInferencePass(check_type=True, strict_mode=False, data_prop=False)(model)
    untyped = [v for node in model.graph for v in node.outputs if v.name and v.type is None]
    if untyped:
        _explain(model, untyped[0], name)
    for value in (value for node in model.graph for value in node.outputs):
        if value.shape is not None:
            dims = [dim for dim in value.shape if isinstance(dim, int)]
            check_dims(dims, f"value {value.name!r}", name)


def require_static(model: ir.Model, name: str) -> None:
    """Require a full shape of at least one element for every value.

    Raises:
        UndeterminedShape: a shape depends on the input's values.
        MalformedModel: a value is empty.
    """
    for value in (value for node in model.graph for value in node.outputs if value.name):
        shape = value.shape
        if shape is None:
            raise UndeterminedShape(str(value.name), ("unknown rank",))
        dims = tuple(dim if isinstance(dim, int) else str(dim.value or "?") for dim in shape)
        if not all(isinstance(dim, int) for dim in dims):
            raise UndeterminedShape(str(value.name), dims)
        if 0 in dims:
            raise MalformedModel(name, f"value {value.name!r} has the empty shape {list(dims)}")


def _explain(model: ir.Model, value: ir.Value, name: str) -> None:
    """The library's pass only logs why inference failed; ask ONNX itself."""
    try:
        onnx.shape_inference.infer_shapes(ir.to_proto(model), check_type=True, strict_mode=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise MalformedModel(name, f"types do not fit: {lines[-1]}") from error
    node = value.producer()
    if node is not None and not node.domain and _known(model, node):
        raise MalformedModel(name, f"no type can be inferred for value {value.name!r}")


def _known(model: ir.Model, node: ir.Node) -> bool:
    # Unknown operators stay untyped here and are refused by name afterwards.
    return bool(onnx.defs.has(node.op_type, model.opset_imports.get("", 1), ""))
