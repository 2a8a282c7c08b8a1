"""How near are the sumcheck kernels to what their arithmetic must take?

Each kernel on one core, on vectors that leave the second-level cache: CPU time, the middle run.
The floor beside it counts operations and times what one takes in the same run: a 32 x 32 -> 64 bit
product in a loop that the same compiler made vector code of, and hashlib's SHA-256 of one long
text.  A Montgomery reduction is two multiplications; additions, loads and stores are not counted,
so 1 cannot be reached.  Degree 4: a product of elements is 16 multiplications and 4 reductions.

Expected, before measuring: 2 to 3 for products and folds; 2 for the matrix products, which reduce
seldom; 3 to 5 for the encoding, which moves data at every level; 1.5 for hashing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benches.outcome import Bench, Line, Outcome, Place, median, talk
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.kernels.interface import Kernels, Vec

DEGREE = 4
MULTIPLY, REDUCE = DEGREE * DEGREE, 2 * DEGREE
"""Multiplications of a product of elements, and of reducing its limbs."""
REPETITIONS = 7
SIZE_LOG, SMOKE_SIZE_LOG = 20, 10
COLUMNS_LOG = 13
FLOOR_WORDS, FLOOR_PASSES = 1 << 12, 4000
FLOOR_MULTIPLIES = 4 * FLOOR_WORDS * FLOOR_PASSES
HASHED_BYTES = 1 << 24
LIMIT_RATIO = 5.0


@dataclass(frozen=True, slots=True)
class Floor:
    """What the machine takes at least."""

    multiply_ns: float
    hash_byte_ns: float


@dataclass(frozen=True, slots=True)
class Kernel:
    """One measurement."""

    name: str
    unit: str
    units: int
    work: Callable[[], object]
    multiplications: float = 0.0
    """A unit."""
    hashed_bytes: float = 0.0
    """A unit."""

    def floor_ns(self, floor: Floor) -> float:
        """Of one unit."""
        return self.multiplications * floor.multiply_ns + self.hashed_bytes * floor.hash_byte_ns


def run(place: Place) -> Outcome:
    """Every kernel, between two measurements of the floor."""
    log = SMOKE_SIZE_LOG if place.smoke else SIZE_LOG
    times = 1 if place.smoke else REPETITIONS
    kernels = kernels_for(DEGREE, compiled=True)
    before = _floor()
    taken = {kernel.name: (kernel, _ns(kernel, times)) for kernel in _kernels(kernels, log)}
    after = _floor()
    # The quieter of the two: contention must not make kernels look good.
    floor = Floor(
        min(before.multiply_ns, after.multiply_ns), min(before.hash_byte_ns, after.hash_byte_ns)
    )
    ratios = {name: ns / kernel.floor_ns(floor) for name, (kernel, ns) in taken.items()}
    worst = max(ratios, key=lambda name: ratios[name])
    talk(f"worst: {worst}")
    return Outcome(
        (Line("time of the worst kernel over its floor", ratios[worst], LIMIT_RATIO),),
        {
            "size_log": log,
            "multiply_ns": round(floor.multiply_ns, 4),
            "hash_byte_ns": round(floor.hash_byte_ns, 4),
            "kernels": {
                name: {
                    f"ns_per_{kernel.unit}": round(ns, 3),
                    "floor_ns": round(kernel.floor_ns(floor), 3),
                    "ratio": round(ratios[name], 2),
                }
                for name, (kernel, ns) in taken.items()
            },
        },
    )


BENCH = Bench(
    "sumcheck_kernels",
    "How near are the sumcheck kernels to what their arithmetic must take?",
    run,
)


def _kernels(kernels: Kernels, log: int) -> list[Kernel]:
    n, half = 1 << log, 1 << log - 1
    random = np.random.default_rng(5)

    def vector(size: int) -> Vec:
        data = random.integers(0, P, size * DEGREE, dtype=np.uint32)
        return kernels.from_bytes(data.astype("<u4").tobytes())

    columns_log = min(COLUMNS_LOG, log // 2)
    columns, rows = 1 << columns_log, 1 << log - columns_log
    a, b = vector(n), vector(n)
    challenge = (5, 7, 11, 13)
    matrix = random.integers(-2048, 2048, (rows, columns), dtype=np.int32)
    wide, tall = vector(columns), vector(rows)
    codeword = kernels.encode(matrix, columns_log + 1)
    butterfly = 3.0
    symbols = codeword.size
    return [
        Kernel("mul", "element", n, lambda: kernels.mul(a, b), MULTIPLY + REDUCE),
        Kernel("fold", "result", half, lambda: kernels.fold(a, challenge), MULTIPLY + REDUCE),
        Kernel(
            "fold_pairs",
            "result",
            half,
            lambda: kernels.fold_pairs(a, challenge),
            MULTIPLY + REDUCE,
        ),
        Kernel("rows_dot", "entry", n, lambda: kernels.rows_dot(matrix, wide), DEGREE),
        Kernel("dot_rows", "entry", n, lambda: kernels.dot_rows(matrix, tall), DEGREE),
        Kernel(
            "fractions",
            "leaf",
            n,
            lambda: kernels.fractions(a, b, half),
            # Three products for two leaves; the numerator's two are added before they are reduced.
            (3 * MULTIPLY + 2 * REDUCE) / 2,
        ),
        Kernel(
            "encode",
            "symbol",
            symbols,
            lambda: kernels.encode(matrix, columns_log + 1),
            # Half a butterfly a symbol and level, and the twist that makes the second half.
            butterfly * columns_log / 2 + butterfly / 2,
        ),
        Kernel(
            "merkle_heap",
            "symbol",
            symbols,
            lambda: kernels.merkle_heap(codeword, columns_log),
            hashed_bytes=4.0,
        ),
    ]


def _ns(kernel: Kernel, times: int) -> float:
    """CPU nanoseconds a unit, the middle run; one run before them is not counted."""
    kernel.work()
    found = []
    for _ in range(times):
        start_ns = time.process_time_ns()
        kernel.work()
        found.append((time.process_time_ns() - start_ns) / kernel.units)
    talk(f"{kernel.name}: {median(found):.2f} ns a {kernel.unit}")
    return median(found)


def _products(a: NDArray[np.uint32], b: NDArray[np.uint32], passes: int) -> np.uint64:
    """Four products to two loads; the exclusive or keeps the compiler from joining them."""
    total = np.uint64(0)
    for index in range(passes):
        factor = np.uint64(index)
        for i in range(len(a)):
            first, second = np.uint64(a[i]), np.uint64(b[i])
            total ^= first * second
            total ^= first * factor
            total ^= second * factor
            total ^= second * second
    return total


_compiled_products: Callable[..., np.uint64] = njit(_products)


def _floor() -> Floor:
    random = np.random.default_rng(6)
    a, b = random.integers(0, P, (2, FLOOR_WORDS), dtype=np.uint32)
    _compiled_products(a, b, 1)
    multiplies, hashes = [], []
    text = bytes(HASHED_BYTES)
    for _ in range(3):
        start_ns = time.process_time_ns()
        _compiled_products(a, b, FLOOR_PASSES)
        multiplies.append((time.process_time_ns() - start_ns) / FLOOR_MULTIPLIES)
        start_ns = time.process_time_ns()
        hashlib.sha256(text).digest()
        hashes.append((time.process_time_ns() - start_ns) / HASHED_BYTES)
    return Floor(min(multiplies), min(hashes))
