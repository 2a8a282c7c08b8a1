"""Kernels that end in sums: inner products and the rounds of product sum-checks.

Sums are signed 64-bit words; Python reduces them.  A late-reduced term lies within -p..2p, so
2^31 of them fit.
"""

from __future__ import annotations

from typing import Any

from zkdps.provers.sumcheck.kernels.compiled.arithmetic import (
    load,
    mul_late,
    no_sum,
    part,
    plus,
    put_sum,
)
from zkdps.provers.sumcheck.kernels.compiled.jit import kernel, loop, primitive
from zkdps.provers.sumcheck.kernels.compiled.vectors import add_into, mul_into, sub_into

CHUNK = 512
"""Entries worked on at a time: a few vectors of them stay in the first-level cache."""
SCRATCH = 14 * CHUNK
"""Entries of scratch that `product_round` and `pair_round` need."""


@primitive
def _slot(scratch: Any, k: Any, width: Any) -> Any:
    """The first entries of the k-th chunk of scratch."""
    return part(scratch, k * CHUNK, k * CHUNK + width)


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


@kernel("VS")
def total(a: Any, sums: Any) -> None:
    """sums += sum_i a_i."""
    put_sum(sums, 0, sum_of(a))


@kernel("VVS")
def dot(a: Any, b: Any, sums: Any) -> None:
    """sums += sum_i a_i b_i."""
    put_sum(sums, 0, dot_of(a, b))


@loop
def _product(a: Any, b: Any, c: Any, d: Any, count: Any, x: Any, y: Any) -> Any:
    """The sum of the product of the first `count` factors; x and y are scratch."""
    if count == 1:
        return sum_of(a)
    if count == 2:
        return dot_of(a, b)
    mul_into(a, b, x)
    if count == 3:
        return dot_of(x, c)
    mul_into(c, d, y)
    return dot_of(x, y)


@kernel("VVVVIIVS")
def product_round(
    a: Any, b: Any, c: Any, d: Any, count: Any, degree: Any, scratch: Any, sums: Any
) -> None:
    """sums[k D ..] += sum_i prod_f (f[i] + X (f[i + n/2] - f[i])), X = 0, 2, 3, .., degree.

    Only the first `count` of the four factors are read.  A chunk's values and steps
    are kept in scratch; each further X adds the steps once.  Nothing is added in place: an
    output that may be an input keeps the compiler from using vectors.
    """
    half = len(a[0]) // 2
    limbs = len(a)
    for start in range(0, half, CHUNK):
        width = min(CHUNK, half - start)
        x, y = _slot(scratch, 12, width), _slot(scratch, 13, width)
        a0, b0 = part(a, start, start + width), part(b, start, start + width)
        c0, d0 = part(c, start, start + width), part(d, start, start + width)
        put_sum(sums, 0, _product(a0, b0, c0, d0, count, x, y))
        if degree < 2:
            continue
        ahead = half + start
        for f in range(count):
            low, high = a0, part(a, ahead, ahead + width)
            if f == 1:
                low, high = b0, part(b, ahead, ahead + width)
            elif f == 2:
                low, high = c0, part(c, ahead, ahead + width)
            elif f == 3:
                low, high = d0, part(d, ahead, ahead + width)
            step = _slot(scratch, f, width)
            sub_into(high, low, step)
            add_into(high, step, _slot(scratch, 4 + f, width))
        now, then = 4, 8
        for k in range(1, degree):
            if k > 1:
                for f in range(count):
                    step = _slot(scratch, f, width)
                    add_into(_slot(scratch, now + f, width), step, _slot(scratch, then + f, width))
                now, then = then, now
            s = _product(
                _slot(scratch, now, width),
                _slot(scratch, now + 1, width),
                _slot(scratch, now + 2, width),
                _slot(scratch, now + 3, width),
                count,
                x,
                y,
            )
            put_sum(sums, k * limbs, s)


@loop
def _split_words(words: Any, even: Any, odd: Any) -> None:
    for i in range(len(even)):
        even[i] = words[2 * i]
        odd[i] = words[2 * i + 1]


@primitive
def _split(a: Any, even: Any, odd: Any) -> None:
    """even[i] = a[2i], odd[i] = a[2i+1]."""
    _split_words(a[0], even[0], odd[0])
    _split_words(a[1], even[1], odd[1])
    _split_words(a[2], even[2], odd[2])
    _split_words(a[3], even[3], odd[3])
    if len(a) == 5:
        _split_words(a[4], even[4], odd[4])


@kernel("VVVS")
def pair_round(a: Any, b: Any, scratch: Any, sums: Any) -> None:
    """sums[0..] += sum_i a[2i] b[2i]; sums[D..] += the same of the differences to 2i + 1."""
    half = len(a[0]) // 2
    for start in range(0, half, CHUNK):
        width = min(CHUNK, half - start)
        a0, a1, a2 = _slot(scratch, 0, width), _slot(scratch, 1, width), _slot(scratch, 2, width)
        b0, b1, b2 = _slot(scratch, 3, width), _slot(scratch, 4, width), _slot(scratch, 5, width)
        _split(part(a, 2 * start, 2 * (start + width)), a0, a1)
        _split(part(b, 2 * start, 2 * (start + width)), b0, b1)
        sub_into(a1, a0, a2)
        sub_into(b1, b0, b2)
        put_sum(sums, 0, dot_of(a0, b0))
        put_sum(sums, len(a), dot_of(a2, b2))
