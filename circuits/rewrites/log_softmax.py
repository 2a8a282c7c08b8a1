"""LogSoftmax → x - max(x) - log(sum(exp(x - max(x)))).

tract takes the logarithm of the rounded softmax: a weight that rounds to 0 has the logarithm
-6e35.  Here the logarithm is of a sum that is at least 1.
"""

from __future__ import annotations

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import Patch, argument, dims, each, integer, label
from zkdps.circuits.rewrites.norms import OPSET_WITH_AXES_INPUT
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Write out every LogSoftmax."""
    return each(model, ("LogSoftmax",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite:
    data = argument(node, 0)
    shape = dims(data)
    axis = integer(node, "axis", -1) % len(shape)
    one = [*shape[:axis], 1, *shape[axis + 1 :]]
    patch = Patch(model, node)
    over = patch.indices([axis], "axes")
    if model.graph.opset_imports[""] >= OPSET_WITH_AXES_INPUT:
        top = patch.node("ReduceMax", [data, over], "top", shape=one, keepdims=1)
    else:
        top = patch.node("ReduceMax", [data], "top", shape=one, axes=[axis], keepdims=1)
    below = patch.node("Sub", [data, top], "below")
    exponential = patch.node("Exp", [below], "exp")
    total = patch.node("ReduceSum", [exponential, over], "sum", shape=one, keepdims=1)
    logarithm = patch.node("Log", [total], "log", shape=one)
    name = label(node)
    patch.replace(patch.node("Sub", [below, logarithm], "logits"))
    return Rewrite("log_softmax", name, "written out, the logarithm of a sum >= 1")
