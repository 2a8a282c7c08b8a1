"""Weights of labels, and what they become on a storage axis.

A claim on a form weighs each label by a vector.  On an axis that the label indexes, the weights
move to the entries they point at: an axis vector.  Both keep to their support, so a claim on one
piece of a look-up touches one piece of a tensor.

Source: docs/sumcheck.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zkdps.provers.sumcheck import field as scalars
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.kernels.interface import I64, Kernels, Vec
from zkdps.provers.sumcheck.system import Affine, AxisIndex, Int64s, Picked

LONG = 1 << 9
"""From this length on, eq with eq is cheaper by its product formula than entry by entry."""


@dataclass(eq=False, slots=True)
class Support:
    """A vector that is zero outside `start..start+length-1`; made when it is first needed."""

    kernels: Kernels
    start: int
    length: int
    point: tuple[Element, ...] | None = None
    """The vector is eq(point, .), cut off at `length`; `None` where it is given."""
    given: Vec | None = None
    _total: Element | None = field(default=None)

    @property
    def vec(self) -> Vec:
        """(length,): the vector on its support."""
        if self.given is None:
            table = self.kernels.eq_table(self.point or ())
            self.given = self.kernels.take(table, 0, self.length)
        return self.given

    @property
    def whole(self) -> bool:
        """Whether it is eq(point, .) over all bits of the point."""
        return self.point is not None and self.length == 1 << len(self.point)

    @property
    def total(self) -> Element:
        """The sum of its entries."""
        if self._total is None:
            one = scalars.one(self.kernels.degree)
            self._total = one if self.whole else self.kernels.total(self.vec)
        return self._total


Weights = Mapping[int, Support]
"""Label position to its weights."""


def eq_weights(kernels: Kernels, point: Sequence[Element], start: int, length: int) -> Support:
    """eq(point, x) at start + x, for x < length."""
    return Support(kernels, start, length, tuple(point))


def unit_weights(kernels: Kernels, length: int) -> Support:
    """1 for every value of a label."""
    return Support(kernels, 0, length, None, kernels.lift(np.ones(length, np.int64)))


@dataclass(slots=True)
class Axes:
    """Makes axis vectors, each once."""

    kernels: Kernels
    public: Mapping[int, Int64s]
    """Values of the public tensors, flat."""
    _made: dict[tuple[AxisIndex, int, tuple[Support, ...]], Support | None] = field(
        default_factory=dict
    )

    def vector(self, axis: AxisIndex, size: int, weights: Weights) -> Support | None:
        """The weights moved onto an axis of `size` entries; `None` where nothing arrives."""
        labels = [axis.label] if isinstance(axis, Picked) else [label for label, _ in axis.terms]
        own = tuple(weights[label] for label in labels)
        key = (axis, size, own)
        if key not in self._made:
            if isinstance(axis, Picked):
                picked = self.public[axis.tensor][own[0].start : own[0].start + own[0].length]
                self._made[key] = self._scattered(own[0].vec, picked, size)
            else:
                self._made[key] = self._affine(axis, size, own)
        return self._made[key]

    def _affine(self, axis: Affine, size: int, own: tuple[Support, ...]) -> Support | None:
        if not own:
            one = self.kernels.lift(np.ones(1, np.int64))
            return self._cut(Support(self.kernels, axis.offset, 1, (), one), size)
        strides = [stride for _, stride in axis.terms]
        start = axis.offset + sum(s * w.start for s, w in zip(strides, own, strict=True))
        if strides == [1]:
            lazy = own[0].whole and own[0].length >= LONG
            given = own[0].given if lazy else own[0].vec
            moved = Support(self.kernels, start, own[0].length, own[0].point, given)
            return self._cut(moved, size)
        vec, positions = own[0].vec, start + strides[0] * np.arange(own[0].length)
        for stride, weight in zip(strides[1:], own[1:], strict=True):
            vec = self.kernels.outer(vec, weight.vec)
            steps = stride * np.arange(weight.length)
            positions = (positions[:, None] + steps[None, :]).ravel()
        if bool((np.diff(positions) == 1).all()):
            return self._cut(Support(self.kernels, start, len(positions), None, vec), size)
        return self._scattered(vec, positions, size)

    def _cut(self, vector: Support, size: int) -> Support | None:
        """Without what leaves the axis."""
        low, high = max(vector.start, 0), min(vector.start + vector.length, size)
        if low >= high:
            return None
        if (low, high) == (vector.start, vector.start + vector.length):
            return vector
        kept = self.kernels.take(vector.vec, low - vector.start, high - vector.start)
        return Support(self.kernels, low, high - low, None, kept)

    def _scattered(self, vec: Vec, positions: I64, size: int) -> Support | None:
        inside = (positions >= 0) & (positions < size)
        if not bool(inside.any()):
            return None
        low, high = int(positions[inside].min()), int(positions[inside].max()) + 1
        moved = self.kernels.scatter(vec, np.where(inside, positions - low, -1), high - low)
        return Support(self.kernels, low, high - low, None, moved)
