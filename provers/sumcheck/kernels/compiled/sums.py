"""Kernels that end in sums: inner products and the rounds of product sum-checks.

Sums are signed 64-bit words; Python reduces them.  A late-reduced term lies within -p..2p, so
2^31 of them fit.  Every loop here only reads: a loop that stores into one of many arrays must
first prove that none overlap, and beyond a few arrays the compiler gives up on vectors.
"""

from __future__ import annotations

from typing import Any

from zkdps.provers.sumcheck.kernels.compiled.arithmetic import (
    add,
    load,
    mul,
    mul_late,
    no_sum,
    part,
    plus,
    put_sum,
    scale_base,
    sub,
)
from zkdps.provers.sumcheck.kernels.compiled.jit import kernel, loop, primitive

CHUNK = 1024
"""Pairs that a round works on at a time: its factors then stay in the second-level cache."""


@loop
def sum_of(a: Any) -> Any:
    """sum_i a_i."""
    s = no_sum(a)
    for i in range(len(a[0])):
        s = plus(s, load(a, i))
    return s


@loop
def dot_of(a: Any, b: Any) -> Any:
    """sum_i a_i b_i."""
    s = no_sum(a)
    for i in range(len(a[0])):
        s = plus(s, mul_late(load(a, i), load(b, i)))
    return s


@loop
def _dot3(a: Any, b: Any, c: Any) -> Any:
    s = no_sum(a)
    for i in range(len(a[0])):
        s = plus(s, mul_late(mul(load(a, i), load(b, i)), load(c, i)))
    return s


@loop
def _dot4(a: Any, b: Any, c: Any, d: Any) -> Any:
    s = no_sum(a)
    for i in range(len(a[0])):
        left, right = mul(load(a, i), load(b, i)), mul(load(c, i), load(d, i))
        s = plus(s, mul_late(left, right))
    return s


@kernel("VS")
def total(a: Any, sums: Any) -> None:
    """sums += sum_i a_i."""
    put_sum(sums, 0, sum_of(a))


@kernel("VVS")
def dot(a: Any, b: Any, sums: Any) -> None:
    """sums += sum_i a_i b_i."""
    put_sum(sums, 0, dot_of(a, b))


# --- rounds: values at X of pairs (low, high) are low + X (high - low) ---------------------------


@primitive
def _at(low: Any, high: Any, i: Any, x: Any) -> Any:
    """Entry i at X; x is X in Montgomery form."""
    start = load(low, i)
    return add(start, scale_base(sub(load(high, i), start), x))


@loop
def _dot1_at(a: Any, b: Any, x: Any) -> Any:
    s = no_sum(a)
    for i in range(len(a[0])):
        s = plus(s, _at(a, b, i, x))
    return s


@loop
def _dot2_at(a: Any, b: Any, c: Any, d: Any, x: Any) -> Any:
    s = no_sum(a)
    for i in range(len(a[0])):
        s = plus(s, mul_late(_at(a, b, i, x), _at(c, d, i, x)))
    return s


@loop
def _dot3_at(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, x: Any) -> Any:
    s = no_sum(a)
    for i in range(len(a[0])):
        left = mul(_at(a, b, i, x), _at(c, d, i, x))
        s = plus(s, mul_late(left, _at(e, f, i, x)))
    return s


@loop
def _dot4_at(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, x: Any) -> Any:
    s = no_sum(a)
    for i in range(len(a[0])):
        left = mul(_at(a, b, i, x), _at(c, d, i, x))
        right = mul(_at(e, f, i, x), _at(g, h, i, x))
        s = plus(s, mul_late(left, right))
    return s


@kernel("VRS")
def round1(a: Any, points: Any, sums: Any) -> None:
    """One factor: sums[k D ..] += sum_i a[i] + X (a[i + n/2] - a[i]), X = 0, then points[k].

    points[0] stands for 0; the others are in Montgomery form.
    """
    half = len(a[0]) // 2
    a0, a1 = part(a, 0, half), part(a, half, 2 * half)
    put_sum(sums, 0, sum_of(a0))
    for k in range(1, len(points)):
        put_sum(sums, k * len(a), _dot1_at(a0, a1, points[k]))


@kernel("VVRS")
def round2(a: Any, b: Any, points: Any, sums: Any) -> None:
    """Two factors."""
    half = len(a[0]) // 2
    for at in range(0, half, CHUNK):
        stop = min(half, at + CHUNK)
        a0, a1 = part(a, at, stop), part(a, half + at, half + stop)
        b0, b1 = part(b, at, stop), part(b, half + at, half + stop)
        put_sum(sums, 0, dot_of(a0, b0))
        for k in range(1, len(points)):
            put_sum(sums, k * len(a), _dot2_at(a0, a1, b0, b1, points[k]))


@kernel("VVVRS")
def round3(a: Any, b: Any, c: Any, points: Any, sums: Any) -> None:
    """Three factors."""
    half = len(a[0]) // 2
    for at in range(0, half, CHUNK):
        stop = min(half, at + CHUNK)
        a0, a1 = part(a, at, stop), part(a, half + at, half + stop)
        b0, b1 = part(b, at, stop), part(b, half + at, half + stop)
        c0, c1 = part(c, at, stop), part(c, half + at, half + stop)
        put_sum(sums, 0, _dot3(a0, b0, c0))
        for k in range(1, len(points)):
            put_sum(sums, k * len(a), _dot3_at(a0, a1, b0, b1, c0, c1, points[k]))


@kernel("VVVVRS")
def round4(a: Any, b: Any, c: Any, d: Any, points: Any, sums: Any) -> None:
    """Four factors."""
    half = len(a[0]) // 2
    for at in range(0, half, CHUNK):
        stop = min(half, at + CHUNK)
        a0, a1 = part(a, at, stop), part(a, half + at, half + stop)
        b0, b1 = part(b, at, stop), part(b, half + at, half + stop)
        c0, c1 = part(c, at, stop), part(c, half + at, half + stop)
        d0, d1 = part(d, at, stop), part(d, half + at, half + stop)
        put_sum(sums, 0, _dot4(a0, b0, c0, d0))
        for k in range(1, len(points)):
            put_sum(sums, k * len(a), _dot4_at(a0, a1, b0, b1, c0, c1, d0, d1, points[k]))


@kernel("VVS")
def pair_round(a: Any, b: Any, sums: Any) -> None:
    """sums[0..] += sum_i a[2i] b[2i]; sums[D..] += the same of the differences to 2i + 1."""
    s, t = no_sum(a), no_sum(a)
    for i in range(len(a[0]) // 2):
        x, y = load(a, 2 * i), load(b, 2 * i)
        s = plus(s, mul_late(x, y))
        steps = sub(load(a, 2 * i + 1), x), sub(load(b, 2 * i + 1), y)
        t = plus(t, mul_late(steps[0], steps[1]))
    put_sum(sums, 0, s)
    put_sum(sums, len(a), t)
