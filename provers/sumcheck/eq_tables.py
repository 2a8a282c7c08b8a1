"""Many small eq tables at once: a verifier's vectors are short, and calls cost more than entries.

Each table is the outer product of the tables of its point's halves; the halves of all points are
built side by side.  Limbs are only gathered and repeated here, never read, so any kernel module
may keep what it likes in them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.axes import LONG, Support
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.kernels.interface import Kernels, Vec


def prepare(kernels: Kernels, supports: Sequence[Support]) -> None:
    """Make the vectors of all supports that are eq tables, except long ones that may stay points.

    A long table over all bits of its point mostly meets another eq, and then is never needed.
    """
    due = [
        support
        for support in dict.fromkeys(supports)
        if support.point is not None
        and support.given is None
        and not (support.whole and support.length >= LONG)
    ]
    tables = eq_tables(kernels, [support.point or () for support in due])
    for support, table in zip(due, tables, strict=True):
        support.given = kernels.take(table, 0, support.length)


def eq_tables(kernels: Kernels, points: Sequence[Sequence[Element]]) -> list[Vec]:
    """eq(point, .) of every point."""
    if not points:
        return []
    cuts = [len(point) // 2 for point in points]
    halves = [tuple(point[:cut]) for point, cut in zip(points, cuts, strict=True)]
    halves += [tuple(point[cut:]) for point, cut in zip(points, cuts, strict=True)]
    size = 1 << max(len(half) for half in halves)
    small = _side_by_side(kernels, halves)
    high, low, ends = [], [], [0]
    for number, point in enumerate(points):
        count = 1 << len(point)
        entry = np.arange(count)
        shift = len(point) - cuts[number]
        high.append(number * size + (entry >> shift))
        low.append((len(points) + number) * size + (entry & ((1 << shift) - 1)))
        ends.append(ends[-1] + count)
    joined = kernels.mul(_gathered(small, high), _gathered(small, low))
    return [kernels.take(joined, start, end) for start, end in itertools.pairwise(ends)]


def _gathered(vec: Vec, positions: list[np.ndarray[tuple[int], np.dtype[np.int64]]]) -> Vec:
    chosen = np.concatenate(positions)
    return tuple(limb[chosen] for limb in vec)


def _side_by_side(kernels: Kernels, points: list[tuple[Element, ...]]) -> Vec:
    """The tables of all points, each of the longest one's size.

    Zeros before a point's coordinates leave its table at the start, and zeros behind it.
    """
    degree = kernels.degree
    longest = max(len(point) for point in points)
    zero, one = field.zero(degree), field.one(degree)
    sides: list[Element] = []
    for point in points:
        padded = [zero] * (longest - len(point)) + list(point)
        sides += [side for z in padded for side in (field.sub(one, z), z)]
    choices = kernels.from_elements(sides)
    table = kernels.from_elements([one] * len(points))
    for coordinate in range(longest):
        chosen = []
        for limb in choices:
            both = limb.reshape(len(points), longest, 2)[:, coordinate]
            chosen.append(np.tile(both, (1, 1 << coordinate)).ravel())
        table = kernels.mul(tuple(np.repeat(limb, 2) for limb in table), tuple(chosen))
    return table
