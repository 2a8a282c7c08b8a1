"""Casts: chains collapse, and numbers that ezkl holds at scale 0 get the scale of the model.

ezkl keeps booleans and integers at scale 0, and leaves them there when they are cast to float: a
Sigmoid of such a tensor is rounded to 0 or 1, silently.  Booleans become a choice between the
constants 1 and 0, which has the right scale; integers are negated by a product and back.
"""

from __future__ import annotations

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    BOOL,
    FLOAT,
    Patch,
    argument,
    dims,
    each,
    label,
    scalar,
    users,
)
from zkdps.circuits.rewrites.record import Rewrite

LOSSLESS = {
    ir.DataType.BOOL: (BOOL, ir.DataType.INT32, ir.DataType.INT64, FLOAT),
    ir.DataType.INT32: (ir.DataType.INT32, ir.DataType.INT64),
    ir.DataType.INT64: (ir.DataType.INT64,),
    FLOAT: (FLOAT,),
}
"""From a type, the types that hold all its values."""


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Shorten chains, then give scale-0 numbers a scale."""
    shortened = each(model, ("Cast",), lambda node: _shorten(model, node))
    return shortened + each(model, ("Cast",), lambda node: _scale(model, node))


def _shorten(model: ir.Model, node: ir.Node) -> Rewrite | None:
    """Cast to the type that is there; Cast of a Cast that lost nothing."""
    data, target = argument(node, 0), node.outputs[0].dtype
    name = label(node)
    if data.dtype == target:
        if node.outputs[0].is_graph_output():
            return None
        Patch(model, node).bypass(data)
        return Rewrite("casts", name, "to the type it had: removed")
    before = data.producer()
    if before is None or before.op_type != "Cast":
        return None
    origin = argument(before, 0)
    if origin.dtype is None or data.dtype not in LOSSLESS.get(origin.dtype, ()):
        return None
    node.replace_input_with(0, origin)
    return Rewrite("casts", name, "reads what the cast before it read")


def _scale(model: ir.Model, node: ir.Node) -> Rewrite | None:
    data, target = argument(node, 0), node.outputs[0].dtype
    if target != FLOAT or data.dtype == FLOAT:
        return None
    patch = Patch(model, node)
    name = label(node)
    if data.dtype == BOOL:
        one, zero = patch.floats(1.0, "one"), patch.floats(0.0, "zero")
        patch.replace(patch.node("Where", [data, one, zero], "number"))
        return Rewrite("casts", name, "boolean as a choice between 1 and 0")
    if _negated(node):
        return None
    shape = dims(data)
    number = patch.node("Cast", [data], "number", shape=shape, to=int(FLOAT))
    minus = patch.node("Mul", [number, patch.floats(-1.0, "minus_one")], "negative", shape=shape)
    patch.replace(patch.node("Neg", [minus], "scaled", shape=shape))
    return Rewrite("casts", name, "integer given the scale of the model")


def _negated(node: ir.Node) -> bool:
    readers = users(node.outputs[0])
    return (
        len(readers) == 1
        and readers[0].op_type == "Mul"
        and -1.0 in (scalar(operand) for operand in readers[0].inputs)
    )
