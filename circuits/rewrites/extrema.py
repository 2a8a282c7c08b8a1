"""Max of a tensor and a constant tensor → b + relu(a - b).

ezkl fails on a constant operand of Max with more than one element.
"""

from __future__ import annotations

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import FLOAT, Patch, argument, dims, each, known, label
from zkdps.circuits.rewrites.max_pool import maximum
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every Max of two operands of which one is a constant tensor."""
    return each(model, ("Max",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    if len(node.inputs) != 2 or node.outputs[0].dtype != FLOAT:
        return None
    index = 0 if known(node.inputs[0]) is not None else 1
    constant, data = known(node.inputs[index]), argument(node, 1 - index)
    if constant is None or constant.size == 1 or dims(data) != dims(node.outputs[0]):
        return None
    patch = Patch(model, node)
    name = label(node)
    patch.replace(maximum(patch, data, argument(node, index), "maximum"))
    return Rewrite("extrema", name, "maximum as b + relu(a - b)")
