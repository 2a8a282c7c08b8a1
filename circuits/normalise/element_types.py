"""Bring every value to float32, int64 or bool.

float16, bfloat16 and double become float32: the first two exactly, doubles rounded.  Computed
values are then not rounded to half precision in between; a circuit in fixed point is not either.
Integers become int64; int32 sums that would wrap around no longer do.

Casts to narrower integers wrap on purpose and are refused where their input is computed.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.normalise.surgery import Array, become_identity
from zkdps.core.errors import MalformedModel, UnsupportedOperator

KEPT = frozenset({ir.DataType.FLOAT, ir.DataType.INT64, ir.DataType.BOOL})

_FLOATS = frozenset({ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE})
_INTEGERS = frozenset(
    {
        *(ir.DataType.INT8, ir.DataType.INT16, ir.DataType.INT32),
        *(ir.DataType.UINT8, ir.DataType.UINT16, ir.DataType.UINT32, ir.DataType.UINT64),
        *(ir.DataType.INT4, ir.DataType.UINT4),
    }
)
_WRAPPING = _INTEGERS - {ir.DataType.INT32}
_TYPE_ATTRIBUTES = {"Cast": "to", "EyeLike": "dtype"}


def apply(model: ir.Model, name: str) -> None:
    """Retype weights, inputs, outputs and the attributes that name a type.

    Raises:
        MalformedModel: a weight is beyond float32 or int64.
        UnsupportedOperator: a Cast of a computed value to an integer type that wraps.
    """
    for node in list(model.graph):
        if node.op_type == "CastLike":
            _cast_like(node)
    for node in model.graph:
        _retype_node(node, name)
    for value in model.graph.initializers.values():
        _retype_weight(value, name)
    for value in (*model.graph.inputs, *model.graph.outputs):
        if value.dtype is not None and not value.is_initializer():
            value.type = ir.TensorType(kept_type(value.dtype))


def kept_type(dtype: ir.DataType) -> ir.DataType:
    """The one of float32, int64, bool that stands for `dtype`; other types stay, to be refused."""
    if dtype in _FLOATS:
        return ir.DataType.FLOAT
    return ir.DataType.INT64 if dtype in _INTEGERS else dtype


def _cast_like(node: ir.Node) -> None:
    like = node.inputs[1]
    if like is None or like.dtype is None:
        return  # untyped because an operator above is unknown, which is refused by name
    source, to = node.inputs[0], like.dtype
    if source is not None and source.dtype == to:
        become_identity(node)
        return
    cast = ir.node("Cast", [source], {"to": to.value}, name=node.name)
    cast.outputs[0].name = node.outputs[0].name
    graph = node.graph
    if graph is not None:
        ir.convenience.replace_nodes_and_values(
            graph, node, [node], [cast], list(node.outputs), list(cast.outputs)
        )


def _retype_node(node: ir.Node, name: str) -> None:
    key = _TYPE_ATTRIBUTES.get(node.op_type)
    if key is not None and key in node.attributes and not node.domain:
        to = ir.DataType(node.attributes[key].as_int())
        source = node.inputs[0]
        if to in _WRAPPING and source is not None and source.dtype != ir.DataType.BOOL:
            raise UnsupportedOperator(
                operator=node.op_type,
                node=node.name or "",
                reason=f"conversion to {to.name} wraps around, a circuit's integers do not",
                remedy="remove the conversion, or use int64",
            )
        node.attributes[key] = ir.AttrInt64(key, kept_type(to).value)
    if node.op_type == "ConstantOfShape" and "value" in node.attributes:
        filling = node.attributes["value"].as_tensor().numpy()
        tensor = ir.tensor(widened(filling, str(node.name), name))
        node.attributes["value"] = ir.AttrTensor("value", tensor)
    if node.op_type == "LayerNormalization" and "stash_type" in node.attributes:
        # The precision of the statistics; 1 is float32.
        node.attributes["stash_type"] = ir.AttrInt64("stash_type", 1)


def _retype_weight(value: ir.Value, name: str) -> None:
    tensor = value.const_value
    if tensor is None or tensor.dtype == kept_type(tensor.dtype):
        return
    array = widened(tensor.numpy(), str(value.name), name)
    value.const_value = ir.tensor(array, name=value.name)
    value.type = ir.TensorType(value.const_value.dtype)


def widened(array: Array, what: str, name: str) -> Array:
    """The array as float32, int64 or bool.

    Raises:
        MalformedModel: a finite value would become infinite, or an integer would wrap.
    """
    dtype = kept_type(ir.DataType.from_numpy(array.dtype))
    if dtype == ir.DataType.INT64:
        if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
            raise MalformedModel(name, f"tensor {what!r} holds integers beyond int64")
        return array.astype(np.int64)
    if dtype == ir.DataType.FLOAT and array.dtype != np.float32:
        with np.errstate(over="ignore"):
            narrowed = array.astype(np.float32)
        if np.any(np.isinf(narrowed) & np.isfinite(array.astype(np.float64))):
            raise MalformedModel(name, f"tensor {what!r} holds numbers beyond float32")
        return narrowed
    return array
