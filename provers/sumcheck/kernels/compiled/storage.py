"""Vectors in memory, and scalars on their way into kernels and out of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zkdps.provers.sumcheck.field import Element, P
from zkdps.provers.sumcheck.kernels.interface import I64, U32, Vec

R_SQUARED = pow(2, 64, P)
"""Brings a canonical word into Montgomery form, by one Montgomery product."""
_R_INVERSE = pow(2, -32, P)
_LINE = 16
"""Words of a cache line."""


def empty(degree: int, n: int) -> Vec:
    """A vector with any contents.

    The limbs lie in one allocation, an odd number of cache lines apart: at distances that are
    powers of two they would fight for the same places of the cache.
    """
    stride = (-(-n // _LINE) | 1) * _LINE
    words = np.empty(degree * stride, np.uint32)
    return tuple([words[k * stride : k * stride + n] for k in range(degree)])


def full(value: Element, n: int) -> Vec:
    """The element n times."""
    vec = empty(len(value), n)
    for limb, word in zip(vec, words_of(value), strict=True):
        limb[:] = word
    return vec


def words_of(value: Element) -> tuple[np.uint32, ...]:
    """The element in Montgomery form."""
    return tuple([np.uint32((limb << 32) % P) for limb in value])


def vector_of(elements: Sequence[Element], degree: int) -> Vec:
    """The elements in Montgomery form."""
    table = np.array(elements, np.uint64).reshape(len(elements), degree)
    words = ((table << np.uint64(32)) % np.uint64(P)).astype(np.uint32)
    return tuple(np.ascontiguousarray(words.T))


def no_sums(count: int) -> I64:
    """Zeroed accumulators."""
    return np.zeros(count, np.int64)


def element_of(sums: I64 | U32) -> Element:
    """An element from D sums of Montgomery words."""
    return tuple([s * _R_INVERSE % P for s in sums.tolist()])


def part(vec: Vec, start: int, stop: int) -> Vec:
    """Entries start..stop-1 as a view."""
    return tuple([limb[start:stop] for limb in vec])
