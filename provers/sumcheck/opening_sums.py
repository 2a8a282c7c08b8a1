"""The prover's side of the opening's sum-check, which never writes the functional L down.

The least significant variable is bound first.  Pieces are aligned, so until a piece is a single
entry it does not mix with others, and on a piece every claim is an outer product a (x) b of rows
and last axis.  While the last axis is being bound, <W, a (x) b> = <a W, b>: one pass over the
integers for each b.  Then a second pass, W times eq of the bound variables, leaves vectors as long
as the rows.  Single entries meet at their addresses at last.

Source: docs/sumcheck.md, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck import field as scalars
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.functionals import Claim, Places
from zkdps.provers.sumcheck.kernels.interface import I32, Kernels, Vec
from zkdps.provers.sumcheck.layout import Layout
from zkdps.provers.sumcheck.opening_pieces import Group, Opened, idle_pieces, opened_pieces

_SPLIT_BITS = 10
_SMALL = 1 << 11
"""Entries of a piece up to which two vectors of its length cost less than two passes and calls."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """A stretch of the two vectors whose inner product is being summed."""

    opened: Opened
    group: Group | None
    """`None`: the stretch ends in the piece's single entry."""
    length: int


class OpeningSums:
    """W and L as far as they are bound: segments of two long vectors, and single entries."""

    def __init__(
        self,
        kernels: Kernels,
        layout: Layout,
        places: Places,
        claims: Sequence[Claim],
        weights: Sequence[Element],
        integers: Sequence[I32],
    ) -> None:
        self._kernels = kernels
        self._bound: list[Element] = []
        self._segments: list[_Segment] = []
        self._left, self._right = kernels.zeros(0), kernels.zeros(0)
        self._addresses = np.zeros(0, np.int64)
        self._singles = kernels.zeros(0), kernels.zeros(0)
        self._arrived: list[tuple[int, Element, Element]] = []
        fresh: list[tuple[_Segment, Vec, Vec]] = []
        met = opened_pieces(kernels, layout, places, claims, weights, integers)
        for opened in met:
            fresh += self._first_segments(opened)
        self._idle = idle_pieces(layout, integers, {opened.address for opened in met})
        self._enter(fresh)
        self._bind_idle()
        self._pair_singles()

    def round(self) -> list[Element]:
        """t(0) and the leading coefficient of t."""
        zero, leading = scalars.zero(self._kernels.degree), scalars.zero(self._kernels.degree)
        for left, right in ((self._left, self._right), self._singles):
            if self._kernels.length(left):
                t0, t2 = self._kernels.pair_round(left, right)
                zero, leading = scalars.add(zero, t0), scalars.add(leading, t2)
        return [zero, leading]

    def bind(self, challenge: Element) -> None:
        """Fix the variable of the round just sent."""
        kernels = self._kernels
        self._bound.append(challenge)
        if self._segments:
            self._left = kernels.fold_pairs(self._left, challenge)
            self._right = kernels.fold_pairs(self._right, challenge)
        if len(self._addresses):
            left, right = self._singles
            self._singles = (
                kernels.fold_pairs(left, challenge),
                kernels.fold_pairs(right, challenge),
            )
        self._segments = [_Segment(s.opened, s.group, s.length // 2) for s in self._segments]
        self._enter(self._leave())
        self._bind_idle()
        self._pair_singles()

    def _bind_idle(self) -> None:
        """Pieces that no claim meets have neighbours that some claim meets: W is needed there."""
        kernels = self._kernels
        depth = len(self._bound)
        for address, flat in self._idle.pop(depth, []):
            point = self._bound[::-1]
            low = min(depth, _SPLIT_BITS)
            inner = kernels.rows_dot(
                flat.reshape(-1, 1 << low), kernels.eq_table(point[depth - low :])
            )
            end = kernels.dot(inner, kernels.eq_table(point[: depth - low]))
            self._arrived.append((address, end, scalars.zero(kernels.degree)))

    def _first_segments(self, opened: Opened) -> list[tuple[_Segment, Vec, Vec]]:
        kernels = self._kernels
        rows, columns = opened.matrix.shape
        if rows == 1 or rows * columns <= _SMALL:
            # Small enough to write L down on this piece.
            total = kernels.zeros(rows * columns)
            for group in opened.groups:
                total = kernels.add(total, kernels.outer(group.rows, group.last))
            return self._segment(opened, kernels.lift(opened.matrix.reshape(-1)), total)
        if columns == 1:
            for group in opened.groups:
                group.end = kernels.to_elements(group.last)[0]
            return self._row_segment(opened)
        return [
            (_Segment(opened, g, columns), kernels.dot_rows(opened.matrix, g.rows), g.last)
            for g in opened.groups
        ]

    def _row_segment(self, opened: Opened) -> list[tuple[_Segment, Vec, Vec]]:
        """The last axis is bound: W and L over the rows."""
        kernels = self._kernels
        rows, columns = opened.matrix.shape
        point = self._bound[: columns.bit_length() - 1][::-1]
        left = kernels.rows_dot(opened.matrix, kernels.eq_table(point))
        right = kernels.zeros(rows)
        for group in opened.groups:
            if group.end is None:
                raise ValueError("a group's last axis is not bound yet")
            right = kernels.add(right, kernels.scale(group.rows, group.end))
        return self._segment(opened, left, right)

    def _segment(self, opened: Opened, left: Vec, right: Vec) -> list[tuple[_Segment, Vec, Vec]]:
        """W and L of a whole piece, or its single entry."""
        length = self._kernels.length(left)
        if length > 1:
            return [(_Segment(opened, None, length), left, right)]
        (w,), (x,) = self._kernels.to_elements(left), self._kernels.to_elements(right)
        self._arrived.append((opened.address, w, x))
        return []

    def _leave(self) -> list[tuple[_Segment, Vec, Vec]]:
        """Take out segments of length 1, which are last; the segments that follow from them."""
        kernels = self._kernels
        kept = sum(1 for segment in self._segments if segment.length > 1)
        done = self._segments[kept:]
        if not done:
            return []
        size = sum(segment.length for segment in self._segments[:kept])
        w_ends = kernels.to_elements(kernels.take(self._left, size, size + len(done)))
        l_ends = kernels.to_elements(kernels.take(self._right, size, size + len(done)))
        self._left = kernels.take(self._left, 0, size)
        self._right = kernels.take(self._right, 0, size)
        self._segments = self._segments[:kept]
        fresh: list[tuple[_Segment, Vec, Vec]] = []
        bound_rows: list[Opened] = []
        for segment, w, x in zip(done, w_ends, l_ends, strict=True):
            if segment.group is None:
                self._arrived.append((segment.opened.address, w, x))
                continue
            segment.group.end = x
            if segment.group is segment.opened.groups[-1]:
                bound_rows.append(segment.opened)
        for opened in bound_rows:
            fresh += self._row_segment(opened)
        return fresh

    def _enter(self, fresh: list[tuple[_Segment, Vec, Vec]]) -> None:
        """Add segments, keeping the longest first."""
        if not fresh:
            return
        kernels = self._kernels
        parts, start = [], 0
        for segment in self._segments:
            end = start + segment.length
            parts.append(
                (
                    segment,
                    kernels.take(self._left, start, end),
                    kernels.take(self._right, start, end),
                )
            )
            start = end
        parts = sorted(parts + fresh, key=lambda part: -part[0].length)
        self._segments = [segment for segment, _, _ in parts]
        self._left = kernels.concat([left for _, left, _ in parts])
        self._right = kernels.concat([right for _, _, right in parts])

    def _pair_singles(self) -> None:
        """Bring single entries to the addresses of the next round, each beside its neighbour."""
        kernels = self._kernels
        depth = len(self._bound)
        arrived = np.array([address >> depth for address, _, _ in self._arrived], np.int64)
        parents = np.concatenate([self._addresses, arrived])
        left = kernels.concat(
            [self._singles[0], kernels.from_elements([w for _, w, _ in self._arrived])]
        )
        right = kernels.concat(
            [self._singles[1], kernels.from_elements([x for _, _, x in self._arrived])]
        )
        self._arrived = []
        if not len(parents):
            return
        above, place = np.unique(parents >> 1, return_inverse=True)
        positions = 2 * place.reshape(-1).astype(np.int64) + (parents & 1)
        size = 2 * len(above)
        self._addresses = above
        self._singles = (
            kernels.scatter(left, positions, size),
            kernels.scatter(right, positions, size),
        )
