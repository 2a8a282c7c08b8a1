"""Wiring: which entries of which values an operator reads, and in what shape.

A wire is a tensor made of entries of other tensors, without arithmetic: reshape, transpose, slice,
concat, expand, pad and windows only move index arrays about.  None of it costs a proof anything:
`views` turns a wire into views of the constraint system again.

    x = whole("x", (8, 768))
    heads = x.reshape((8, 12, 64)).transpose((1, 0, 2))      # (12, 8, 64), still entries of x
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from zkdps.provers.sumcheck.system import Int64s

NOTHING = -1
"""The index of a place that holds no entry, hence 0."""

Selection = int | slice
Entry = TypeVar("Entry", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Entries of one value."""

    value: str
    index: Int64s
    """Of the wire's shape: flat row-major position in the value, `NOTHING` where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A tensor that is read: at each place an entry of at most one part, 0 where there is none."""

    shape: tuple[int, ...]
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Number of places."""
        return math.prod(self.shape)

    def reshape(self, shape: Sequence[int]) -> Wire:
        """The same places in row-major order under another shape."""
        return self._mapped(lambda index: index.reshape(tuple(shape)))

    def transpose(self, order: Sequence[int]) -> Wire:
        """Axis i of the result is axis `order[i]`."""
        return self._mapped(lambda index: index.transpose(tuple(order)))

    def take(self, selections: Sequence[Selection]) -> Wire:
        """Slices (any step) and single positions, one for each leading axis."""
        return self._mapped(lambda index: index[tuple(selections)])

    def broadcast_to(self, shape: Sequence[int]) -> Wire:
        """Numpy's broadcasting."""
        return self._mapped(lambda index: np.broadcast_to(index, tuple(shape)))

    def repeat(self, times: int, axis: int) -> Wire:
        """Each position of `axis` that many times, side by side."""
        return self._mapped(lambda index: np.repeat(index, times, axis))

    def pad(self, before: Sequence[int], after: Sequence[int]) -> Wire:
        """Zeros around; one count an axis on each side."""
        pairs = list(zip(before, after, strict=True))
        return self._mapped(lambda index: np.pad(index, pairs, constant_values=NOTHING))

    def windows(
        self,
        axes: Sequence[int],
        sizes: Sequence[int],
        steps: Sequence[int],
        dilations: Sequence[int],
    ) -> Wire:
        """Sliding windows over `axes`, as a convolution or pooling reads them (pad first).

        Returns:
            The wire with each axis in `axes` replaced by its window positions, and one axis a
            window, of the sizes given, behind all others.
        """
        extents = [(n - 1) * d + 1 for n, d in zip(sizes, dilations, strict=True)]

        def slide(index: Int64s) -> Int64s:
            opened = sliding_window_view(index, tuple(extents), tuple(axes))
            chosen = [slice(None)] * opened.ndim
            for position, axis in enumerate(axes):
                chosen[axis] = slice(None, None, steps[position])
                chosen[index.ndim + position] = slice(None, None, dilations[position])
            return opened[tuple(chosen)]

        return self._mapped(slide)

    def indexed(self, places: NDArray[np.int64]) -> Wire:
        """Any wiring at all: place i of the result is flat place `places[i]` of this wire.

        Args:
            places: int64 array of the result's shape; `NOTHING` gives 0.
        """

        def pick(index: Int64s) -> Int64s:
            flat = np.append(index.reshape(-1), np.int64(NOTHING))
            return flat[np.where(places < 0, index.size, places)]

        return self._mapped(pick)

    def read(self, values: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
        """The tensor: the values' entries at their places.

        Args:
            values: by name, of any shape of the value's size; all of one dtype.
        """
        result: NDArray[np.generic] | None = None
        for part in self.parts:
            entries = part_of(part, values[part.value])
            result = entries if result is None else result + entries  # type: ignore[operator]
        return np.zeros(self.shape) if result is None else result

    def _mapped(self, move: Callable[[Int64s], Int64s]) -> Wire:
        parts = tuple(Part(p.value, _frozen(move(p.index))) for p in self.parts)
        return Wire(move(np.broadcast_to(np.int64(0), self.shape)).shape, parts)


def whole(value: str, shape: Sequence[int]) -> Wire:
    """All of a value, in its own order, under `shape`."""
    index = np.arange(math.prod(shape), dtype=np.int64).reshape(tuple(shape))
    return Wire(tuple(shape), (Part(value, _frozen(index)),))


def concatenate(wires: Sequence[Wire], axis: int) -> Wire:
    """Side by side along `axis`; every operand stays a part of its own."""
    parts = []
    shape = list(wires[0].shape)
    shape[axis] = sum(wire.shape[axis] for wire in wires)
    start = 0
    for wire in wires:
        stop = start + wire.shape[axis]
        chosen = [slice(None)] * len(shape)
        chosen[axis] = slice(start, stop)
        for part in wire.parts:
            index = np.full(shape, NOTHING, dtype=np.int64)
            index[tuple(chosen)] = part.index
            parts.append(Part(part.value, _frozen(index)))
        start = stop
    return Wire(tuple(shape), tuple(parts))


def part_of(part: Part, value: NDArray[Entry]) -> NDArray[Entry]:
    """The entries of `value` at the part's places, 0 elsewhere; the wire's shape."""
    flat = value.reshape(-1)
    if part.index.size == 0 or int(part.index.min()) >= 0:
        return flat[part.index]
    return np.where(part.index >= 0, flat[np.maximum(part.index, 0)], flat.dtype.type(0))


def _frozen(index: Int64s) -> Int64s:
    # A view may be read-only already; the array below it is never changed again either way.
    result = index.view()
    result.setflags(write=False)
    return result


def reads_all(index: Int64s, size: int) -> bool:
    """Whether flat places, `NOTHING` aside, are all of `0..size-1`."""
    seen = np.zeros(size, dtype=np.bool_)
    seen[index[index >= 0]] = True
    return bool(seen.all())
