"""Attention masks: very negative constants before a Softmax → just negative enough.

-inf and -3.4e38 have no fixed point, and -1e4 blows the range of the exponential's lookup to
millions of rows.  A masked logit of -M gets a weight of at most exp(spread - M), where `spread` is
how far the largest masked logit may lie above the largest kept one; with
M = ceil((scale_bits + 1) ln 2) + spread that is 2**-(scale_bits + 1), which rounds to nothing.
`SPREAD` is the bound taken; calibration sees real logits, and its accuracy report would show more.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    Array,
    Patch,
    argument,
    dims,
    each,
    integer,
    known,
    label,
    rename,
    sole_user,
)
from zkdps.circuits.rewrites.record import Rewrite
from zkdps.core.errors import UnsupportedOperator

SPREAD = 24
"""How far a masked logit may lie above every kept one of its row (a factor e**24 in weight)."""

PASSED_THROUGH = ("Reshape", "Transpose", "Squeeze", "Unsqueeze")


def floor_logit(scale_bits: int) -> float:
    """-M: what stands for minus infinity before a Softmax."""
    return -float(math.ceil((scale_bits + 1) * math.log(2)) + SPREAD)


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Clamp masks added before a Softmax, and turn constant choices into such masks."""
    low = floor_logit(scale_bits)
    chosen = each(model, ("Where",), lambda node: _choose(model, node, low))
    return chosen + each(model, ("Add",), lambda node: _clamp(model, node, low))


def _clamp(model: ir.Model, node: ir.Node, low: float) -> Rewrite | None:
    index = 0 if known(node.inputs[0]) is not None else 1
    mask, softmax = known(node.inputs[index]), _softmax(node)
    if mask is None or softmax is None or not np.any(mask < low):
        return None
    _demand_open_rows(node, softmax, mask, low)
    patch = Patch(model, node)
    node.replace_input_with(index, patch.floats(np.maximum(mask, low), "mask"))
    _rename(model, node.outputs[0])
    return Rewrite("masks", label(node), _detail(low), exact=False)


def _choose(model: ir.Model, node: ir.Node, low: float) -> Rewrite | None:
    """Where(mask, x, -inf) and Where(mask, -inf, x) before a Softmax."""
    softmax = _softmax(node)
    branches = [known(value) for value in node.inputs[1:]]
    if softmax is None or (branches[0] is None) == (branches[1] is None):
        return None
    constant_index = 0 if branches[0] is not None else 1
    constant, choice = branches[constant_index], known(node.inputs[0])
    if constant is None or not np.all(constant <= low):
        return None
    patch = Patch(model, node)
    name = label(node)
    if choice is None:
        if not np.any(constant < low):
            return None
        clamped = patch.floats(np.maximum(constant, low), "floor")
        node.replace_input_with(1 + constant_index, clamped)
        _rename(model, node.outputs[0])
        return Rewrite("masks", name, _detail(low), exact=False)
    data = argument(node, 2 - constant_index)
    if dims(data) != dims(node.outputs[0]):
        return None
    masked = choice if constant_index == 0 else ~choice
    mask = np.where(masked, np.broadcast_to(constant, np.broadcast(masked, constant).shape), 0.0)
    _demand_open_rows(node, softmax, mask, low)
    masked_logits = patch.node("Add", [data, patch.floats(np.maximum(mask, low), "mask")], "masked")
    patch.replace(masked_logits)
    _rename(model, masked_logits)
    return Rewrite("masks", name, f"constant choice as a sum; {_detail(low)}", exact=False)


def _detail(low: float) -> str:
    return (
        f"masked logits at {low:g}, exact after rounding if they exceed the others by <= {SPREAD}"
    )


def _rename(model: ir.Model, value: ir.Value) -> None:
    """Logits that were clamped are not the tensor that the name meant."""
    reader = sole_user(value)
    rename(model, value, "clamped")
    if reader is not None and reader.op_type in PASSED_THROUGH:
        _rename(model, reader.outputs[0])


def _softmax(node: ir.Node) -> ir.Node | None:
    """The Softmax that alone reads the node's output, perhaps through a change of shape."""
    follower = sole_user(node.outputs[0])
    while follower is not None and follower.op_type in PASSED_THROUGH:
        follower = sole_user(follower.outputs[0])
    return follower if follower is not None and follower.op_type == "Softmax" else None


def _demand_open_rows(node: ir.Node, softmax: ir.Node, mask: Array, low: float) -> None:
    """Refuse a row that masks everything, unless by one finite number, which changes nothing."""
    if sole_user(node.outputs[0]) is not softmax:
        # The axis is known at the Softmax only: be strict, any wholly masked last axis counts.
        axis = -1
    else:
        rank = len(dims(node.outputs[0]))
        axis = integer(softmax, "axis", -1) % rank - rank
    full = np.broadcast_to(mask, dims(node.outputs[0]))
    closed = np.all(full <= low, axis=axis, keepdims=True)
    top, bottom = full.max(axis=axis, keepdims=True), full.min(axis=axis, keepdims=True)
    if np.any(closed & ~((top == bottom) & np.isfinite(top))):
        raise UnsupportedOperator(
            node.op_type,
            label(node),
            "a row of its mask hides every position, so the softmax of that row means nothing",
            "keep at least one position of every row open",
        )
