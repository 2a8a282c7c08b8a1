"""AveragePool with padding or ceil_mode → plain AveragePool and a correction per position.

ezkl always divides by the whole window (count_include_pad=0 comes out wrong at the border) and
fails on ceil_mode.  So the pads are made explicit, all counted, and every output position is
multiplied by window / counted, a constant that is 1 inside.
"""

from __future__ import annotations

import functools

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites import pools
from zkdps.circuits.rewrites.editing import Array, Patch, argument, each, integer, integers, label
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every AveragePool whose windows are not all counted whole."""
    return each(model, ("AveragePool",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    axes = pools.axes(node)
    if any(axis.dilation != 1 for axis in axes):
        return None
    counted = bool(integer(node, "count_include_pad", 0))
    ceil = bool(integer(node, "ceil_mode", 0))
    padded = any(integers(node, "pads", ()))
    if not ceil and (counted or not padded):
        return None
    patch = Patch(model, node)
    ends = [max(0, (a.out - 1) * a.stride + a.kernel - a.size - a.before) for a in axes]
    value = patch.node(
        "AveragePool",
        [argument(node, 0)],
        "whole",
        kernel_shape=[axis.kernel for axis in axes],
        strides=[axis.stride for axis in axes],
        pads=[axis.before for axis in axes] + ends,
        count_include_pad=1,
        ceil_mode=0,
    )
    factor = _correction(axes, counted)
    if not np.all(factor == 1.0):
        value = patch.node("Mul", [value, patch.floats(factor, "correction")], "corrected")
    name = label(node)
    patch.replace(value)
    return Rewrite("average_pool", name, "explicit pads, counted; borders corrected by a constant")


def _correction(axes: list[pools.Axis], counted: bool) -> Array:
    """(1, 1, spatial...) float64: window size over the positions that count."""
    per_axis = []
    for axis in axes:
        lowest = -axis.before if counted else 0
        highest = axis.size + (axis.after if counted else 0)
        counts = [
            sum(lowest <= at < highest for at in axis.window(position))
            for position in range(axis.out)
        ]
        per_axis.append(axis.kernel / np.maximum(np.array(counts, dtype=np.float64), 1.0))
    return np.asarray(functools.reduce(np.multiply.outer, per_axis))[None, None]
