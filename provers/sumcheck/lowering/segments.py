"""Wires that are not affine, cut into parts that are.

A view reads `offset + stride * label` and is 0 outside of its tensor.  A reversed axis, reflected
padding, picked rows or the clamped corner of a pooling window are several such views, added up:
each is exact at the places of one segment and outside of the tensor everywhere else.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkdps.provers.sumcheck.lowering.values import Int64s
from zkdps.provers.sumcheck.wires import NOTHING, Part, Wire

Mask = NDArray[np.bool_]

MAX_PARTS = 512
"""Views that one wire may become; more would cost more than to compute something else."""


def split(wire: Wire, choices: Sequence[Sequence[Mask]]) -> Wire | None:
    """The same wire, with parts that each read one segment an axis.

    Args:
        wire: what is read.
        choices: for each group of axes, disjoint masks that broadcast to the wire's shape.

    Returns:
        `None` where that takes more than `MAX_PARTS` parts.
    """
    if all(len(masks) == 1 for masks in choices):
        return wire
    if len(wire.parts) * int(np.prod([len(masks) for masks in choices])) > MAX_PARTS:
        return None
    parts = []
    for part in wire.parts:
        for masks in itertools.product(*choices):
            kept = np.ones((1,) * len(wire.shape), dtype=bool)
            for mask in masks:
                kept = kept & mask
            index = np.where(kept, part.index, NOTHING)
            if np.any(index >= 0):
                parts.append(Part(part.value, index))
    return Wire(wire.shape, tuple(parts))


def of_places(places: Int64s, shape: tuple[int, ...]) -> list[list[Mask]]:
    """Segments along each axis of a rearrangement that moves every axis for itself.

    Args:
        places: flat places in a tensor of this shape; `NOTHING` where there is none.
        shape: of that tensor.

    Returns:
        One list an axis; empty where the rearrangement is of another kind.
    """
    if places.ndim != len(shape) or not np.any(places >= 0):
        return []
    held = places >= 0
    coordinates = np.unravel_index(np.maximum(places, 0), shape)
    found = []
    for axis, (size, moved) in enumerate(zip(shape, coordinates, strict=True)):
        others = tuple(other for other in range(places.ndim) if other != axis)
        line = np.where(held, moved, NOTHING).max(axis=others)
        if np.any(held & (moved != _along(line, axis, places.ndim))):
            return []
        found.append([_along(mask, axis, places.ndim) for mask in _segments(line, size)])
    return found


def _segments(line: Int64s, size: int) -> list[Mask]:
    """Disjoint masks of a line of coordinates, on each of which it is affine and else outside."""
    count = len(line)
    everywhere = np.arange(count)
    left = line >= 0
    masks: list[Mask] = []
    while np.any(left):
        start = int(np.argmax(left))
        chosen = everywhere == start
        if start + 1 < count and left[start + 1] and line[start + 1] >= line[start]:
            step = int(line[start + 1] - line[start])
            reached = line[start] + step * (everywhere - start)
            inside = (reached >= 0) & (reached < size)
            if np.array_equal(inside & left, inside) and np.all(line[inside] == reached[inside]):
                chosen = inside
        masks.append(chosen)
        left = left & ~chosen
    return masks


def _along(line: NDArray[Any], axis: int, rank: int) -> NDArray[Any]:
    shape = [1] * rank
    shape[axis] = len(line)
    return line.reshape(shape)
