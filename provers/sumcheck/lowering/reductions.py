"""Nodes that reduce axes or windows: means, sums, statistics of norms, maxima, masked means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zkdps.provers.sumcheck.lowering import norms
from zkdps.provers.sumcheck.lowering.block import Block
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.products import along
from zkdps.provers.sumcheck.lowering.values import (
    Constant,
    Masked,
    MaskedEntries,
    MaskedTotal,
    Normalised,
    Rows,
    Statistic,
    Sum,
    Value,
    plain,
    times,
)
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.wires import whole


def reduce(node: Node, block: Block) -> Value:
    """ReduceMean, ReduceSum, ReduceSumSquare, ReduceL2, GlobalAveragePool."""
    tensor = node.inputs[0]
    value = block.values[tensor]
    axes, shape = _axes(node, block, value)
    length = int(np.prod([value.shape[axis] for axis in axes]))
    is_sum = node.operator == "ReduceSum"
    if is_sum and isinstance(value, Masked | MaskedEntries):
        return _total(node, value, axes, shape)
    if node.operator in ("ReduceL2", "ReduceSumSquare"):
        rows = Rows(block.wire(tensor, node), axes)
        squares = Statistic(rows, norms.of_rows(rows, shape), scale=float(length))
        if node.operator == "ReduceSumSquare":
            return squares
        return norms.raised(squares, 0.5) or squares
    found = norms.square_mean(value, axes, shape)
    if found is not None:
        return replace(found, scale=float(length)) if is_sum else found
    rows = Rows(block.wire(tensor, node), axes)
    scale = float(length) if is_sum else 1.0
    return Statistic(rows, norms.of_rows(rows, shape), is_mean=True, scale=scale)


def _axes(node: Node, block: Block, value: Value) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes reduced, ascending, and the shape that is left."""
    rank = len(value.shape)
    keeps = bool(node.integer("keepdims", 1))
    if node.operator.startswith("Global"):
        named: tuple[int, ...] = tuple(range(2, rank))
    else:
        named = node.integers("axes", ())
        given = block.values.get(node.inputs[1]) if len(node.inputs) > 1 else None
        if isinstance(given, Constant):
            named = tuple(int(axis) for axis in given.array.reshape(-1))
        elif given is not None:
            raise node.refused("its axes depend on the input", "use constant axes")
    if not named and node.integer("noop_with_empty_axes", 0):
        raise node.refused("it reduces nothing", "remove it")
    axes = tuple(sorted({axis % rank for axis in named})) or tuple(range(rank))
    shape = [1 if axis in axes else size for axis, size in enumerate(value.shape)]
    if not keeps:
        shape = [size for axis, size in enumerate(value.shape) if axis not in axes]
    return axes, tuple(shape)


def _total(
    node: Node, value: Masked | MaskedEntries, axes: tuple[int, ...], shape: tuple[int, ...]
) -> MaskedTotal:
    if isinstance(value, Masked) and not value.is_plain:
        raise node.refused(
            "it sums something else than a mask", "sum the mask itself, as 0 and 1, to count"
        )
    if len(axes) != 1:
        raise node.refused("it sums masked entries over several axes", "reduce one axis at a time")
    index = np.moveaxis(value.index, axes[0], -1)
    laid = index.reshape((*shape, index.shape[-1]))
    if isinstance(value, Masked):
        return MaskedTotal(value.source, None, laid)
    order = [axis for axis in range(len(value.shape)) if axis != axes[0]] + [axes[0]]
    return MaskedTotal(value.source, value.wire.transpose(order).reshape(laid.shape), laid)


def layer_norm(node: Node, block: Block) -> Value:
    """LayerNormalization; a residual before it that nobody else reads becomes a summand."""
    value = block.values[node.inputs[0]]
    axes = tuple(range(node.integer("axis", -1) % len(value.shape), len(value.shape)))
    if isinstance(value, Sum) and _is_residual(value):
        summands = tuple(term.wire for term in value.terms)
    else:
        summands = (block.wire(node.inputs[0], node),)
    rows = Rows(summands[0], axes)
    gain, bias = (_row(block, node, place, rows.length) for place in (1, 2))
    gain = np.ones(rows.length) if gain is None else gain
    return Normalised(rows, summands, True, node.real("epsilon", 1e-5), gain, bias)


def _is_residual(value: Sum) -> bool:
    plain_factors = all(
        isinstance(term.factor, float) and term.factor == 1.0 for term in value.terms
    )
    return (
        plain_factors
        and bool(value.terms)
        and isinstance(value.constant, float)
        and not value.constant
    )


def _row(block: Block, node: Node, place: int, length: int) -> np.ndarray | None:
    if len(node.inputs) <= place or not node.inputs[place]:
        return None
    value = block.values[node.inputs[place]]
    if not isinstance(value, Constant):
        raise node.refused("its gain or bias depends on the input", "use constants")
    return np.broadcast_to(value.array.astype(np.float64).reshape(-1), (length,))


def instance_norm(node: Node, block: Block) -> Value:
    """InstanceNormalization: rows are the places of one channel, gain and bias one a channel."""
    wire = block.wire(node.inputs[0], node)
    rows = Rows(wire, tuple(range(2, len(wire.shape))))
    normal = Normalised(rows, (wire,), True, node.real("epsilon", 1e-5), np.ones(rows.length), None)
    inner = f"{node.outputs[0]}/normal"
    block.values[inner] = normal
    result = plain(block.wire(inner, node))
    numbers = []
    for place in (1, 2):
        channels = _row(block, node, place, wire.shape[1])
        if channels is None:
            raise node.refused("it lacks its gain or bias", "export the model again")
        column = channels.reshape(-1, *[1] * (len(wire.shape) - 2))
        numbers.append(np.broadcast_to(column, wire.shape))
    gained = times(result, numbers[0])
    return replace(gained, constant=numbers[1])


def maximum(node: Node, block: Block) -> Value:
    """ReduceMax, ReduceMin, GlobalMaxPool."""
    tensor = node.inputs[0]
    sign = -1.0 if node.operator == "ReduceMin" else 1.0
    axes, shape = _axes(node, block, block.values[tensor])
    if sign < 0:
        block.values[f"{tensor}/negative"] = times(block.sum(tensor, node), sign)
        tensor = f"{tensor}/negative"
    rows = Rows(block.wire(tensor, node), axes)
    name = block.fresh(node.outputs[0])
    made = Maximum(name, rows.laid)
    block.add(made)
    return times(plain(whole(name, made.shape).reshape(shape)), sign)


def cumulative_sum(node: Node, block: Block) -> Value:
    """CumSum: a product with a triangle of ones."""
    axis = block.values[node.inputs[1]]
    wire = block.wire(node.inputs[0], node)
    if not isinstance(axis, Constant):
        raise node.refused("its axis depends on the input", "use a constant axis")
    place = int(axis.array.reshape(-1)[0]) % len(wire.shape)
    size = wire.shape[place]
    triangle = np.tri(size, size, -node.integer("exclusive", 0)).T
    return along(wire, place, triangle.T if node.integer("reverse", 0) else triangle)
