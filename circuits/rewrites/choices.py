"""Trilu, OneHot, Hardmax and Sign → a choice between constants by a comparison.

ezkl gets a two-dimensional Trilu wrong, puts 0 and 1 for the values of a OneHot, and leaves
Hardmax and Sign at scale 0, where every lookup behind them rounds to whole numbers.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    BOOL,
    FLOAT,
    Patch,
    argument,
    dims,
    each,
    integer,
    known,
    label,
    optional,
    scalar,
)
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite all four."""
    return (
        each(model, ("Trilu",), lambda node: _trilu(model, node))
        + each(model, ("OneHot",), lambda node: _one_hot(model, node))
        + each(model, ("Hardmax",), lambda node: _hardmax(model, node))
        + each(model, ("Sign",), lambda node: _sign(model, node))
    )


def _trilu(model: ir.Model, node: ir.Node) -> Rewrite | None:
    offset = optional(node, 1)
    diagonal = 0.0 if offset is None else scalar(offset)
    if diagonal is None or node.outputs[0].dtype != FLOAT:
        return None
    shape = dims(node.outputs[0])
    ones = np.ones(shape[-2:], dtype=bool)
    upper = integer(node, "upper", 1)
    kept = np.triu(ones, int(diagonal)) if upper else np.tril(ones, int(diagonal))
    patch = Patch(model, node)
    mask = patch.constant(np.broadcast_to(kept, shape).copy(), "kept")
    choice = [mask, argument(node, 0), patch.floats(0.0, "zero")]
    name = label(node)
    patch.replace(patch.node("Where", choice, "triangle"))
    return Rewrite("choices", name, "triangle as a constant choice")


def _one_hot(model: ir.Model, node: ir.Node) -> Rewrite | None:
    depth, values = scalar(node.inputs[1]), known(node.inputs[2])
    index = argument(node, 0)
    if depth is None or values is None or index.dtype != ir.DataType.INT64:
        return None
    shape = dims(node.outputs[0])
    axis = integer(node, "axis", -1) % len(shape)
    patch = Patch(model, node)
    one = [*shape[:axis], 1, *shape[axis + 1 :]]
    wide = patch.node(
        "Unsqueeze",
        [index, patch.indices([axis], "axis")],
        "wide",
        shape=one,
        dtype=ir.DataType.INT64,
    )
    # Negative indices count from the end.
    sides = [_equals_position(patch, wide, shape, axis, start) for start in (0, -shape[axis])]
    hit = patch.node("Or", sides, "either", dtype=BOOL)
    on, off = patch.constant(values[1], "on"), patch.constant(values[0], "off")
    name = label(node)
    patch.replace(patch.node("Where", [hit, on, off], "values"))
    return Rewrite("choices", name, "one-hot as a comparison with the positions")


def _hardmax(model: ir.Model, node: ir.Node) -> Rewrite | None:
    shape = dims(node.outputs[0])
    axis = integer(node, "axis", -1) % len(shape)
    patch = Patch(model, node)
    best = patch.node(
        "ArgMax",
        [argument(node, 0)],
        "best",
        shape=[*shape[:axis], 1, *shape[axis + 1 :]],
        dtype=ir.DataType.INT64,
        axis=axis,
        keepdims=1,
    )
    hit = _equals_position(patch, best, shape, axis)
    one, zero = patch.floats(1.0, "one"), patch.floats(0.0, "zero")
    name = label(node)
    patch.replace(patch.node("Where", [hit, one, zero], "values"))
    return Rewrite("choices", name, "hardmax as a comparison with the position of the maximum")


def _sign(model: ir.Model, node: ir.Node) -> Rewrite | None:
    if node.outputs[0].dtype != FLOAT:
        return None
    patch = Patch(model, node)
    zero, one = patch.floats(0.0, "zero"), patch.floats(1.0, "one")
    sides = []
    for operator, part in (("Greater", "positive"), ("Less", "negative")):
        is_side = patch.node(operator, [argument(node, 0), zero], f"is_{part}", dtype=BOOL)
        sides.append(patch.node("Where", [is_side, one, zero], part))
    name = label(node)
    patch.replace(patch.node("Sub", sides, "sign"))
    return Rewrite("choices", name, "sign as two comparisons")


def _equals_position(
    patch: Patch, index: ir.Value, shape: tuple[int, ...], axis: int, start: int = 0
) -> ir.Value:
    """Whether each place along an axis, counted from `start`, is the one that `index` names."""
    places = [1] * len(shape)
    places[axis] = shape[axis]
    positions = patch.indices(np.arange(start, start + shape[axis]).reshape(places), "positions")
    return patch.node("Equal", [index, positions], "hit", shape=shape, dtype=BOOL)
