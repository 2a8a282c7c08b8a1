"""The Reed-Solomon encoder: transforms of sixteen rows at once, one row a vector lane.

A codeword of n = C 2^k symbols is 2^k transforms of length C: symbol 2^k i + s is
sum_j (c_j omega_n^(s j)) omega_C^(i j).
"""

from __future__ import annotations

from typing import Any

from zkdps.provers.sumcheck.kernels.compiled.arithmetic import (
    add_words,
    mul_words,
    sub_words,
    word_of,
)
from zkdps.provers.sumcheck.kernels.compiled.jit import kernel, loop

LANES = 16


@loop
def _gather(matrix: Any, columns: Any, first: Any, width: Any, out: Any) -> None:
    """out[j LANES + l] = row first + l, column j, canonical; 0 from lane `width` on."""
    for lane in range(LANES):
        if lane < width:
            row = matrix[(first + lane) * columns : (first + lane + 1) * columns]
            for j in range(columns):
                out[j * LANES + lane] = word_of(row[j])
        else:
            for j in range(columns):
                out[j * LANES + lane] = 0


@loop
def _twist(source: Any, factors: Any, out: Any) -> None:
    """out[j, lane] = source[j, lane] factors[j] / R."""
    for j in range(len(factors)):
        factor = factors[j]
        x = source[j * LANES : (j + 1) * LANES]
        y = out[j * LANES : (j + 1) * LANES]
        # Not range(LANES): a loop of known length is unrolled before it can use vectors.
        for t in range(len(x)):
            y[t] = mul_words(x[t], factor)


@loop
def _halve(source: Any, stride: Any, out: Any) -> None:
    """The last stage of an odd number: transforms of length 2."""
    a, b = source[:stride], source[stride : 2 * stride]
    x, y = out[:stride], out[stride : 2 * stride]
    for t in range(stride):
        x[t] = add_words(a[t], b[t])
        y[t] = sub_words(a[t], b[t])


@loop
def _quarter(source: Any, length: Any, stride: Any, roots: Any, out: Any) -> None:
    """A stage of radix 4: `length` coefficients, each `stride` words, become length / 4.

    Stockham's order: the output's two low bits move inside, so nothing is bit-reversed.
    roots: powers of omega_C, Montgomery; omega_length is every (C / length)-th.
    """
    quarter = length // 4
    step = len(roots) // length
    fourth = roots[step * quarter]
    for j in range(quarter):
        w1, w2, w3 = roots[step * j], roots[2 * step * j], roots[3 * step * j]
        a = source[j * stride : (j + 1) * stride]
        b = source[(j + quarter) * stride : (j + quarter + 1) * stride]
        c = source[(j + 2 * quarter) * stride : (j + 2 * quarter + 1) * stride]
        d = source[(j + 3 * quarter) * stride : (j + 3 * quarter + 1) * stride]
        y0 = out[4 * j * stride : (4 * j + 1) * stride]
        y1 = out[(4 * j + 1) * stride : (4 * j + 2) * stride]
        y2 = out[(4 * j + 2) * stride : (4 * j + 3) * stride]
        y3 = out[(4 * j + 3) * stride : (4 * j + 4) * stride]
        for t in range(stride):
            even, odd = add_words(a[t], c[t]), add_words(b[t], d[t])
            gap = sub_words(a[t], c[t])
            turn = mul_words(sub_words(b[t], d[t]), fourth)
            y0[t] = add_words(even, odd)
            y1[t] = mul_words(add_words(gap, turn), w1)
            y2[t] = mul_words(sub_words(even, odd), w2)
            y3[t] = mul_words(sub_words(gap, turn), w3)


@loop
def _scatter(
    source: Any, rows: Any, first: Any, width: Any, coset: Any, rate: Any, out: Any
) -> None:
    """out[rate i + coset, first + lane] = source[i, lane]."""
    for i in range(len(source) // LANES):
        at = (rate * i + coset) * rows + first
        x = source[i * LANES : i * LANES + width]
        y = out[at : at + width]
        for lane in range(width):
            y[lane] = x[lane]


@kernel("MIRRUUUU")
def encode(
    matrix: Any, rows: Any, roots: Any, twists: Any, base: Any, even: Any, odd: Any, out: Any
) -> None:
    """out[i, r] = symbol i of row r; matrix and out are flat.

    roots: omega_C^j; twists: omega_n^(s j) for s = 0, 1, .., each C entries; Montgomery both.
    base, even, odd: scratch of C LANES words.
    """
    columns = len(roots)
    rate = len(twists) // columns
    for first in range(0, rows, LANES):
        width = min(LANES, rows - first)
        _gather(matrix, columns, first, width, base)
        for coset in range(rate):
            source, into, other = base, even, odd
            if coset:
                _twist(base, twists[coset * columns : (coset + 1) * columns], odd)
                source = odd
            length, stride = columns, LANES
            while length >= 2:
                if length == 2:
                    _halve(source, stride, into)
                else:
                    _quarter(source, length, stride, roots, into)
                source, into, other = into, other, into
                length, stride = length // 4, stride * 4
            _scatter(source, rows, first, width, coset, rate, out)
