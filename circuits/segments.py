"""Dynamic programs over the segments of one order.

`costs[i, j]` is the cost of the segment between cut point i and cut point j > i, `inf` where that
segment is not allowed; the lower triangle is not read.  Both programs are exact for that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]
"""(points, points) float64, seconds."""


@dataclass(frozen=True, slots=True)
class Split:
    """The best way to cut one order."""

    points: tuple[int, ...]
    """Cut points in ascending order, the two ends included."""
    bottleneck: float
    """Largest cost of a segment."""
    total: float
    """Sum of the costs of the segments."""


def least_total(costs: Costs) -> Split | None:
    """Any number of segments, smallest sum; `None` if no allowed segments reach the end."""
    size = len(costs)
    best = np.full(size, np.inf)
    best[0] = 0.0
    before = np.zeros(size, dtype=np.int64)
    for end in range(1, size):
        sums = best[:end] + costs[:end, end]
        before[end] = int(sums.argmin())
        best[end] = sums[before[end]]
    if not np.isfinite(best[-1]):
        return None
    points = [size - 1]
    while points[-1]:
        points.append(int(before[points[-1]]))
    return _split(costs, points)


def least_total_of(costs: Costs, count: int) -> Split | None:
    """Exactly `count` segments, smallest sum; `None` if there is no such way."""
    size = len(costs)
    best = np.full(size, np.inf)
    best[0] = 0.0
    before = np.zeros((count, size), dtype=np.int64)
    for step in range(count):
        longer = np.full(size, np.inf)
        for end in range(1, size):
            sums = best[:end] + costs[:end, end]
            before[step, end] = int(sums.argmin())
            longer[end] = sums[before[step, end]]
        best = longer
    return _traced(costs, before) if np.isfinite(best[-1]) else None


def least_bottleneck(costs: Costs, count: int) -> Split | None:
    """Exactly `count` segments, smallest largest cost, and among those the smallest sum."""
    size = len(costs)
    best = np.full(size, np.inf)
    best[0] = 0.0
    for _ in range(count):
        longer = np.full(size, np.inf)
        for end in range(1, size):
            longer[end] = np.maximum(best[:end], costs[:end, end]).min()
        best = longer
    if not np.isfinite(best[-1]):
        return None
    # Only with the bottleneck known may the sum be minimised: a prefix with a worse maximum that
    # stays below it can have the better sum.
    return least_total_of(np.where(costs <= best[-1], costs, np.inf), count)


def _traced(costs: Costs, before: NDArray[np.int64]) -> Split:
    points = [len(costs) - 1]
    for step in reversed(before):
        points.append(int(step[points[-1]]))
    return _split(costs, points)


def _split(costs: Costs, descending: list[int]) -> Split:
    points = tuple(reversed(descending))
    paid = [float(costs[start, end]) for start, end in pairwise(points)]
    return Split(points, max(paid), sum(paid))
