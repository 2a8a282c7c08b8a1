# ruff: noqa: D102 (the protocol documents the methods)
"""The kernels in numpy: what a verifier needs, and the compiled kernels' twin in tests.

A `Vec` holds canonical limbs.  Nothing here loops over entries in Python, except `grind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count

import numpy as np

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.field import Element, P
from zkdps.provers.sumcheck.kernels.interface import (
    I32,
    I64,
    U8,
    U32,
    FractionLayer,
    Integers,
    Vec,
)
from zkdps.provers.sumcheck.kernels.portable_arithmetic import (
    PRIME,
    U64,
    column,
    integer_product,
    multiply,
    subtract,
    summed,
    transform,
)
from zkdps.provers.sumcheck.merkle import merkle_tree

_FEW = 3
"""Variables of an eq table that is quicker made of scalars."""


def _wide(vec: Vec) -> U64:
    return np.stack(vec).astype(np.uint64)


def _narrow(wide: U64) -> Vec:
    return tuple(wide.astype(np.uint32))


def _bind(low: U64, high: U64, c: Element) -> Vec:
    return _narrow((low + multiply(subtract(high, low), column(c))) % PRIME)


@dataclass(frozen=True, slots=True)
class PaddedLayer(FractionLayer):
    """A layer with its tails written out: p0, p1, q0, q1, the variables left, and lambda."""

    halves: tuple[Vec, ...]
    point: tuple[Element, ...]
    batch: Element


@dataclass(frozen=True, slots=True)
class PortableKernels:
    """`Kernels` by numpy alone."""

    degree: int

    def zeros(self, n: int) -> Vec:
        return _narrow(np.zeros((self.degree, n), np.uint64))

    def concat(self, vecs: Sequence[Vec]) -> Vec:
        return tuple(np.concatenate(limbs) for limbs in zip(self.zeros(0), *vecs, strict=True))

    def take(self, vec: Vec, start: int, stop: int) -> Vec:
        return tuple(limb[start:stop] for limb in vec)

    def length(self, vec: Vec) -> int:
        return len(vec[0])

    def from_elements(self, elements: Sequence[Element]) -> Vec:
        table = np.array(elements, np.uint32).reshape(len(elements), self.degree)
        return tuple(np.ascontiguousarray(table.T))

    def to_elements(self, vec: Vec) -> list[Element]:
        return list(zip(*(limb.tolist() for limb in vec), strict=True))

    def to_bytes(self, vec: Vec) -> bytes:
        return np.stack(vec, axis=1).astype("<u4").tobytes()

    def from_bytes(self, data: bytes) -> Vec:
        if len(data) % (4 * self.degree):
            raise ValueError(f"{len(data)} bytes are no whole number of elements")
        words = np.frombuffer(data, "<u4")
        if words.size and int(words.max()) >= P:
            raise ValueError("a limb is not below p")
        return tuple(np.ascontiguousarray(words.astype(np.uint32).reshape(-1, self.degree).T))

    def lift(self, integers: Integers) -> Vec:
        wide = np.zeros((self.degree, len(integers)), np.uint64)
        wide[0] = integers.astype(np.int64) % P
        return _narrow(wide)

    def eq_table(self, point: Sequence[Element]) -> Vec:
        # numpy's calls cost more than a few scalars do.
        table = _wide(self.from_elements(field.eq_table(point[:_FEW], self.degree)))
        for z in point[_FEW:]:
            high = multiply(table, column(z))
            table = np.stack([subtract(table, high), high], axis=2).reshape(self.degree, -1)
        return _narrow(table)

    def outer(self, a: Vec, b: Vec) -> Vec:
        n, m = len(a[0]), len(b[0])
        return _narrow(multiply(np.repeat(_wide(a), m, axis=1), np.tile(_wide(b), (1, n))))

    def scale(self, a: Vec, factor: Element) -> Vec:
        return _narrow(multiply(_wide(a), column(factor)))

    def add(self, a: Vec, b: Vec) -> Vec:
        return _narrow((_wide(a) + _wide(b)) % PRIME)

    def mul(self, a: Vec, b: Vec) -> Vec:
        return _narrow(multiply(_wide(a), _wide(b)))

    def total(self, a: Vec) -> Element:
        return summed(_wide(a))

    def dot(self, a: Vec, b: Vec) -> Element:
        return summed(multiply(_wide(a), _wide(b)))

    def scatter(self, vec: Vec, positions: I64, size: int) -> Vec:
        kept = positions >= 0
        wide = np.zeros((self.degree, size), np.uint64)
        for row, limb in zip(wide, vec, strict=True):
            np.add.at(row, positions[kept], limb[kept].astype(np.uint64))
        return _narrow(wide % PRIME)

    def fold(self, vec: Vec, c: Element) -> Vec:
        wide = _wide(vec)
        half = wide.shape[1] // 2
        return _bind(wide[:, :half], wide[:, half:], c)

    def fold_pairs(self, vec: Vec, c: Element) -> Vec:
        wide = _wide(vec)
        return _bind(wide[:, 0::2], wide[:, 1::2], c)

    def rows_dot(self, matrix: I32, b: Vec) -> Vec:
        return _narrow(integer_product(matrix, _wide(b)))

    def dot_rows(self, matrix: I32, a: Vec) -> Vec:
        return _narrow(integer_product(matrix.T, _wide(a)))

    def product_round(self, factors: Sequence[Vec], degree: int) -> list[Element]:
        half = len(factors[0][0]) // 2
        low = [_wide(f)[:, :half] for f in factors]
        step = [subtract(_wide(f)[:, half:], a) for f, a in zip(factors, low, strict=True)]
        sums = []
        for x in (0, *range(2, degree + 1)):
            values = [(a + np.uint64(x) * s) % PRIME for a, s in zip(low, step, strict=True)]
            product = values[0]
            for value in values[1:]:
                product = multiply(product, value)
            sums.append(summed(product))
        return sums

    def pair_round(self, a: Vec, b: Vec) -> tuple[Element, Element]:
        x, y = _wide(a), _wide(b)
        steps = subtract(x[:, 1::2], x[:, 0::2]), subtract(y[:, 1::2], y[:, 0::2])
        return summed(multiply(x[:, 0::2], y[:, 0::2])), summed(multiply(*steps))

    def fingerprints(
        self, keys: Integers, values: Integers | None, base: Element, beta2: Element
    ) -> Vec:
        wide = np.repeat(column(base), len(keys), axis=1)
        wide[0] += PRIME - (keys.astype(np.int64) % P).astype(np.uint64)
        if values is not None:
            residues = (values.astype(np.int64) % P).astype(np.uint64)
            wide += PRIME - residues * column(beta2) % PRIME
        return _narrow(wide % PRIME)

    def _padded(self, p: Vec | None, q: Vec, half: int) -> tuple[U64, ...]:
        """p0, p1, q0, q1 in full."""
        held = len(q[0])
        numerators = np.zeros((self.degree, 2 * half), np.uint64)
        denominators = np.zeros((self.degree, 2 * half), np.uint64)
        denominators[0] = 1
        denominators[:, :held] = _wide(q)
        numerators[:, :held] = column(field.one(self.degree)) if p is None else _wide(p)
        halves = (numerators[:, :half], numerators[:, half:])
        return (*halves, denominators[:, :half], denominators[:, half:])

    def fractions(self, p: Vec | None, q: Vec, half: int) -> tuple[Vec, Vec]:
        p0, p1, q0, q1 = self._padded(p, q, half)
        numerators = (multiply(p0, q1) + multiply(p1, q0)) % PRIME
        kept = min(len(q[0]), half)
        return _narrow(numerators[:, :kept]), _narrow(multiply(q0, q1)[:, :kept])

    def fraction_start(
        self, p: Vec | None, q: Vec, half: int, point: Sequence[Element], batch: Element
    ) -> FractionLayer:
        halves = tuple(_narrow(vector) for vector in self._padded(p, q, half))
        return PaddedLayer(halves, tuple(point), batch)

    def _folded(self, layer: FractionLayer, challenge: Element | None) -> PaddedLayer:
        if not isinstance(layer, PaddedLayer):
            raise TypeError("a layer of another kernel module")
        if challenge is None:
            return layer
        return replace(layer, halves=tuple(self.fold(v, challenge) for v in layer.halves))

    def fraction_round(
        self, layer: FractionLayer, challenge: Element | None
    ) -> tuple[FractionLayer, Element, Element]:
        now = self._folded(layer, challenge)
        half = len(now.halves[0][0]) // 2
        after = now.point[1:]
        weights = _wide(self.eq_table(after))
        low = [_wide(v)[:, :half] for v in now.halves]
        steps = [subtract(_wide(v)[:, half:], a) for v, a in zip(now.halves, low, strict=True)]
        sums = []
        for p0, p1, q0, q1 in (low, steps):
            batched = (multiply(q0, column(now.batch)) + p0) % PRIME
            value = (multiply(batched, q1) + multiply(p1, q0)) % PRIME
            sums.append(summed(multiply(weights, value)))
        return replace(now, point=after), sums[0], sums[1]

    def fraction_end(
        self, layer: FractionLayer, challenge: Element | None
    ) -> tuple[Element, Element, Element, Element]:
        ends = [self.to_elements(v)[0] for v in self._folded(layer, challenge).halves]
        return ends[0], ends[1], ends[2], ends[3]

    def encode(self, matrix: I32, lg_n: int) -> U32:
        rows, columns = matrix.shape
        padded = np.zeros((1 << lg_n, rows), np.uint64)
        padded[:columns] = (matrix.T.astype(np.int64) % P).astype(np.uint64)
        return transform(padded)

    def merkle_heap(self, codeword: U32, columns_log: int) -> U8:
        return merkle_tree(codeword, columns_log)

    def encode_at(self, u: Vec, lg_n: int, indices: Sequence[int]) -> list[Element]:
        padded = np.zeros((1 << lg_n, self.degree), np.uint64)
        padded[: len(u[0])] = _wide(u).T
        return [tuple(entry) for entry in transform(padded)[list(indices)].tolist()]

    def combine_columns(self, columns: U32, a: Vec) -> list[Element]:
        return [tuple(entry) for entry in integer_product(columns, _wide(a)).T.tolist()]

    def grind(self, state: bytes, bits: int) -> int:
        prefix = sha256(state + b"\x03")
        mask = (1 << bits) - 1
        for nonce in count():
            trial = prefix.copy()
            trial.update(nonce.to_bytes(8, "little"))
            if int.from_bytes(trial.digest()[:4], "little") & mask == 0:
                return nonce
        raise AssertionError  # count() does not end
