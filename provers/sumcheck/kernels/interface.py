"""What a kernel module computes: vectors over the extension field, one array a limb.

`portable` (numpy, enough for a verifier) and `compiled` (numba, for provers) both fill this
protocol; tests hold them to the same results.  Inside a `Vec` each module keeps limbs as it
likes, so a vector must go back to the module that made it; values enter and leave through
`from_elements`, `to_elements`, `from_bytes`, `to_bytes` and `lift` only.

Vectors may be views of one another (`take`, `fraction_start`): no function changes its input.
Points are most-significant bit first: the first coordinate chooses between the halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zkdps.provers.sumcheck.field import Element

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Integers = NDArray[np.signedinteger[Any]]
"""int32 or int64, as each function says."""

Vec = tuple[U32, ...]
"""D contiguous arrays of equal length, uint32; what the words mean is the module's own."""


class FractionLayer:
    """One tree layer in the middle of its sum-check; each kernel module has its own kind."""

    __slots__ = ()


class Kernels(Protocol):
    """The operations on vectors; n is a vector's length, D the degree."""

    @property
    def degree(self) -> int:
        """D: 4 or 5."""

    # --- making, cutting, leaving ---------------------------------------------------------

    def zeros(self, n: int) -> Vec:
        """n zeros."""

    def concat(self, vecs: Sequence[Vec]) -> Vec:
        """The vectors one after the other; an empty one of none."""

    def take(self, vec: Vec, start: int, stop: int) -> Vec:
        """Entries start..stop-1, as a view."""

    def length(self, vec: Vec) -> int:
        """n."""

    def from_elements(self, elements: Sequence[Element]) -> Vec:
        """The elements as a vector."""

    def to_elements(self, vec: Vec) -> list[Element]:
        """The vector as elements."""

    def to_bytes(self, vec: Vec) -> bytes:
        """Canonical u32 little-endian, the D limbs of entry 0 first."""

    def from_bytes(self, data: bytes) -> Vec:
        """The inverse of `to_bytes`.

        Raises:
            ValueError: a limb is not below p, or the length is no multiple of 4 D.
        """

    def lift(self, integers: Integers) -> Vec:
        """Integers (int32 or int64, any sign, 1-D) as base field entries."""

    # --- vectors ---------------------------------------------------------------------------

    def eq_table(self, point: Sequence[Element]) -> Vec:
        """eq(point, x) for every x: 2^len(point) entries, the first coordinate the top bit."""

    def outer(self, a: Vec, b: Vec) -> Vec:
        """a_i b_j at i * len(b) + j."""

    def scale(self, a: Vec, factor: Element) -> Vec:
        """factor * a_i."""

    def add(self, a: Vec, b: Vec) -> Vec:
        """a_i + b_i."""

    def mul(self, a: Vec, b: Vec) -> Vec:
        """a_i b_i."""

    def total(self, a: Vec) -> Element:
        """sum_i a_i."""

    def dot(self, a: Vec, b: Vec) -> Element:
        """sum_i a_i b_i."""

    def scatter(self, vec: Vec, positions: I64, size: int) -> Vec:
        """out[positions[i]] += vec[i], `size` entries; negative positions are dropped."""

    def fold(self, vec: Vec, c: Element) -> Vec:
        """v[i] + c (v[i + n/2] - v[i]): binds the most significant variable."""

    def fold_pairs(self, vec: Vec, c: Element) -> Vec:
        """v[2i] + c (v[2i+1] - v[2i]): binds the least significant variable."""

    # --- committed integers ----------------------------------------------------------------

    def rows_dot(self, matrix: I32, b: Vec) -> Vec:
        """sum_j matrix[i, j] b_j; matrix (rows, columns) int32 C-contiguous, b (columns,)."""

    def dot_rows(self, matrix: I32, a: Vec) -> Vec:
        """sum_i a_i matrix[i, j]; matrix (rows, columns) int32 C-contiguous, a (rows,)."""

    # --- sumcheck rounds -------------------------------------------------------------------

    def product_round(self, factors: Sequence[Vec], degree: int) -> list[Element]:
        """sum_i prod_f (f[i] + X (f[i + n/2] - f[i])) for X = 0, 2, 3, .., degree.

        Takes 1 to 4 factors of equal, even length; gives `degree` elements.
        """

    def pair_round(self, a: Vec, b: Vec) -> tuple[Element, Element]:
        """sum_i a[2i] b[2i], and sum_i (a[2i+1] - a[2i]) (b[2i+1] - b[2i])."""

    # --- logUp ----------------------------------------------------------------------------

    def fingerprints(
        self, keys: Integers, values: Integers | None, base: Element, beta2: Element
    ) -> Vec:
        """base - keys_i - beta2 values_i; base is alpha - beta1 tag."""

    def fractions(self, p: Vec | None, q: Vec, half: int) -> tuple[Vec, Vec]:
        """The tree layer above: entry i with entry i + half, by (p0 q1 + p1 q0, q0 q1).

        p and q hold n <= 2 half entries; beyond them p is 0 and q is 1.  p None: all held
        numerators are 1.  The results hold min(n, half) entries.
        """

    def fraction_start(
        self, p: Vec | None, q: Vec, half: int, point: Sequence[Element], batch: Element
    ) -> FractionLayer:
        """Opens the sumcheck of sum_x eq(point, x) (p0 q1 + p1 q0 + batch q0 q1)(x).

        p, q and half as in `fractions`; half = 2^len(point); p0, q0 are entries under half.
        """

    def fraction_round(
        self, layer: FractionLayer, challenge: Element | None
    ) -> tuple[FractionLayer, Element, Element]:
        """Binds the top variable to the last round's challenge, then sums the next round.

        Gives the folded layer, h(0) and h(inf) of that round: eq runs over the variables after
        the round's own (the caller keeps the factors of those before).  The first round's
        challenge is None; there must be a variable left.
        """

    def fraction_end(
        self, layer: FractionLayer, challenge: Element | None
    ) -> tuple[Element, Element, Element, Element]:
        """Binds the last variable (None: there was none); gives p0, p1, q0, q1 there."""

    # --- code -----------------------------------------------------------------------------

    def encode(self, matrix: I32, lg_n: int) -> U32:
        """The rows' codewords, transposed: (2^lg_n, rows) uint32, canonical, C-contiguous.

        Row i holds sum_j matrix[r, j] omega^(ij) for every r; matrix (rows, columns) int32
        C-contiguous, columns a power of two <= 2^lg_n.
        """

    def merkle_heap(self, codeword: U32, columns_log: int) -> U8:
        """The tree over a transposed codeword (n, rows), as `merkle.merkle_tree` says."""

    def encode_at(self, u: Vec, lg_n: int, indices: Sequence[int]) -> list[Element]:
        """sum_j u_j omega^(ij) for the i asked for."""

    def combine_columns(self, columns: U32, a: Vec) -> list[Element]:
        """sum_r a_r columns[q, r] for each q; columns (Q, rows) uint32, canonical."""

    def grind(self, state: bytes, bits: int) -> int:
        """The smallest nonce with u32le(SHA-256(state | 03 | u64le nonce)[:4]) = 0 mod 2^bits.

        state is 32 bytes; bits 0 gives 0.
        """
