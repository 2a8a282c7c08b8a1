"""MatMul, Gemm, Conv, Softmax and Gather: products with weights, attention, embeddings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zkdps.provers.sumcheck.lowering import emit
from zkdps.provers.sumcheck.lowering.attention import attended
from zkdps.provers.sumcheck.lowering.block import MAX_ENTRIES, Block
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    Constant,
    Contraction,
    Float64s,
    Ids,
    Projection,
    Sum,
    Value,
    Weights,
    plain,
)
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.wires import Wire, whole

BATCH = "abcdefgh"


def matmul(node: Node, block: Block) -> Value:
    """MatMul with weights on either side, scores, and attention."""
    left, right = (block.values[name] for name in node.inputs)
    if isinstance(right, Constant):
        return _weighted(block.wire(node.inputs[0], node), _reals(right))
    if isinstance(left, Constant):
        return _weighted_before(_reals(left), block.wire(node.inputs[1], node))
    if isinstance(left, Weights):
        return attended(block, left, block.wire(node.inputs[1], node), node)
    factor, wires = 1.0, []
    for tensor in node.inputs:
        taken, wire = _factored(tensor, node, block)
        factor *= taken
        wires.append(wire if len(wire.shape) > 1 else wire.reshape((1, wire.size)))
    first, second = wires
    if len(right.shape) == 1:
        second = second.transpose((1, 0))
    batch = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    first = first.broadcast_to((*batch, *first.shape[-2:]))
    second = second.broadcast_to((*batch, *second.shape[-2:]))
    order = (*range(len(batch)), len(batch) + 1, len(batch))
    product = Contraction(first, second.transpose(order), factor)
    if len(left.shape) > 1 and len(right.shape) > 1:
        return product
    wire = emit.made(block, product, node.outputs[0], node)
    shape = (*batch, *left.shape[-2:-1], *right.shape[1:][-1:])
    return plain(wire.reshape(shape))


def _factored(tensor: str, node: Node, block: Block) -> tuple[float, Wire]:
    """A tensor as a number times a wire: scores take the number in."""
    value = block.values[tensor]
    if isinstance(value, Sum) and value.line is not None and value.line[2] == 0.0:
        return value.line[1], value.line[0]
    return 1.0, block.wire(tensor, node)


def _weighted(wire: Wire, weight: Float64s) -> Projection:
    """x W with a matrix, a vector, or one matrix a batch."""
    is_vector = weight.ndim == 1
    weight = weight[:, None] if is_vector else weight
    outer = np.broadcast_shapes(wire.shape[:-2], weight.shape[:-2])
    if weight.ndim == 2:
        rows = wire.reshape((-1, wire.shape[-1]))
        letters = ("tk", "kn", "tn")
        shape = (*wire.shape[:-1], *(() if is_vector else weight.shape[-1:]))
        return Projection(rows, weight, letters, _in_order(shape))
    rows = wire.broadcast_to((*outer, *wire.shape[-2:]))
    batch = BATCH[: len(outer)]
    full = np.broadcast_to(weight, (*outer, *weight.shape[-2:]))
    letters = (f"{batch}tk", f"{batch}kn", f"{batch}tn")
    return Projection(rows, full, letters, _in_order((*rows.shape[:-1], weight.shape[-1])))


def _weighted_before(weight: Float64s, wire: Wire) -> Projection:
    """A x, as the transpose of x' A'."""
    if len(wire.shape) == 1:
        return _weighted(wire, np.moveaxis(weight, -1, 0).reshape(weight.shape[-1], -1))
    axes = (*range(len(wire.shape) - 2), len(wire.shape) - 1, len(wire.shape) - 2)
    matrix = weight[None] if weight.ndim == 1 else weight
    turned = _weighted(wire.transpose(axes), np.swapaxes(matrix, -1, -2))
    arrange = np.swapaxes(turned.arrange, -1, -2)
    return replace(turned, arrange=arrange[..., 0, :] if weight.ndim == 1 else arrange)


def gemm(node: Node, block: Block) -> Value:
    """Gemm with a constant matrix."""
    value, matrix = block.values[node.inputs[0]], block.values[node.inputs[1]]
    offset = block.values[node.inputs[2]] if len(node.inputs) > 2 and node.inputs[2] else None
    if not isinstance(matrix, Constant) or not isinstance(offset, Constant | None):
        raise node.refused("its matrix or its offset depends on the input", "use MatMul and Add")
    weight = _reals(matrix) * node.real("alpha", 1.0)
    weight = weight.T if node.integer("transB", 0) else weight
    wire = block.wire(node.inputs[0], node)
    if node.integer("transA", 0):
        wire = wire.transpose((1, 0))
    if isinstance(value, Constant):
        raise emit.refused(value, node)
    product = _weighted(wire, weight)
    if offset is None:
        return product
    added = np.broadcast_to(_reals(offset) * node.real("beta", 1.0), product.shape)
    if np.any(added != added[:1]):
        made = emit.made(block, product, node.outputs[0], node)
        return replace(plain(made), constant=added)
    return replace(product, bias=added[0].copy())


def convolve(node: Node, block: Block) -> Value:
    """Conv: a product of windows with weights."""
    kernel = block.values[node.inputs[1]]
    offset = block.values[node.inputs[2]] if len(node.inputs) > 2 and node.inputs[2] else None
    if not isinstance(kernel, Constant) or not isinstance(offset, Constant | None):
        raise node.refused("its weights depend on the input", "use constant weights")
    groups, weight = node.integer("group", 1), _reals(kernel)
    spatial = weight.ndim - 2
    wire = block.wire(node.inputs[0], node)
    pads = node.integers("pads", [0] * 2 * spatial)
    sizes = block.values[node.inputs[0]].shape
    if int(np.prod(sizes)) * int(np.prod(weight.shape[2:])) > MAX_ENTRIES:
        raise node.refused("its windows are too many", "use a smaller image or kernel")
    wire = wire.pad((0, 0, *pads[:spatial]), (0, 0, *pads[spatial:]))
    windows = wire.windows(
        tuple(range(2, 2 + spatial)),
        weight.shape[2:],
        node.integers("strides", [1] * spatial),
        node.integers("dilations", [1] * spatial),
    )
    batch, channels = windows.shape[:2]
    places, inside = windows.shape[2 : 2 + spatial], windows.shape[2 + spatial :]
    columns = weight.shape[0] // groups
    place, within = "hwd"[:spatial], "ijk"[:spatial]
    if groups == 1:
        laid = weight.transpose(tuple(range(1, weight.ndim)) + (0,))
        order = (0, *range(2, 2 + spatial), 1, *range(2 + spatial, 2 + 2 * spatial))
        read = windows.transpose(order)
        letters = (f"n{place}c{within}", f"c{within}m", f"n{place}m")
        shape = (batch, *places, weight.shape[0])
    else:
        each = weight.reshape((groups, columns, *weight.shape[1:]))
        laid = each.transpose((0, *range(2, each.ndim), 1))
        split = windows.reshape((batch, groups, channels // groups, *places, *inside))
        order = (0, *range(3, 3 + spatial), 1, 2, *range(3 + spatial, 3 + 2 * spatial))
        read = split.transpose(order)
        letters = (f"n{place}gc{within}", f"gc{within}m", f"n{place}gm")
        shape = (batch, *places, groups, columns)
    flat = _in_order(shape).reshape((batch, *places, weight.shape[0]))
    arrange = np.moveaxis(flat, -1, 1)
    bias = None if offset is None else _reals(offset)
    if bias is not None and groups > 1:
        bias = bias.reshape(groups, columns)
    return Projection(read, laid, letters, arrange, bias)


def along(wire: Wire, axis: int, matrix: Float64s) -> Projection:
    """A constant matrix (size, size') applied along one axis of a wire."""
    last = len(wire.shape) - 1
    order = [place for place in range(last + 1) if place != axis] + [axis]
    turned = _weighted(wire.transpose(order), matrix)
    return replace(turned, arrange=np.moveaxis(turned.arrange, last, axis))


def softmax(node: Node, block: Block) -> Value:
    """Softmax: of scores it waits for the values, of anything else it is computed."""
    value = block.values[node.inputs[0]]
    axis = node.integer("axis", -1) % len(value.shape)
    if isinstance(value, Contraction) and axis == len(value.shape) - 1:
        return Weights(value)
    return plain(emit.softmax(block, block.wire(node.inputs[0], node), axis, node.outputs[0]))


def gather(node: Node, block: Block) -> Value | None:
    """Rows of a constant table by an integer input; `None` for constant indices."""
    table, ids = block.values[node.inputs[0]], block.values[node.inputs[1]]
    if isinstance(ids, Constant):
        return None
    if not isinstance(ids, Ids) or not isinstance(table, Constant):
        raise node.refused(
            "it picks computed entries, or by computed indices",
            "pick rows of a constant table by an integer input",
        )
    axis = node.integer("axis", 0) % table.array.ndim
    rows = np.moveaxis(_reals(table), axis, 0)
    name = block.fresh(node.outputs[0])
    made = Gather(name, ids.wire, rows)
    block.add(made)
    behind = len(ids.shape)
    wire = whole(name, made.shape)
    order = (*range(behind, behind + axis), *range(behind), *range(behind + axis, len(made.shape)))
    return plain(wire.transpose(order))


def _reals(value: Constant) -> Float64s:
    return np.asarray(value.array, dtype=np.float64)


def _in_order(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
