"""Nodes that reduce axes or windows: means, sums, statistics of norms, maxima, masked means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zkdps.provers.sumcheck.lowering import norms, segments
from zkdps.provers.sumcheck.lowering.block import Block
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.products import along
from zkdps.provers.sumcheck.lowering.values import (
    Constant,
    Int64s,
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
from zkdps.provers.sumcheck.operators.mean import Mean
from zkdps.provers.sumcheck.wires import NOTHING, Wire, whole


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


def max_pool(node: Node, block: Block) -> Value:
    """MaxPool: a place in the padding repeats one inside its window."""
    if len([name for name in node.outputs if name]) > 1:
        raise node.refused("its indices are read", "return the values alone")
    windows, _ = _windows(node, block)
    filled = _filled(windows, node.integers("kernel_shape", ()))
    if filled is None:
        raise node.refused("its padding is wide", "pad less, or pad the tensor itself before")
    name = block.fresh(node.outputs[0])
    block.add(Maximum(name, filled))
    return plain(whole(name, windows.shape[:-1]))


def average_pool(node: Node, block: Block) -> Value:
    """AveragePool: a mean of windows; where padding does not count, times what is missing."""
    windows, inside = _windows(node, block)
    name = block.fresh(node.outputs[0])
    axis = len(windows.shape) - 1
    block.add(Mean(name, windows, (axis,), 1.0 / windows.shape[-1]))
    result = plain(whole(name, windows.shape[:-1]))
    counted = inside.sum(axis=-1)
    if not node.integer("count_include_pad", 0) and np.any(counted < windows.shape[-1]):
        return times(result, windows.shape[-1] / counted)
    if node.integer("ceil_mode", 0) and np.any(counted < windows.shape[-1]):
        raise node.refused("ceil_mode and padding that counts", "use ceil_mode=0")
    return result


def _windows(node: Node, block: Block) -> tuple[Wire, Int64s]:
    """(batch, channel, places..., entry of the window), and where an entry is."""
    wire = block.wire(node.inputs[0], node)
    sizes = node.integers("kernel_shape", ())
    spatial = len(sizes)
    steps = node.integers("strides", [1] * spatial)
    dilations = node.integers("dilations", [1] * spatial)
    pads = node.integers("pads", [0] * 2 * spatial)
    after = list(pads[spatial:])
    if node.integer("ceil_mode", 0):
        for axis in range(spatial):
            extent = (sizes[axis] - 1) * dilations[axis] + 1
            size = wire.shape[2 + axis] + pads[axis] + pads[spatial + axis]
            count = -(-(size - extent) // steps[axis]) + 1
            if (count - 1) * steps[axis] >= wire.shape[2 + axis] + pads[axis]:
                count -= 1
            after[axis] += max((count - 1) * steps[axis] + extent - size, 0)
    padded = wire.pad((0, 0, *pads[:spatial]), (0, 0, *after))
    opened = padded.windows(tuple(range(2, 2 + spatial)), sizes, steps, dilations)
    outer = opened.shape[: len(opened.shape) - spatial]
    laid = opened.reshape((*outer, int(np.prod(sizes))))
    inside = np.zeros(laid.shape, dtype=np.int64)
    for part in laid.parts:
        inside += part.index >= 0
    return laid, inside


def _filled(windows: Wire, sizes: tuple[int, ...]) -> Wire | None:
    """Every place without an entry reads one that is in its window; `None` if that takes too much.

    Padding goes axis by axis, so the place to read instead is one along each axis.
    """
    held = np.zeros(windows.shape, dtype=bool)
    for part in windows.parts:
        held |= part.index != NOTHING
    if np.all(held):
        return windows
    spatial = len(sizes)
    first = len(windows.shape) - 1 - spatial
    opened = held.reshape((*windows.shape[:-1], *sizes))
    places = np.arange(windows.size).reshape(opened.shape)
    choices: list[list[segments.Mask]] = []
    for axis in range(spatial):
        position, entry = first + axis, first + spatial + axis
        others = tuple(a for a in range(opened.ndim) if a not in (position, entry))
        inside: segments.Mask = np.asarray(opened.any(axis=others))
        instead = np.where(inside, np.arange(sizes[axis]), inside.argmax(axis=1)[:, None])
        shape = [1] * opened.ndim
        shape[position], shape[entry] = inside.shape
        places = np.take_along_axis(
            places, np.broadcast_to(instead.reshape(shape), opened.shape), entry
        )
        masks = [inside]
        for place in np.argwhere(~inside):
            lone = np.zeros(inside.shape, dtype=np.bool_)
            lone[tuple(place)] = True
            masks.append(lone)
        laid = shape[:first] + shape[first : first + spatial]
        choices.append([_merged(mask.reshape(shape), len(laid), sizes) for mask in masks])
    return segments.split(windows.indexed(places.reshape(windows.shape)), choices)


def _merged(mask: segments.Mask, outer: int, sizes: tuple[int, ...]) -> segments.Mask:
    """A mask over (positions..., entries...) with one axis for all entries of the window."""
    full = np.broadcast_to(mask, (*mask.shape[:outer], *sizes))
    return full.reshape((*mask.shape[:outer], -1))


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
