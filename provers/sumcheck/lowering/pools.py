"""Pools: maxima and means of sliding windows."""

from __future__ import annotations

import numpy as np

from zkdps.provers.sumcheck.lowering import segments
from zkdps.provers.sumcheck.lowering.block import Block
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import Int64s, Value, plain, times
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.operators.mean import Mean
from zkdps.provers.sumcheck.wires import NOTHING, Wire, whole


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
