# ruff: noqa: D102 (the protocol documents the methods)
"""The kernels by numba: checks and memory here, loops in the files beside.

A `Vec` holds Montgomery words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.field import Element, P, omega
from zkdps.provers.sumcheck.kernels.compiled import (
    codes,
    fractions,
    grinding,
    hashing,
    integers,
    layers,
    sums,
    vectors,
)
from zkdps.provers.sumcheck.kernels.compiled.jit import compile_for
from zkdps.provers.sumcheck.kernels.compiled.storage import (
    R_SQUARED,
    element_of,
    empty,
    full,
    no_sums,
    part,
    vector_of,
    words_of,
)
from zkdps.provers.sumcheck.kernels.interface import (
    I32,
    I64,
    U8,
    U32,
    FractionLayer,
    Integers,
    Vec,
)
from zkdps.provers.sumcheck.kernels.portable_arithmetic import powers_of

_ROUNDS = (sums.round1, sums.round2, sums.round3, sums.round4)
_NONCES = 1 << 14
"""Nonces tried between two looks at Python's signals."""


def _flat(matrix: I32) -> I32:
    """The matrix as one contiguous row of int32."""
    return np.require(matrix, np.int32, ["C", "A"]).reshape(-1)


def _narrow(values: Integers) -> I32:
    """int32 as it is; wider integers by their residues, which fit."""
    if values.dtype == np.int32:
        return _flat(values)
    return (values.astype(np.int64) % P).astype(np.int32)


def _own(layer: FractionLayer) -> layers.Layer:
    if not isinstance(layer, layers.Layer):
        raise TypeError("a layer of another kernel module")
    return layer


