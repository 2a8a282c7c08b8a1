"""From wiring back to views: index arrays as affine functions of labels.

The inverse of `wires`: given the flat positions that a wire reads and the storage shape of the
value, find an offset and strides for every storage axis.  Whatever is found is checked by computing
the index array again, so a mistake here can refuse a wire and never misread one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from zkdps.provers.sumcheck.system import Affine, Int64s
from zkdps.provers.sumcheck.wires import NOTHING, Wire

Shape = tuple[int, ...]

MAX_GAPPED_FACTORS = 3
"""Labels tried for an axis along which every line has places without an entry."""


def affine_indices(index: Int64s, storage: Shape) -> tuple[Affine, ...] | None:
    """One affine index for each storage axis, such that the view is exactly `index`.

    Args:
        index: int64, one axis a label: flat position in the storage, or `NOTHING`, which must be
            where some affine index leaves its axis.
        storage: shape of the tensor that is read.

    Returns:
        The indices, their terms (axis of `index`, stride); `None` where there are none.
    """
    valid = index >= 0
    if not valid.any():
        return None
    steps: list[tuple[int, int] | None] = []
    isolated: list[int] = []
    for axis, size in enumerate(index.shape):
        pair = _pair(index, valid, axis) if size > 1 else None
        if pair is None:
            steps.append(None)
            if size > 1:
                isolated.append(axis)
            continue
        before, after = (np.array(np.unravel_index(place, storage)) for place in pair)
        moves = after - before
        moved = np.flatnonzero(moves)
        if len(moved) > 1 or (len(moved) == 1 and moves[moved[0]] < 0):
            return None
        steps.append((int(moved[0]), int(moves[moved[0]])) if len(moved) else None)
    origin = np.unravel_index(int(np.argmax(valid)), index.shape)
    first = np.unravel_index(int(index[origin]), storage)
    for targets in itertools.product(range(len(storage)), repeat=len(isolated)):
        found = _assemble(index.shape, storage, steps, isolated, targets, origin, first)
        if np.array_equal(positions(found, index.shape, storage), index):
            return found
    return None


def positions(indices: Sequence[Affine], sizes: Shape, storage: Shape) -> Int64s:
    """The flat positions that affine indices read: the inverse of `affine_indices`."""
    place = np.zeros((1,) * len(sizes), dtype=np.int64)
    inside = np.ones((1,) * len(sizes), dtype=bool)
    for axis, extent in zip(indices, storage, strict=True):
        coordinate = coordinates(axis, sizes)
        place = place * extent + coordinate
        if coordinate.min() < 0 or coordinate.max() >= extent:
            inside = inside & (coordinate >= 0) & (coordinate < extent)
    return np.broadcast_to(np.where(inside, place, NOTHING), sizes)


def coordinates(axis: Affine, sizes: Shape) -> Int64s:
    """Values of an affine index; one axis a label, of extent 1 where it does not occur."""
    result = np.full((1,) * len(sizes), axis.offset, dtype=np.int64)
    for label, stride in axis.terms:
        shape = [1] * len(sizes)
        shape[label] = sizes[label]
        result = result + stride * np.arange(sizes[label], dtype=np.int64).reshape(shape)
    return result


def factors_of(wire: Wire, storages: Mapping[str, Shape]) -> tuple[Shape, ...]:
    """For each axis of a wire: the sizes of the labels that it takes, outermost first.

    One label an axis where that is enough.  Where the wire cannot be expressed at all the answer
    is of no use, and `affine_indices` says so.
    """
    cuts: list[Shape] = [(size,) for size in wire.shape]
    for part in wire.parts:
        storage = storages[part.value]
        if affine_indices(part.index, storage) is not None:
            continue
        for axis, size in enumerate(wire.shape):
            if size == 1:
                continue
            found = _axis_factors(part.index, storage, axis)
            merged = None if found is None else common_factors(cuts[axis], found)
            if merged is not None:
                cuts[axis] = merged
    return tuple(cuts)


def common_factors(left: Shape, right: Shape) -> Shape | None:
    """The coarsest mixed radix that refines both; `None` where none does."""
    strides = sorted({*_strides(left), *_strides(right)})
    if any(b % a for a, b in itertools.pairwise(strides)):
        return None
    ratios = [b // a for a, b in itertools.pairwise([*strides, math.prod(left)])]
    return tuple(reversed([ratio for ratio in ratios if ratio > 1])) or (1,)


def flat_strides(index: Int64s) -> tuple[int, ...]:
    """Distances in the flat value between neighbours along each axis, where there are any."""
    valid = index >= 0
    found = []
    for axis, size in enumerate(index.shape):
        pair = _pair(index, valid, axis) if size > 1 else None
        if pair is not None and pair[1] > pair[0]:
            found.append(pair[1] - pair[0])
    return tuple(found)


def _strides(sizes: Shape) -> list[int]:
    return [math.prod(sizes[i + 1 :]) for i in range(len(sizes)) if sizes[i] > 1]


def _pair(index: Int64s, valid: np.ndarray, axis: int) -> tuple[int, int] | None:
    """Two neighbouring entries along an axis."""
    before = [slice(None)] * index.ndim
    after = list(before)
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    both = valid[tuple(before)] & valid[tuple(after)]
    at = int(np.argmax(both))
    place = np.unravel_index(at, both.shape)
    if not both[place]:
        return None
    return int(index[tuple(before)][place]), int(index[tuple(after)][place])


def _assemble(
    sizes: Shape,
    storage: Shape,
    steps: Sequence[tuple[int, int] | None],
    isolated: Sequence[int],
    targets: Sequence[int],
    origin: Sequence[np.intp],
    first: Sequence[np.intp],
) -> tuple[Affine, ...]:
    """Affine indices from strides; an isolated label steps off its target axis at once."""
    terms: list[list[tuple[int, int]]] = [[] for _ in storage]
    spans = list(storage)
    for label, step in enumerate(steps):
        if step is not None:
            terms[step[0]].append((label, step[1]))
            spans[step[0]] += step[1] * (sizes[label] - 1)
    for label, target in zip(isolated, targets, strict=True):
        stride = spans[target]
        terms[target].append((label, stride))
        spans[target] += stride * (sizes[label] - 1)
    return tuple(
        Affine(int(start) - sum(s * int(origin[label]) for label, s in held), tuple(held))
        for start, held in zip(first, terms, strict=True)
    )


def _axis_factors(index: Int64s, storage: Shape, axis: int) -> Shape | None:
    """The mixed radix of one axis, from the line along it that has the fewest gaps."""
    lines = np.moveaxis(index, axis, -1).reshape(-1, index.shape[axis])
    line = lines[int(np.argmax((lines >= 0).sum(axis=1)))]
    if (line >= 0).all():
        return _radix(np.stack(np.unravel_index(line, storage)))
    for count in range(1, MAX_GAPPED_FACTORS + 1):
        for factors in _factorisations(len(line), count):
            if affine_indices(line.reshape(factors), storage) is not None:
                return factors
    return None


def _factorisations(size: int, count: int) -> Iterator[Shape]:
    """Ordered factorisations into `count` factors above 1."""
    if count == 1:
        yield (size,)
        return
    for outer in range(2, size // 2 + 1):
        if size % outer == 0:
            for inner in _factorisations(size // outer, count - 1):
                yield (outer, *inner)


def _radix(line: np.ndarray) -> Shape | None:
    """Factors in whose digits a line of coordinates (storage axes, n) is affine."""
    axes, size = line.shape
    if size == 1:
        return ()
    step = line[:, 1:2] - line[:, :1]
    if np.count_nonzero(step) > 1 or step.min() < 0:
        return None
    for length in range(size, 1, -1):
        if size % length:
            continue
        blocks = line.reshape(axes, size // length, length)
        offsets = blocks - blocks[:, :, :1]
        if (offsets == (step * np.arange(length))[:, None, :]).all():
            outer = _radix(blocks[:, :, 0])
            if outer is not None:
                return (*outer, length)
    return None
