"""Kernels of the logUp tree: layers of fractions, and the rounds of their sum-checks."""

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
    settle,
    sub,
)
from zkdps.provers.sumcheck.kernels.compiled.jit import kernel, loop, primitive
from zkdps.provers.sumcheck.kernels.compiled.vectors import (
    add_into,
    fold_into,
    mul_into,
)

CHUNK = 512
"""Entries worked on at a time: a few vectors of them stay in the nearest caches."""


@kernel("VVVVVVV")
def fraction_sums(p0: Any, p1: Any, q0: Any, q1: Any, scratch: Any, p: Any, q: Any) -> None:
    """p = p0 q1 + p1 q0, q = q0 q1."""
    # One product a loop: with more arrays in it than these the compiler gives up on vectors.
    for start in range(0, len(p[0]), CHUNK):
        stop = min(len(p[0]), start + CHUNK)
        x, y = part(scratch, 0, stop - start), part(scratch, CHUNK, CHUNK + stop - start)
        a, b = part(q0, start, stop), part(q1, start, stop)
        mul_into(part(p0, start, stop), b, x)
        mul_into(part(p1, start, stop), a, y)
        add_into(x, y, part(p, start, stop))
        mul_into(a, b, part(q, start, stop))


@kernel("VVVV")
def reciprocal_sums(q0: Any, q1: Any, p: Any, q: Any) -> None:
    """The same where every numerator is 1: p = q0 + q1, q = q0 q1."""
    for start in range(0, len(p[0]), CHUNK):
        stop = min(len(p[0]), start + CHUNK)
        a, b = part(q0, start, stop), part(q1, start, stop)
        add_into(a, b, part(p, start, stop))
        mul_into(a, b, part(q, start, stop))


@loop
def _constant_terms(s0: Any, p1: Any, q0: Any, q1: Any, eq: Any) -> Any:
    """sum eq (s0 q1 + p1 q0)."""
    total = no_sum(s0)
    for i in range(len(eq[0])):
        value = add(mul(load(s0, i), load(q1, i)), mul(load(p1, i), load(q0, i)))
        total = plus(total, mul_late(load(eq, i), value))
    return total


@loop
def _leading_terms(
    s0: Any, p1: Any, q0: Any, q1: Any, t0: Any, r1: Any, u0: Any, u1: Any, eq: Any
) -> Any:
    """sum eq ((t0 - s0) (u1 - q1) + (r1 - p1) (u0 - q0))."""
    total = no_sum(s0)
    for i in range(len(eq[0])):
        left = mul(sub(load(t0, i), load(s0, i)), sub(load(u1, i), load(q1, i)))
        right = mul(sub(load(r1, i), load(p1, i)), sub(load(u0, i), load(q0, i)))
        total = plus(total, mul_late(load(eq, i), add(left, right)))
    return total


@loop
def _round_part(
    s0: Any,
    p1: Any,
    q0: Any,
    q1: Any,
    t0: Any,
    r1: Any,
    u0: Any,
    u1: Any,
    eq: Any,
    weight: Any,
    sums: Any,
) -> None:
    """The two sums of a round over entries that share a row of the eq table."""
    h = settle(_constant_terms(s0, p1, q0, q1, eq))
    put_sum(sums, 0, mul_late(weight, h))
    h = settle(_leading_terms(s0, p1, q0, q1, t0, r1, u0, u1, eq))
    put_sum(sums, len(s0), mul_late(weight, h))


@kernel("VVVVVVVVVVIS")
def fraction_round(
    s0: Any,
    p1: Any,
    q0: Any,
    q1: Any,
    t0: Any,
    r1: Any,
    u0: Any,
    u1: Any,
    eq_low: Any,
    eq_high: Any,
    first: Any,
    sums: Any,
) -> None:
    """The two sums of a round over entries first, first + 1, .. of the eq table.

    s0, p1, q0, q1 lie in the lower half, t0, r1, u0, u1 in the upper one; s0 and t0 hold
    p0 + lambda q0.  The eq table is eq_high (x) eq_low.  sums[0..] is h(0), sums[D..] h(inf).
    """
    period, n = len(eq_low[0]), len(s0[0])
    at = 0
    while at < n:
        row, skip = divmod(first + at, period)
        stop = min(n, at + period - skip)
        _round_part(
            part(s0, at, stop),
            part(p1, at, stop),
            part(q0, at, stop),
            part(q1, at, stop),
            part(t0, at, stop),
            part(r1, at, stop),
            part(u0, at, stop),
            part(u1, at, stop),
            part(eq_low, skip, skip + stop - at),
            load(eq_high, row),
            sums,
        )
        at = stop


