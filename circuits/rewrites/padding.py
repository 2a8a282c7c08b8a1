"""Pad → into the convolution behind it, or as Concat and Gather, which cost no rows.

ezkl knows padding with 0 only, panics on negative pads and fails on the other modes.  Those that
repeat values of the tensor (edge, reflect, wrap) are a Gather at constant indices.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    FLOAT,
    Array,
    Patch,
    argument,
    dims,
    each,
    integers,
    known,
    label,
    optional,
    sole_user,
    text,
)
from zkdps.circuits.rewrites.record import Rewrite

MODES = {"edge": "edge", "reflect": "reflect", "wrap": "wrap"}
"""ONNX's name of a mode that repeats values, and numpy's."""


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every Pad with constant pads."""
    return each(model, ("Pad",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    pads = _pads(node)
    fill = optional(node, 2)
    value = np.zeros(()) if fill is None else known(fill)
    if pads is None or value is None or node.outputs[0].dtype != FLOAT:
        return None
    mode = text(node, "mode", "constant")
    name = label(node)
    zeros = mode == "constant" and not np.any(value)
    if zeros and _into_convolution(model, node, pads):
        return Rewrite("padding", name, "into the pads of the convolution behind it")
    if zeros and not np.any(pads < 0):
        return None
    patch = Patch(model, node)
    data = argument(node, 0)
    for axis, (before, after) in enumerate(pads.tolist()):
        data = _pad_axis(patch, data, axis, before, after, mode, float(value.reshape(())))
    patch.replace(data)
    return Rewrite("padding", name, f"{mode} padding as picks and joins")


def _pads(node: ir.Node) -> Array | None:
    """(rank, 2) int64: before and after, per axis; None where an input decides."""
    data, given = argument(node, 0), known(node.inputs[1])
    axes = optional(node, 3)
    named = known(axes)
    if given is None or (axes is not None and named is None):
        return None
    rank = len(dims(data))
    pads = np.zeros((rank, 2), dtype=np.int64)
    order = np.arange(rank) if named is None else named.astype(np.int64) % rank
    pads[order] = given.reshape(2, -1).T
    return pads


def _into_convolution(model: ir.Model, node: ir.Node, pads: Array) -> bool:
    follower = sole_user(node.outputs[0])
    if follower is None or follower.op_type != "Conv" or np.any(pads < 0) or np.any(pads[:2]):
        return False
    if follower.inputs[0] is not node.outputs[0]:
        return False
    own = np.array(integers(follower, "pads", [0] * (2 * (len(pads) - 2)))).reshape(2, -1)
    if text(follower, "auto_pad", "NOTSET") != "NOTSET":
        return False
    total = (own + pads[2:].T).reshape(-1).tolist()
    follower.attributes["pads"] = ir.AttrInt64s("pads", total)
    Patch(model, node).bypass(argument(node, 0))
    return True


def _pad_axis(
    patch: Patch, data: ir.Value, axis: int, before: int, after: int, mode: str, value: float
) -> ir.Value:
    if not before and not after:
        return data
    shape = list(dims(data))
    size = shape[axis]
    if mode in MODES or before < 0 or after < 0:
        kept = np.arange(size)[max(0, -before) : size - max(0, -after)]
        ends = (max(0, before), max(0, after))
        picked = np.pad(kept, ends, mode=MODES[mode]) if mode in MODES else kept  # type: ignore[call-overload]
        shape[axis] = len(picked)
        where = patch.indices(picked, f"at_{axis}")
        data = patch.node("Gather", [data, where], f"pick_{axis}", shape=shape, axis=axis)
        if mode in MODES:
            return data
    return _joined(patch, data, axis, max(0, before), max(0, after), value)


def _joined(
    patch: Patch, data: ir.Value, axis: int, before: int, after: int, value: float
) -> ir.Value:
    if not before and not after:
        return data
    shape = list(dims(data))

    def block(size: int, part: str) -> list[ir.Value]:
        filled = np.full([*shape[:axis], size, *shape[axis + 1 :]], value)
        return [patch.floats(filled, part)] if size else []

    parts = [*block(before, f"before_{axis}"), data, *block(after, f"after_{axis}")]
    total = [*shape[:axis], before + shape[axis] + after, *shape[axis + 1 :]]
    return patch.node("Concat", parts, f"join_{axis}", shape=total, axis=axis)
