"""Products of committed integer matrices with vectors (GEMVs).

A chunk of entries below 2^20 in size is multiplied and summed in 64 bits: 2^20 * p * 2^11 stays
under 2^62.  A chunk with a larger entry takes the slow road: every product is reduced.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.kernels.compiled.arithmetic import (
    add,
    load,
    no_sum,
    part,
    plus,
    settle,
    store,
)
from zkdps.provers.sumcheck.kernels.compiled.jit import kernel, loop, primitive

CHUNK = 2048
BLOCK = 512
"""Columns that `dot_rows` sums at a time; its accumulators stay in the first-level cache."""
_SMALL = np.int64(1 << 20)
_P = np.int64(P)


@loop
def _is_small(x: Any) -> Any:
    """Whether every entry lies within -2^20..2^20-1."""
    seen = np.int32(0)
    for i in range(len(x)):
        seen |= x[i] ^ (x[i] >> np.int32(31))
    return np.int64(seen) < _SMALL


@primitive
def _times(x: Any, e: Any) -> Any:
    """The integer times each word, in 64 bits."""
    w = np.int64(x)
    low = (w * np.int64(e[0]), w * np.int64(e[1]), w * np.int64(e[2]), w * np.int64(e[3]))
    if len(e) == 4:
        return low
    else:
        return (low[0], low[1], low[2], low[3], w * np.int64(e[4]))


@primitive
def _reduced(s: Any) -> Any:
    """Each sum modulo p, still 64 bits."""
    low = (s[0] % _P, s[1] % _P, s[2] % _P, s[3] % _P)
    if len(s) == 4:
        return low
    else:
        return (low[0], low[1], low[2], low[3], s[4] % _P)


@loop
def _row_fast(x: Any, b: Any) -> Any:
    s = no_sum(b)
    for j in range(len(x)):
        s = plus(s, _times(x[j], load(b, j)))
    return s


@loop
def _row_slow(x: Any, b: Any) -> Any:
    s = no_sum(b)
    for j in range(len(x)):
        s = plus(s, _reduced(_times(x[j], load(b, j))))
    return s


@kernel("MVV")
def rows_dot(matrix: Any, b: Any, out: Any) -> None:
    """out[i] = sum_j matrix[i, j] b[j]; the matrix is flat."""
    columns = len(b[0])
    for i in range(len(out[0])):
        s = no_sum(b)
        for start in range(0, columns, CHUNK):
            stop = min(columns, start + CHUNK)
            x = matrix[i * columns + start : i * columns + stop]
            y = part(b, start, stop)
            if _is_small(x):
                s = plus(s, _reduced(_row_fast(x, y)))
            else:
                s = plus(s, _reduced(_row_slow(x, y)))
        store(out, i, settle(s))


@loop
def _add_row_fast(x: Any, e: Any, sums: Any) -> None:
    for j in range(len(x)):
        store(sums, j, plus(load(sums, j), _times(x[j], e)))


@loop
def _add_row_slow(x: Any, e: Any, sums: Any) -> None:
    for j in range(len(x)):
        store(sums, j, plus(load(sums, j), _reduced(_times(x[j], e))))


@loop
def _flush(sums: Any, out: Any) -> None:
    """Adds the sums to out, and clears them."""
    for j in range(len(out[0])):
        s = load(sums, j)
        store(out, j, add(load(out, j), settle(s)))
        store(sums, j, no_sum(s))


@kernel("MVAV")
def dot_rows(matrix: Any, a: Any, sums: Any, out: Any) -> None:
    """out[j] += sum_i a[i] matrix[i, j]; the matrix is flat; sums: BLOCK zeros."""
    rows, columns = len(a[0]), len(out[0])
    for start in range(0, columns, BLOCK):
        stop = min(columns, start + BLOCK)
        block = part(sums, 0, stop - start)
        target = part(out, start, stop)
        for first in range(0, rows, CHUNK):
            for i in range(first, min(rows, first + CHUNK)):
                x = matrix[i * columns + start : i * columns + stop]
                if _is_small(x):
                    _add_row_fast(x, load(a, i), block)
                else:
                    _add_row_slow(x, load(a, i), block)
            _flush(block, target)
