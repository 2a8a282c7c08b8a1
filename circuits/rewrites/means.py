"""ReduceMean, GlobalAveragePool and Mean → a sum and a product with 1/n.

tract multiplies by 1/n: over 2**k elements ezkl then raises the scale by k bits, over any other
number it rounds 1/n at `scale_bits` (1/384 at 8 bits becomes 1/256: the mean is half too large).
The product is left to the pass `scales`.  A mean of squares stays: ezkl divides it exactly.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    FLOAT,
    Patch,
    argument,
    dims,
    each,
    integer,
    integers,
    known,
    label,
    optional,
    scalar,
    sole_user,
)
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every mean that is not one of squares."""
    made = each(model, ("ReduceMean", "GlobalAveragePool"), lambda node: _reduce(model, node))
    return made + each(model, ("Mean",), lambda node: _mean(model, node))


def reduced_axes(node: ir.Node) -> list[int] | None:
    """The axes, all >= 0, that a Reduce node runs over; None where an input decides."""
    rank = len(dims(argument(node, 0)))
    if node.op_type == "GlobalAveragePool":
        return list(range(2, rank))
    value = optional(node, 1)
    given = known(value)
    if value is not None and given is None:
        return None
    axes = integers(node, "axes", ()) if given is None else tuple(int(axis) for axis in given)
    if not axes:
        return [] if integer(node, "noop_with_empty_axes", 0) else list(range(rank))
    return sorted(axis % rank for axis in axes)


def _reduce(model: ir.Model, node: ir.Node) -> Rewrite | None:
    data = argument(node, 0)
    axes = reduced_axes(node)
    if node.outputs[0].dtype != FLOAT or axes is None or _squares(node, data):
        return None
    count = math.prod(dims(data)[axis] for axis in axes)
    if count == 0:
        return None
    patch = Patch(model, node)
    keep = 1 if node.op_type == "GlobalAveragePool" else integer(node, "keepdims", 1)
    over = patch.indices(axes, "axes")
    total = patch.node("ReduceSum", [data, over], "sum", keepdims=keep, noop_with_empty_axes=1)
    name = label(node)
    patch.replace(patch.node("Mul", [total, patch.floats(1.0 / count, "share")], "mean"))
    return Rewrite("means", name, f"sum of {count} and a product")


def _squares(node: ir.Node, data: ir.Value) -> bool:
    producer = data.producer()
    if producer is None or sole_user(data) is not node:
        return False
    if producer.op_type == "Mul":
        return producer.inputs[0] is producer.inputs[1]
    return producer.op_type == "Pow" and scalar(producer.inputs[1]) == 2.0


def _mean(model: ir.Model, node: ir.Node) -> Rewrite | None:
    patch = Patch(model, node)
    operands = [argument(node, index) for index in range(len(node.inputs))]
    total = patch.node("Sum", operands, "sum")
    name = label(node)
    share = patch.floats(1.0 / len(operands), "share")
    patch.replace(patch.node("Mul", [total, share], "mean"))
    return Rewrite("means", name, f"sum of {len(operands)} tensors and a product")
