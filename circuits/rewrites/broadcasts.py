"""Expand, Tile and batched MatMul: ranks and sizes written out.

An Expand that adds a dimension comes out wrong or panics in ezkl; Tile, and a MatMul between
stacks of different size, fail.  With equal ranks, and a Concat for Tile, all are right.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import Patch, argument, dims, each, known, label
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite the three."""
    return (
        each(model, ("Expand",), lambda node: _expand(model, node))
        + each(model, ("Tile",), lambda node: _tile(model, node))
        + each(model, ("MatMul",), lambda node: _matmul(model, node))
    )


def _expand(model: ir.Model, node: ir.Node) -> Rewrite | None:
    source, result = dims(argument(node, 0)), dims(node.outputs[0])
    if len(source) == len(result):
        return None
    patch = Patch(model, node)
    data = _ranked(patch, argument(node, 0), len(result), "ranked")
    name = label(node)
    patch.replace(patch.node("Expand", [data, patch.indices(result, "shape")], "expanded"))
    return Rewrite("broadcasts", name, "dimensions added before expanding")


def _ranked(patch: Patch, data: ir.Value, rank: int, part: str) -> ir.Value:
    shape = [*[1] * (rank - len(dims(data))), *dims(data)]
    sizes = patch.indices(shape, f"{part}_shape")
    return patch.node("Reshape", [data, sizes], part, shape=shape, dtype=data.dtype)


def _tile(model: ir.Model, node: ir.Node) -> Rewrite | None:
    repeats = known(node.inputs[1])
    if repeats is None or np.any(repeats < 1):
        return None
    patch = Patch(model, node)
    data = argument(node, 0)
    shape = list(dims(data))
    for axis, count in enumerate(repeats.tolist()):
        if count > 1:
            shape[axis] *= count
            part = f"repeat_{axis}"
            data = patch.node("Concat", [data] * count, part, shape=shape, axis=axis)
    name = label(node)
    patch.replace(data)
    return Rewrite("broadcasts", name, "repeats joined")


def _matmul(model: ir.Model, node: ir.Node) -> Rewrite | None:
    """Give both operands the same stack; a constant matrix loses its empty stack instead."""
    left, right = argument(node, 0), argument(node, 1)
    sizes_left, sizes_right = reversed(dims(left)[:-2]), reversed(dims(right)[:-2])
    if all(a == b for a, b in zip(sizes_left, sizes_right, strict=False)):
        return None
    stack = dims(node.outputs[0])[:-2]
    patch = Patch(model, node)
    for index, operand in enumerate((left, right)):
        shape = dims(operand)
        if shape[:-2] == stack:
            continue
        array = known(operand)
        if index == 1 and array is not None and array.shape[:-2] == (1,) * (array.ndim - 2):
            node.replace_input_with(1, patch.constant(array.reshape(shape[-2:]), "matrix"))
            continue
        if len(shape) != len(stack) + 2:
            operand = _ranked(patch, operand, len(stack) + 2, f"ranked_{index}")
        full = [*stack, *shape[-2:]]
        sizes = patch.indices(full, f"shape_{index}")
        wide = patch.node("Expand", [operand, sizes], f"expanded_{index}", shape=full)
        node.replace_input_with(index, wide)
    return Rewrite("broadcasts", label(node), "both operands stacked alike")
