"""Field arithmetic inside kernels: Montgomery words, canonical (below p), R = 2^32.

Comparisons are written as minima, which become one vector instruction: below 2^32 the sum
s = a + b of canonical words is reduced by min(s, s - p), because s - p wraps round when s < p.
Products of words are summed in 64 bits and reduced once: 4 p^2 < 2^64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.kernels.compiled.jit import primitive

U32, U64, I64 = np.uint32, np.uint64, np.int64
_P32, _P64, _P_SIGNED = U32(P), U64(P), I64(P)
_P_SQUARED = U64(P * P)
_P_INVERSE = U64(pow(P, -1, 2**32))
_LOW = U64(0xFFFFFFFF)
_WORD = U64(32)


@primitive
def add_words(a: Any, b: Any) -> Any:
    """a + b."""
    s = U32(a + b)
    return min(s, U32(s - _P32))


@primitive
def sub_words(a: Any, b: Any) -> Any:
    """a - b."""
    d = U32(a - b)
    return min(d, U32(d + _P32))


@primitive
def wide(a: Any, b: Any) -> Any:
    """The 64-bit product."""
    return U64(a) * U64(b)


@primitive
def _quotient(t: Any) -> Any:
    """What t / R exceeds its Montgomery residue by, modulo p: (t / p mod R) * p / R."""
    return ((((t & _LOW) * _P_INVERSE) & _LOW) * _P64) >> _WORD


@primitive
def reduce_product(t: Any) -> Any:
    """t / R mod p for t < R p."""
    return sub_words(U32(t >> _WORD), U32(_quotient(t)))


@primitive
def reduce_sum(t: Any) -> Any:
    """t / R mod p for t <= 4 p^2 < 2 R p."""
    high = U32(t >> _WORD)
    return sub_words(min(high, U32(high - _P32)), U32(_quotient(t)))


@primitive
def reduce_late(t: Any) -> Any:
    """A signed number equal to t / R mod p, within -p..2p, to be summed in 64 bits."""
    return I64(t >> _WORD) - I64(_quotient(t))


@primitive
def mul_words(a: Any, b: Any) -> Any:
    """a b / R."""
    return reduce_product(wide(a, b))


@primitive
def residue(x: Any) -> Any:
    """A signed 64-bit integer mod p, as a canonical word (a division: not for inner loops)."""
    r = x % _P_SIGNED
    return U32(r)


@primitive
def word_of(x: Any) -> Any:
    """An integer of 32 bits and sign mod p, as a canonical word."""
    y = I64(x)
    # -2^31 > -2p and 2^31 < 2p: one addition and one subtraction do.
    u = U32(y + ((y >> I64(63)) & (_P_SIGNED + _P_SIGNED)))
    return min(u, U32(u - _P32))


# --- elements: tuples of D words ---------------------------------------------------------------


@primitive
def load(v: Any, i: Any) -> Any:
    """Entry i of a vector."""
    if len(v) == 4:
        return v[0][i], v[1][i], v[2][i], v[3][i]
    else:
        return v[0][i], v[1][i], v[2][i], v[3][i], v[4][i]


@primitive
def store(v: Any, i: Any, x: Any) -> None:
    """Sets entry i of a vector."""
    v[0][i], v[1][i], v[2][i], v[3][i] = x[0], x[1], x[2], x[3]
    if len(v) == 5:
        v[4][i] = x[4]


@primitive
def part(v: Any, start: Any, stop: Any) -> Any:
    """Entries start..stop-1 as a view."""
    if len(v) == 4:
        return v[0][start:stop], v[1][start:stop], v[2][start:stop], v[3][start:stop]
    else:
        return (
            v[0][start:stop],
            v[1][start:stop],
            v[2][start:stop],
            v[3][start:stop],
            v[4][start:stop],
        )


@primitive
def add(a: Any, b: Any) -> Any:
    """a + b."""
    low = (
        add_words(a[0], b[0]),
        add_words(a[1], b[1]),
        add_words(a[2], b[2]),
        add_words(a[3], b[3]),
    )
    if len(a) == 4:
        return low
    else:
        return (low[0], low[1], low[2], low[3], add_words(a[4], b[4]))


@primitive
def sub(a: Any, b: Any) -> Any:
    """a - b."""
    low = (
        sub_words(a[0], b[0]),
        sub_words(a[1], b[1]),
        sub_words(a[2], b[2]),
        sub_words(a[3], b[3]),
    )
    if len(a) == 4:
        return low
    else:
        return (low[0], low[1], low[2], low[3], sub_words(a[4], b[4]))


@primitive
def _triple(a: Any) -> Any:
    return add_words(add_words(a, a), a)


@primitive
def _five(a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """The sum of five products, brought to at most 4 p^2."""
    t = a + b
    return min(t, t - _P_SQUARED) + c + d + e


@primitive
def _products4(a: Any, b: Any) -> Any:
    """The limbs of a b before reduction, by x^4 = 3."""
    a0, a1, a2, a3 = a
    b0, b1, b2, b3 = b
    t1, t2, t3 = _triple(b1), _triple(b2), _triple(b3)
    return (
        wide(a0, b0) + wide(a1, t3) + wide(a2, t2) + wide(a3, t1),
        wide(a0, b1) + wide(a1, b0) + wide(a2, t3) + wide(a3, t2),
        wide(a0, b2) + wide(a1, b1) + wide(a2, b0) + wide(a3, t3),
        wide(a0, b3) + wide(a1, b2) + wide(a2, b1) + wide(a3, b0),
    )


@primitive
def _products5(a: Any, b: Any) -> Any:
    """The limbs of a b before reduction: column i is x^i b, by x^5 = 1 - x^2."""
    a0, a1, a2, a3, a4 = a
    b0, b1, b2, b3, b4 = b
    f, g, h = sub_words(b1, b4), sub_words(b0, b3), sub_words(b4, b2)
    k = sub_words(b3, f)
    return (
        _five(wide(a0, b0), wide(a1, b4), wide(a2, b3), wide(a3, b2), wide(a4, f)),
        _five(wide(a0, b1), wide(a1, b0), wide(a2, b4), wide(a3, b3), wide(a4, b2)),
        _five(wide(a0, b2), wide(a1, f), wide(a2, g), wide(a3, h), wide(a4, k)),
        _five(wide(a0, b3), wide(a1, b2), wide(a2, f), wide(a3, g), wide(a4, h)),
        _five(wide(a0, b4), wide(a1, b3), wide(a2, b2), wide(a3, f), wide(a4, g)),
    )


@primitive
def mul(a: Any, b: Any) -> Any:
    """a b / R: Montgomery words in, Montgomery words out."""
    if len(a) == 4:
        t = _products4(a, b)
        return reduce_sum(t[0]), reduce_sum(t[1]), reduce_sum(t[2]), reduce_sum(t[3])
    else:
        t = _products5(a, b)
        return (
            reduce_sum(t[0]),
            reduce_sum(t[1]),
            reduce_sum(t[2]),
            reduce_sum(t[3]),
            reduce_sum(t[4]),
        )


@primitive
def scale_base(a: Any, x: Any) -> Any:
    """x a / R for a base word x."""
    low = (mul_words(a[0], x), mul_words(a[1], x), mul_words(a[2], x), mul_words(a[3], x))
    if len(a) == 4:
        return low
    else:
        return (low[0], low[1], low[2], low[3], mul_words(a[4], x))


# --- sums: tuples of D signed 64-bit words -----------------------------------------------------


@primitive
def no_sum(a: Any) -> Any:
    """D zeros."""
    z = I64(0)
    if len(a) == 4:
        return z, z, z, z
    else:
        return z, z, z, z, z


@primitive
def plus(s: Any, x: Any) -> Any:
    """s + x, without reduction."""
    if len(s) == 4:
        return s[0] + I64(x[0]), s[1] + I64(x[1]), s[2] + I64(x[2]), s[3] + I64(x[3])
    else:
        return (
            s[0] + I64(x[0]),
            s[1] + I64(x[1]),
            s[2] + I64(x[2]),
            s[3] + I64(x[3]),
            s[4] + I64(x[4]),
        )


@primitive
def mul_late(a: Any, b: Any) -> Any:
    """a b / R, to be added to a sum."""
    if len(a) == 4:
        t = _products4(a, b)
        return reduce_late(t[0]), reduce_late(t[1]), reduce_late(t[2]), reduce_late(t[3])
    else:
        t = _products5(a, b)
        return (
            reduce_late(t[0]),
            reduce_late(t[1]),
            reduce_late(t[2]),
            reduce_late(t[3]),
            reduce_late(t[4]),
        )


@primitive
def settle(s: Any) -> Any:
    """The sum as an element."""
    if len(s) == 4:
        return residue(s[0]), residue(s[1]), residue(s[2]), residue(s[3])
    else:
        return residue(s[0]), residue(s[1]), residue(s[2]), residue(s[3]), residue(s[4])


@primitive
def put_sum(sums: Any, at: Any, s: Any) -> None:
    """Adds a sum to D entries of an int64 array."""
    sums[at] += s[0]
    sums[at + 1] += s[1]
    sums[at + 2] += s[2]
    sums[at + 3] += s[3]
    if len(s) == 5:
        sums[at + 4] += s[4]
