"""Exact einsums of integers through float64 matrix products."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zkdps.provers.sumcheck.system import Int32s, Int64s

EXACT = 1 << 53
"""Integers below are exact in float64, and so is every partial sum that stays below."""
_PART = 1 << 20
"""Entries of `right` that are multiplied at a time."""


def contract(
    left: Int64s, right: Int32s | Int64s, letters: tuple[str, str, str], magnitude: int
) -> Int64s:
    """sum over letters that the result has not: left[letters[0]] * right[letters[1]].

    Args:
        letters: of left, right and the result; every letter once in each.
        magnitude: bound of the sum of absolute values, thus of every partial sum.

    Raises:
        ValueError: the bound is too large for float64 to be exact.
    """
    if magnitude >= EXACT:
        raise ValueError(f"sums of up to {magnitude} are not exact in float64")
    reals = left.astype(np.float64)
    step = max(_PART // max(right[:1].size, 1), 1)
    if step >= len(right):
        return _integers(contract_reals(reals, right.astype(np.float64), letters))
    # Weights may be many: at no time are all of them there as float64.
    first, letter, result = letters[0], letters[1][0], letters[2]
    parts = []
    for start in range(0, len(right), step):
        cut = reals
        if letter in first:
            chosen = [slice(None)] * reals.ndim
            chosen[first.index(letter)] = slice(start, start + step)
            cut = reals[tuple(chosen)]
        some = right[start : start + step].astype(np.float64)
        parts.append(_integers(contract_reals(cut, some, letters)))
    if letter in result:
        return np.concatenate(parts, axis=result.index(letter))
    return np.asarray(np.sum(parts, axis=0))


def _integers(reals: NDArray[np.float64]) -> Int64s:
    return np.rint(reals).astype(np.int64)


def contract_reals(
    left: NDArray[np.float64], right: NDArray[np.float64], letters: tuple[str, str, str]
) -> NDArray[np.float64]:
    """The same in float64: one batched matrix product."""
    first, second, result = letters
    sizes = {
        **dict(zip(first, left.shape, strict=True)),
        **dict(zip(second, right.shape, strict=True)),
    }
    alone = "".join(c for c in first if c not in second and c not in result)
    left = left.sum(axis=tuple(first.index(c) for c in alone))
    first = "".join(c for c in first if c not in alone)
    alone = "".join(c for c in second if c not in first and c not in result)
    right = right.sum(axis=tuple(second.index(c) for c in alone))
    second = "".join(c for c in second if c not in alone)
    batch = [c for c in result if c in first and c in second]
    rows = [c for c in result if c in first and c not in second]
    columns = [c for c in result if c in second and c not in first]
    summed = [c for c in first if c in second and c not in result]

    def extent(chosen: list[str]) -> int:
        return math.prod(sizes[c] for c in chosen)

    a = left.transpose([first.index(c) for c in batch + rows + summed])
    b = right.transpose([second.index(c) for c in batch + summed + columns])
    product = np.matmul(
        a.reshape(extent(batch), extent(rows), extent(summed)),
        b.reshape(extent(batch), extent(summed), extent(columns)),
    )
    order = batch + rows + columns
    shaped = product.reshape([sizes[c] for c in order])
    return np.asarray(shaped.transpose([order.index(c) for c in result]))