@lru_cache(maxsize=8)
def _roots(columns: int, n: int) -> tuple[U32, U32]:
    """omega_C^j, and omega_n^(s j) for s under n / C, in Montgomery form."""

    def montgomery(base: int) -> U32:
        return ((powers_of(base, columns) << np.uint64(32)) % np.uint64(P)).astype(np.uint32)

    twists = [montgomery(pow(omega(n), s, P)) for s in range(n // columns)]
    return montgomery(omega(columns)), np.concatenate(twists)


@dataclass(frozen=True, slots=True)
class CompiledKernels:
    """`Kernels` by numba; making one compiles its kernels, or loads them from the cache."""

    degree: int

    def __post_init__(self) -> None:
        compile_for(self.degree)

    def zeros(self, n: int) -> Vec:
        return full(field.zero(self.degree), n)

    def concat(self, vecs: Sequence[Vec]) -> Vec:
        out = empty(self.degree, sum(len(vec[0]) for vec in vecs))
        at = 0
        for vec in vecs:
            for limb, source in zip(out, vec, strict=True):
                limb[at : at + len(source)] = source
            at += len(vec[0])
        return out

    def take(self, vec: Vec, start: int, stop: int) -> Vec:
        return part(vec, start, stop)

    def length(self, vec: Vec) -> int:
        return len(vec[0])

    def _rescaled(self, limbs: Sequence[U32], factor: int) -> Vec:
        out = empty(self.degree, len(limbs[0]))
        for limb, target in zip(limbs, out, strict=True):
            vectors.rescale(limb, factor, target)
        return out

    def from_elements(self, elements: Sequence[Element]) -> Vec:
        return vector_of(elements, self.degree)

    def to_elements(self, vec: Vec) -> list[Element]:
        return list(zip(*(limb.tolist() for limb in self._rescaled(vec, 1)), strict=True))

    def to_bytes(self, vec: Vec) -> bytes:
        return np.stack(self._rescaled(vec, 1), axis=1).astype("<u4").tobytes()

    def from_bytes(self, data: bytes) -> Vec:
        if len(data) % (4 * self.degree):
            raise ValueError(f"{len(data)} bytes are no whole number of elements")
        words = np.frombuffer(data, "<u4").astype(np.uint32)
        if words.size and int(words.max()) >= P:
            raise ValueError("a limb is not below p")
        limbs = np.ascontiguousarray(words.reshape(-1, self.degree).T)
        return self._rescaled(tuple(limbs), R_SQUARED)

    def lift(self, integers: Integers) -> Vec:
        out = self.zeros(len(integers))
        vectors.lift(_narrow(integers), R_SQUARED, out[0])
        return out

    def eq_table(self, point: Sequence[Element]) -> Vec:
        out = empty(self.degree, 1 << len(point))
        one = words_of(field.one(self.degree))
        vectors.eq_table(vector_of(point, self.degree), one, out)
        return out

    def outer(self, a: Vec, b: Vec) -> Vec:
        out = empty(self.degree, len(a[0]) * len(b[0]))
        vectors.outer(a, b, out)
        return out

    def scale(self, a: Vec, factor: Element) -> Vec:
        out = empty(self.degree, len(a[0]))
        vectors.multiple(a, words_of(factor), out)
        return out

    def add(self, a: Vec, b: Vec) -> Vec:
        out = empty(self.degree, len(a[0]))
        vectors.total_of(a, b, out)
        return out

    def mul(self, a: Vec, b: Vec) -> Vec:
        out = empty(self.degree, len(a[0]))
        vectors.multiply(a, b, out)
        return out

    def total(self, a: Vec) -> Element:
        found = no_sums(self.degree)
        sums.total(a, found)
        return element_of(found)

    def dot(self, a: Vec, b: Vec) -> Element:
        found = no_sums(self.degree)
        sums.dot(a, b, found)
        return element_of(found)

    def scatter(self, vec: Vec, positions: I64, size: int) -> Vec:
        where = np.require(positions, np.int64, ["C", "A"])
        if where.size and int(where.max()) >= size:
            raise IndexError(f"position {int(where.max())} of {size} entries")
        out = self.zeros(size)
        vectors.scatter(vec, where, out)
        return out

    def fold(self, vec: Vec, c: Element) -> Vec:
        half = len(vec[0]) // 2
        out = empty(self.degree, half)
        vectors.fold(part(vec, 0, half), part(vec, half, 2 * half), words_of(c), out)
        return out

    def fold_pairs(self, vec: Vec, c: Element) -> Vec:
        out = empty(self.degree, len(vec[0]) // 2)
        vectors.fold_pairs(vec, words_of(c), out)
        return out

    def rows_dot(self, matrix: I32, b: Vec) -> Vec:
        out = empty(self.degree, len(matrix))
        integers.rows_dot(_flat(matrix), b, out)
        return out

    def dot_rows(self, matrix: I32, a: Vec) -> Vec:
        out = self.zeros(matrix.shape[1])
        block = tuple(no_sums(integers.BLOCK) for _ in range(self.degree))
        integers.dot_rows(_flat(matrix), a, block, out)
        return out

    def product_round(self, factors: Sequence[Vec], degree: int) -> list[Element]:
        found = no_sums(degree * self.degree)
        points = np.array([(x << 32) % P for x in (0, *range(2, degree + 1))], np.uint32)
        _ROUNDS[len(factors) - 1](*factors, points, found)
        return [element_of(row) for row in found.reshape(degree, self.degree)]

    def pair_round(self, a: Vec, b: Vec) -> tuple[Element, Element]:
        found = no_sums(2 * self.degree)
        sums.pair_round(a, b, found)
        return element_of(found[: self.degree]), element_of(found[self.degree :])

    def fingerprints(
        self, keys: Integers, values: Integers | None, base: Element, beta2: Element
    ) -> Vec:
        out = empty(self.degree, len(keys))
        start = words_of(base)
        vectors.fingerprint_keys(_narrow(keys), int(start[0]), R_SQUARED, out[0])
        for limb, word in zip(out[1:], start[1:], strict=True):
            limb[:] = word
        if values is not None:
            for limb, factor in zip(out, beta2, strict=True):
                vectors.subtract_multiple(_narrow(values), factor * R_SQUARED % P, limb)
        return out

    def fractions(self, p: Vec | None, q: Vec, half: int) -> tuple[Vec, Vec]:
        held = len(q[0])
        kept, both = min(held, half), max(held - half, 0)
        above, below = empty(self.degree, kept), empty(self.degree, kept)
        q0, q1 = part(q, 0, both), part(q, half, held)
        targets = part(above, 0, both), part(below, 0, both)
        if p is None:
            fractions.reciprocal_sums(q0, q1, *targets)
        else:
            p0, p1 = part(p, 0, both), part(p, half, held)
            scratch = empty(self.degree, 2 * fractions.CHUNK)
            fractions.fraction_sums(p0, p1, q0, q1, scratch, *targets)
        # (p, q) + (0, 1) = (p, q).
        ones = full(field.one(self.degree), kept - both) if p is None else part(p, both, kept)
        for target, source in ((above, ones), (below, part(q, both, kept))):
            for limb, words in zip(target, source, strict=True):
                limb[both:] = words
        return above, below

    def fraction_start(
        self, p: Vec | None, q: Vec, half: int, point: Sequence[Element], batch: Element
    ) -> FractionLayer:
        return layers.start(p, q, half, point, batch)

    def fraction_round(
        self, layer: FractionLayer, challenge: Element | None
    ) -> tuple[FractionLayer, Element, Element]:
        return layers.next_round(_own(layer), challenge)

    def fraction_end(
        self, layer: FractionLayer, challenge: Element | None
    ) -> tuple[Element, Element, Element, Element]:
        own = _own(layer)
        return layers.ends(own if challenge is None else layers.fold(own, challenge))

    def encode(self, matrix: I32, lg_n: int) -> U32:
        rows, columns = matrix.shape
        out = np.empty((1 << lg_n, rows), np.uint32)
        roots, twists = _roots(columns, 1 << lg_n)
        scratch = [np.empty(columns * codes.LANES, np.uint32) for _ in range(3)]
        codes.encode(_flat(matrix), rows, roots, twists, *scratch, out.reshape(-1))
        return out

    def merkle_heap(self, codeword: U32, columns_log: int) -> U8:
        n, rows = codeword.shape
        heap = np.zeros(16 * n, np.uint32)
        head = columns_log | (n.bit_length() - 1) << 8
        hashing.leaves(codeword.reshape(-1), rows, head, heap)
        hashing.nodes(heap)
        return heap.astype(">u4").view(np.uint8).reshape(2 * n, 32)

    def encode_at(self, u: Vec, lg_n: int, indices: Sequence[int]) -> list[Element]:
        limbs = np.stack(self._rescaled(u, 1)).view(np.int32)
        return [tuple(row) for row in self.encode(limbs, lg_n)[list(indices)].tolist()]

    def combine_columns(self, columns: U32, a: Vec) -> list[Element]:
        return self.to_elements(self.rows_dot(np.ascontiguousarray(columns).view(np.int32), a))

    def grind(self, state: bytes, bits: int) -> int:
        prefix = np.frombuffer(state, ">u4").astype(np.uint32)
        found = no_sums(1)
        first = 0
        while True:
            grinding.grind(prefix, (1 << bits) - 1, first, _NONCES, found)
            if found[0] >= 0:
                break
            first += _NONCES
        nonce = int(found[0])
        digest = hashlib.sha256(state + b"\x03" + nonce.to_bytes(8, "little")).digest()
        if int.from_bytes(digest[:4], "little") & ((1 << bits) - 1):
            raise ArithmeticError("the compiled SHA-256 disagrees with hashlib")
        return nonce