@primitive
def _fold_part(a: Any, low: Any, high: Any, width: Any, c: Any, out: Any) -> None:
    """out[low ..] = a[low ..] + c (a[high ..] - a[low ..]), `width` entries."""
    target = part(out, low, low + width)
    fold_into(part(a, low, low + width), part(a, high, high + width), c, target)


@kernel("VVVVEVVVVVVS")
def fraction_bind(
    s0: Any,
    p1: Any,
    q0: Any,
    q1: Any,
    c: Any,
    eq_low: Any,
    eq_high: Any,
    s: Any,
    p: Any,
    q: Any,
    r: Any,
    sums: Any,
) -> None:
    """Folds a layer by c into s, p, q, r, and sums its next round while they are in the cache."""
    half = len(s[0])
    quarter, period = half // 2, len(eq_low[0])
    width = min(period, CHUNK)
    for at in range(0, quarter, width):
        for low in (at, quarter + at):
            high = half + low
            _fold_part(s0, low, high, width, c, s)
            _fold_part(p1, low, high, width, c, p)
            _fold_part(q0, low, high, width, c, q)
            _fold_part(q1, low, high, width, c, r)
        row, skip = divmod(at, period)
        ahead = quarter + at
        _round_part(
            part(s, at, at + width),
            part(p, at, at + width),
            part(q, at, at + width),
            part(r, at, at + width),
            part(s, ahead, ahead + width),
            part(p, ahead, ahead + width),
            part(q, ahead, ahead + width),
            part(r, ahead, ahead + width),
            part(eq_low, skip, skip + width),
            load(eq_high, row),
            sums,
        )


@loop
def _unit_constant_terms(q0: Any, q1: Any, a: Any, b: Any, eq: Any) -> Any:
    """sum eq (q0 + a) (q1 + b)."""
    total = no_sum(q0)
    for i in range(len(eq[0])):
        value = mul(add(load(q0, i), a), add(load(q1, i), b))
        total = plus(total, mul_late(load(eq, i), value))
    return total


@loop
def _unit_leading_terms(q0: Any, q1: Any, u0: Any, u1: Any, c: Any, eq: Any) -> Any:
    """sum eq (u0 - q0) (u1 - q1 + c)."""
    total = no_sum(q0)
    for i in range(len(eq[0])):
        left = sub(load(u0, i), load(q0, i))
        right = add(sub(load(u1, i), load(q1, i)), c)
        total = plus(total, mul_late(load(eq, i), mul(left, right)))
    return total


@kernel("VVVVEEEVVIS")
def unit_round(
    q0: Any,
    q1: Any,
    u0: Any,
    u1: Any,
    a: Any,
    b: Any,
    c: Any,
    eq_low: Any,
    eq_high: Any,
    first: Any,
    sums: Any,
) -> None:
    """The two sums of a round where numerators are constants: products of shifted q alone.

    sums[0..] += sum eq (q0 + a) (q1 + b); sums[D..] += sum eq (u0 - q0) (u1 - q1 + c).
    """
    limbs, period, n = len(q0), len(eq_low[0]), len(q0[0])
    at = 0
    while at < n:
        row, skip = divmod(first + at, period)
        stop = min(n, at + period - skip)
        x, y = part(q0, at, stop), part(q1, at, stop)
        eq = part(eq_low, skip, skip + stop - at)
        weight = load(eq_high, row)
        h = settle(_unit_constant_terms(x, y, a, b, eq))
        put_sum(sums, 0, mul_late(weight, h))
        h = settle(_unit_leading_terms(x, y, part(u0, at, stop), part(u1, at, stop), c, eq))
        put_sum(sums, limbs, mul_late(weight, h))
        at = stop


@kernel("VVVIS")
def weighted_total(a: Any, eq_low: Any, eq_high: Any, first: Any, sums: Any) -> None:
    """sums += sum_i eq[first + i] a[i]: the tail of a round, where p1 = 0 and q1 = 1."""
    period, n = len(eq_low[0]), len(a[0])
    at = 0
    while at < n:
        row, skip = divmod(first + at, period)
        stop = min(n, at + period - skip)
        total = no_sum(a)
        for i in range(at, stop):
            total = plus(total, mul_late(load(eq_low, skip + i - at), load(a, i)))
        put_sum(sums, 0, mul_late(load(eq_high, row), settle(total)))
        at = stop
