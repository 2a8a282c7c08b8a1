"""Remove nodes that change nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from zkdps.circuits.normalise.surgery import become_identity, constant, static_shape
from zkdps.core.errors import UnsupportedOperator


def apply(model: ir.Model) -> bool:
    """Remove Identity, Dropout and every node whose output is its input; return whether any was.

    An Identity from a graph input, a weight or another graph output straight to a graph output
    stays: the output needs a node of its own.

    Raises:
        UnsupportedOperator: Dropout in training mode, or with its mask in use.
    """
    changed = False
    for node in list(model.graph):
        is_no_op = _NO_OPS.get(node.op_type)
        if is_no_op is not None and not node.domain and is_no_op(node):
            become_identity(node)
            changed = True
    for node in list(model.graph):
        if node.op_type == "Identity" and not node.domain:
            changed |= _eliminate(model.graph, node)
    return changed


def must_stay(node: ir.Node) -> bool:
    """Whether an Identity gives a graph output a node of its own."""
    source, result = node.inputs[0], node.outputs[0]
    return result.is_graph_output() and (
        source is None
        or source.is_graph_input()
        or source.is_initializer()
        or source.is_graph_output()
    )


def _eliminate(graph: ir.Graph, node: ir.Node) -> bool:
    source, result = node.inputs[0], node.outputs[0]
    if source is None or must_stay(node):
        return False
    name = result.name
    is_output = result.is_graph_output()
    ir.convenience.replace_all_uses_with(result, source, replace_graph_outputs=True)
    if is_output:  # the caller's names of outputs never change
        source.name = name
    graph.remove(node, safe=True)
    return True


def _dropout(node: ir.Node) -> bool:
    training = node.inputs[2] if len(node.inputs) > 2 else None
    flag = constant(training)
    mask_used = len(node.outputs) > 1 and (
        bool(node.outputs[1].uses()) or node.outputs[1].is_graph_output()
    )
    if mask_used or (training is not None and (flag is None or bool(flag))):
        raise UnsupportedOperator(
            operator="Dropout",
            node=node.name or "",
            reason="it is in training mode, or its random mask is used",
            remedy="export the model in evaluation mode (torch: module.eval())",
        )
    return True


def _same_type(node: ir.Node) -> bool:
    source = node.inputs[0]
    return source is not None and source.dtype == node.attributes.get_int("to")


def _same_shape(node: ir.Node) -> bool:
    before = static_shape(node.inputs[0])
    return before is not None and before == static_shape(node.outputs[0])


def _whole_slice(node: ir.Node) -> bool:
    # A step of -1 keeps the shape and reverses the order.
    steps = node.inputs[4] if len(node.inputs) > 4 else None
    array = constant(steps)
    forward = steps is None or (array is not None and bool(np.all(array == 1)))
    return forward and _same_shape(node)


def _straight_transpose(node: ir.Node) -> bool:
    perm = node.attributes.get_ints("perm")
    return perm is not None and list(perm) == sorted(perm)


def _no_padding(node: ir.Node) -> bool:
    pads = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    return pads is not None and not bool(np.any(pads))


def _single_input(node: ir.Node) -> bool:
    return len(node.inputs) == 1


_NO_OPS: dict[str, Callable[[ir.Node], bool]] = {
    "Dropout": _dropout,
    "Cast": _same_type,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile"), _same_shape),
    "Slice": _whole_slice,
    "Transpose": _straight_transpose,
    "Pad": _no_padding,
    **dict.fromkeys(("Concat", "Sum", "Max", "Min", "Mean"), _single_input),
}
