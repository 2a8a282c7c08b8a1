"""Extension vectors in numpy: uint64 arrays (D, n) of canonical limbs.

p^2 < 2^62, so a sum of four products of canonical limbs still fits in 64 bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zkdps.provers.sumcheck.field import Element, P, omega

U64 = NDArray[np.uint64]
PRIME = np.uint64(P)
_HALF = 16
_MASK = (1 << _HALF) - 1
_EXACT = 1 << 20
"""Products of two 16-bit halves, 2^20 of them, stay under the 2^53 that doubles hold exactly."""


def column(element: Element) -> U64:
    """The element as (D, 1), to broadcast over a vector."""
    return np.array(element, np.uint64)[:, None]


def subtract(a: U64, b: U64) -> U64:
    """a - b."""
    return (a + (PRIME - b)) % PRIME


def multiply(a: U64, b: U64) -> U64:
    """a * b, (D, n) by (D, n) or (D, 1)."""
    return _multiply4(a, b) if len(a) == 4 else _multiply5(a, b)


def _multiply4(a: U64, b: U64) -> U64:
    # x^4 = 3, so what wraps around meets 3b.
    tripled = b * np.uint64(3) % PRIME
    product = np.empty(a.shape, np.uint64)
    for k, limb in enumerate(product):
        np.multiply(a[0], b[k], out=limb)
        for i in range(1, 4):
            limb += a[i] * (b[k - i] if i <= k else tripled[k - i])
    product %= PRIME
    return product


def _multiply5(a: U64, b: U64) -> U64:
    # Coefficient k of the product polynomial, reduced; at most four products before each %.
    product = []
    for k in range(9):
        pairs = [(i, k - i) for i in range(5) if 0 <= k - i < 5]
        value = sum((a[i] * b[j] for i, j in pairs[1:4]), a[pairs[0][0]] * b[pairs[0][1]]) % PRIME
        for i, j in pairs[4:]:
            value = value + a[i] * b[j] % PRIME
        product.append(value)
    c0, c1, c2, c3, c4, c5, c6, c7, c8 = product
    # x^5 = 1 - x^2, x^6 = x - x^3, x^7 = x^2 - x^4, x^8 = x^3 + x^2 - 1; 2p keeps signs positive.
    lift = np.uint64(2) * PRIME
    limbs = [c0 + c5 + lift - c8, c1 + c6, c2 + lift - c5 + c7 + c8, c3 + lift - c6 + c8]
    return np.stack([*limbs, c4 + lift - c7]) % PRIME


def summed(a: U64) -> Element:
    """The sum over n < 2^33 entries."""
    return tuple(int(limb) % P for limb in a.sum(axis=1, dtype=np.uint64))


def integer_product(matrix: NDArray[np.integer], vector: U64) -> U64:
    """sum_j matrix[i, j] vector[k, j] mod p as (D, rows), by exact products of doubles.

    matrix: (rows, columns) integers within -2^31..2^31-1 or canonical uint32; vector:
    (D, columns) canonical.  Both are cut into 16-bit halves.
    """
    result = np.zeros((len(vector), len(matrix)), np.uint64)
    for start in range(0, matrix.shape[1], _EXACT):
        part = matrix[:, start : start + _EXACT].astype(np.int64)
        weights = vector[:, start : start + _EXACT].astype(np.int64)
        for matrix_shift in (0, _HALF):
            left = ((part & _MASK) if matrix_shift == 0 else part >> _HALF).astype(np.float64)
            for shift in (0, _HALF):
                right = ((weights >> shift) & _MASK).astype(np.float64)
                exact = (right @ left.T).astype(np.int64) % P
                power = pow(2, matrix_shift + shift, P)
                result = (result + exact.astype(np.uint64) * np.uint64(power)) % PRIME
    return result


def powers_of(base: int, count: int) -> U64:
    """1, base, base^2, ..: `count` base field elements, by doubling."""
    table = np.ones(1, np.uint64)
    while len(table) < count:
        table = np.concatenate([table, table * np.uint64(pow(base, len(table), P)) % PRIME])
    return table[:count]


def transform(coefficients: U64) -> NDArray[np.uint32]:
    """sum_j coefficients[j, r] omega_n^(ij) at [i, r]; (n, rows) canonical, n a power of two.

    Stockham: entry [j, q] of a stage holds coefficient j of the polynomial that is left for
    outputs whose low bits are q, so outputs come in natural order and no bits are reversed.
    """
    n, rows = coefficients.shape
    stage = coefficients.astype(np.uint32).reshape(n, 1, rows)
    prime = np.uint32(P)
    while len(stage) > 1:
        half, count = len(stage) // 2, stage.shape[1]
        low, high = stage[:half], stage[half:]
        after = np.empty((half, 2 * count, rows), np.uint32)
        # 2p < 2^32: of x and x - p, or x + p, the one in range is the smaller.
        both = low + high
        np.minimum(both, both - prime, out=after[:, :count])
        odd = low - high
        odd = np.minimum(odd, odd + prime).astype(np.uint64)
        odd *= powers_of(omega(2 * half), half)[:, None, None]
        odd %= PRIME
        after[:, count:] = odd
        stage = after
    return stage.reshape(n, rows)
