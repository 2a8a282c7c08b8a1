"""Contents of tables, from real functions.

Every row is the function in float64 at an exactly represented key, times a power of two, rounded
to the nearest integer, halves to even.  Two platforms' mathematical libraries may differ in the
last bit of a float64, which moves a row only where it lies within 2^-40 or so of a half.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zkdps.provers.sumcheck.operators.interface import Reals
from zkdps.provers.sumcheck.system import Int64s

Function = Callable[[Reals], Reals]
"""Elementwise, float64; NaN or infinite where it has no value."""


def exponential_rows(rows: int, step: float, bits: int) -> Int64s:
    """exp(-step * d) for d = 0, 1, ..

    Args:
        rows: at least 1.
        step: real distance between rows, positive.
        bits: of the values: row 0 is 2^bits.

    Returns:
        (rows,) int64.
    """
    values = np.exp(-step * np.arange(rows, dtype=np.float64))
    return np.rint(2.0**bits * values).astype(np.int64)


def function_rows(
    function: Function,
    low: int,
    high: int,
    key_bits: int,
    value_bits: int,
    value_low: int,
    value_high: int,
) -> tuple[int, Int64s]:
    """A function at the keys low..high, where it has a value in value_low..value_high.

    Args:
        low: first key; the real argument is `key / 2**key_bits`.
        value_bits: scale of the values.

    Returns:
        The first key of the longest stretch that has such values, and they: int64; empty where no
        key has one.
    """
    keys = np.arange(low, high + 1, dtype=np.float64) / 2.0**key_bits
    with np.errstate(all="ignore"):
        values = np.rint(np.asarray(function(keys), dtype=np.float64) * 2.0**value_bits)
    usable = np.isfinite(values) & (values >= value_low) & (values <= value_high)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], usable, [False])).astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return low, np.zeros(0, dtype=np.int64)
    longest = int(np.argmax(stops - starts))
    start, stop = int(starts[longest]), int(stops[longest])
    return low + start, values[start:stop].astype(np.int64)
