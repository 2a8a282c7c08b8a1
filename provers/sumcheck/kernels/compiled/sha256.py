"""SHA-256 (FIPS 180-4) of many messages side by side, one word of each lane after the other.

Word k of lane i stands at k * LANES + i, of messages, working variables and states alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zkdps.provers.sumcheck.kernels.compiled.jit import loop, primitive

LANES = 256
_U32 = np.uint32


def _fraction_bits(primes: list[int], root: int) -> list[int]:
    """The first 32 bits of the fractional part of each prime's square or cube root."""
    words = []
    for prime in primes:
        low, high = 0, prime << 32
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle**root <= prime << (32 * root) else (low, middle)
        words.append(low & 0xFFFFFFFF)
    return words


_PRIMES = [n for n in range(2, 312) if all(n % k for k in range(2, n))]
_CONSTANTS = np.array(_fraction_bits(_PRIMES, 3), np.uint32)
_START = np.array(_fraction_bits(_PRIMES[:8], 2), np.uint32)


@primitive
def _turn(x: Any, n: Any) -> Any:
    return _U32(_U32(x >> _U32(n)) | _U32(x << _U32(32 - n)))


@loop
def _expand(old: Any, s0: Any, middle: Any, s1: Any) -> None:
    """One word of the message schedule, in place of the word 16 steps before."""
    for i in range(LANES):
        x, y = s0[i], s1[i]
        a = _turn(x, 7) ^ _turn(x, 18) ^ _U32(x >> _U32(3))
        b = _turn(y, 17) ^ _turn(y, 19) ^ _U32(y >> _U32(10))
        old[i] = _U32(old[i] + a + middle[i] + b)


@loop
def _step(
    a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, word: Any, constant: Any
) -> None:
    """One of the 64 steps: d becomes the next e, h the next a."""
    for i in range(LANES):
        x, y = e[i], a[i]
        mixed = _turn(x, 6) ^ _turn(x, 11) ^ _turn(x, 25)
        chosen = (x & f[i]) ^ (_U32(~x) & g[i])
        first = _U32(h[i] + mixed + chosen + constant + word[i])
        major = (y & b[i]) ^ (y & c[i]) ^ (b[i] & c[i])
        second = _U32((_turn(y, 2) ^ _turn(y, 13) ^ _turn(y, 22)) + major)
        d[i] = _U32(d[i] + first)
        h[i] = _U32(first + second)


@loop
def compress(words: Any, work: Any, state: Any) -> None:
    """The compression function on every lane; `words` is used up."""
    for i in range(8 * LANES):
        work[i] = state[i]
    for t in range(64):
        w = words[(t % 16) * LANES : (t % 16 + 1) * LANES]
        if t >= 16:
            near, far = (t + 1) % 16, (t + 14) % 16
            middle = (t + 9) % 16
            _expand(
                w,
                words[near * LANES : (near + 1) * LANES],
                words[middle * LANES : (middle + 1) * LANES],
                words[far * LANES : (far + 1) * LANES],
            )
        # Instead of moving eight registers down, the names move up.
        k0, k1, k2, k3 = -t % 8, (1 - t) % 8, (2 - t) % 8, (3 - t) % 8
        k4, k5, k6, k7 = (4 - t) % 8, (5 - t) % 8, (6 - t) % 8, (7 - t) % 8
        _step(
            work[k0 * LANES : (k0 + 1) * LANES],
            work[k1 * LANES : (k1 + 1) * LANES],
            work[k2 * LANES : (k2 + 1) * LANES],
            work[k3 * LANES : (k3 + 1) * LANES],
            work[k4 * LANES : (k4 + 1) * LANES],
            work[k5 * LANES : (k5 + 1) * LANES],
            work[k6 * LANES : (k6 + 1) * LANES],
            work[k7 * LANES : (k7 + 1) * LANES],
            w,
            _CONSTANTS[t],
        )
    for i in range(8 * LANES):
        state[i] = _U32(state[i] + work[i])


@loop
def begin(state: Any) -> None:
    """The standard start on every lane."""
    for k in range(8):
        for i in range(LANES):
            state[k * LANES + i] = _START[k]
