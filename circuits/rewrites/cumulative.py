"""CumSum with `exclusive` or `reverse` → differences of plain cumulative sums.

ezkl ignores `exclusive`, silently, and panics on `reverse`.
"""

from __future__ import annotations

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import Patch, argument, dims, each, integer, label, scalar
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Leave plain cumulative sums only."""
    return each(model, ("CumSum",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    exclusive, reverse = integer(node, "exclusive", 0), integer(node, "reverse", 0)
    axis = scalar(node.inputs[1])
    if not (exclusive or reverse) or axis is None:
        return None
    data, shape = argument(node, 0), dims(node.outputs[0])
    patch = Patch(model, node)
    place = int(axis) % len(shape)
    value = patch.node("CumSum", [data, argument(node, 1)], "plain")
    if reverse:
        # From here to the end: everything, less what came up to here, plus (unless it is
        # exclusive) the element itself.
        one = [*shape[:place], 1, *shape[place + 1 :]]
        over = patch.indices([place], "axes")
        total = patch.node("ReduceSum", [data, over], "total", shape=one, keepdims=1)
        value = patch.node("Sub", [total, value], "rest")
        if not exclusive:
            value = patch.node("Add", [value, data], "inclusive")
    else:
        value = patch.node("Sub", [value, data], "exclusive")
    name = label(node)
    patch.replace(value)
    return Rewrite("cumulative", name, "from the plain cumulative sum")
