"""A product with one number, next to constant weights → into the weights.

A rebase costs 23 rows per element, the weights nothing.  Only numbers within [1/2, 4] are folded:
weights are rounded at `scale_bits` too, and smaller ones would lose bits.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites import affine
from zkdps.circuits.rewrites.editing import (
    FLOAT,
    Patch,
    argument,
    each,
    known,
    label,
    rename,
    scalar,
    sole_user,
)
from zkdps.circuits.rewrites.record import Rewrite
from zkdps.circuits.rewrites.scales import SHAPE_ONLY

SMALLEST, LARGEST = 0.5, 4.0


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Fold every lone factor that has constant weights before it, or only such behind it."""
    return each(model, ("Mul",), lambda node: _fold(model, node))


def _fold(model: ir.Model, node: ir.Node) -> Rewrite | None:
    index = 0 if known(node.inputs[0]) is not None else 1
    factor = scalar(node.inputs[index])
    data = argument(node, 1 - index)
    if factor is None or node.outputs[0].dtype != FLOAT or known(data) is not None:
        return None
    if not SMALLEST <= abs(factor) <= LARGEST:
        return None
    if len(data.shape or ()) != len(node.outputs[0].shape or ()):
        return None
    name = label(node)
    if _forward(model, node, data, factor):
        return Rewrite("folds", name, f"factor {factor:g} into the weights behind it")
    if _backward(model, node, data, factor):
        return Rewrite("folds", name, f"factor {factor:g} into the weights before it")
    return None


def _forward(model: ir.Model, node: ir.Node, data: ir.Value, factor: float) -> bool:
    output = node.outputs[0]
    uses = output.uses()
    if output.is_graph_output() or not uses:
        return False
    if any(use.idx != 0 or affine.weights(use.node) is None for use in uses):
        return False
    for use in uses:
        affine.scale_input(Patch(model, use.node), use.node, factor)
        use.node.replace_input_with(0, data)
    model.graph.remove(node, safe=True)
    return True


def _backward(model: ir.Model, node: ir.Node, data: ir.Value, factor: float) -> bool:
    chain = _chain(node, data)
    if chain is None:
        return False
    for value in chain:
        producer = value.producer()
        if producer is None:
            return False
        if affine.weights(producer) is not None:
            affine.scale_output(Patch(model, producer), producer, np.asarray(factor))
        elif producer.op_type in ("Add", "Sub"):
            index = 0 if known(producer.inputs[0]) is not None else 1
            bias = known(producer.inputs[index])
            moved = Patch(model, producer).floats(np.asarray(bias) * factor, "bias")
            producer.replace_input_with(index, moved)
        rename(model, value, "scaled")
    Patch(model, node).replace(data)
    return True


def _chain(reader: ir.Node, value: ir.Value) -> list[ir.Value] | None:
    """The tensors from one to the affine node it comes from, if the factor can travel there."""
    producer = value.producer()
    if producer is None or sole_user(value) is not reader:
        return None
    if affine.weights(producer) is not None:
        return [value]
    if producer.op_type in ("Add", "Sub"):
        constants = [known(operand) is not None for operand in producer.inputs]
        if sum(constants) != 1:
            return None
        before = _chain(producer, argument(producer, constants.index(False)))
    elif producer.op_type in SHAPE_ONLY and len(producer.outputs) == 1:
        before = _chain(producer, argument(producer, 0))
    else:
        return None
    return None if before is None else [value, *before]
