"""Claims as linear functionals of the commitments: sums of outer products of axis vectors.

A claim says that a functional of the committed integers has a value.  A functional is a list of
products `coefficient * <v_1 (x) v_2 (x) .., tensor>`.  Nothing here is as large as a tensor: the
verifier evaluates the multilinear extension of a functional piece by piece, one inner product an
axis.

Source: docs/sumcheck.md, sections 2 and 5.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from zkdps.provers.sumcheck import field as scalars
from zkdps.provers.sumcheck.axes import LONG, Axes, Support, Weights, eq_weights
from zkdps.provers.sumcheck.eq_tables import eq_tables
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.kernels.interface import Kernels, Vec
from zkdps.provers.sumcheck.layout import Layout, Piece, ranges
from zkdps.provers.sumcheck.system import AxisIndex, Picked, System


@dataclass(frozen=True, slots=True)
class Product:
    """`coefficient * <vectors[0] (x) vectors[1] (x) .., tensor>`."""

    coefficient: Element
    tensor: int
    vectors: tuple[Support, ...]
    """One for each storage axis."""


@dataclass(slots=True)
class Claim:
    """The sum of the products is `value`."""

    value: Element
    products: list[Product] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pieces of each tensor are."""

    ranges: tuple[tuple[tuple[tuple[int, int], ...], ...], ...]
    """Tensor, axis: (start, length) of its cuts."""
    pieces: dict[tuple[int, tuple[int, ...]], tuple[int, Piece]]
    """(tensor, starts) to (commitment in slot order, piece)."""


def places_of(system: System, layout: Layout) -> Places:
    """An index of the layout by tensor."""
    return Places(
        tuple(tuple(tuple(ranges(n)) for n in tensor.shape) for tensor in system.tensors),
        {
            (commitment.tensors[piece.box], piece.starts): (number, piece)
            for number, commitment in enumerate(layout.commitments)
            for piece in commitment.pieces
        },
    )


def add_form(
    system: System, axes: Axes, claim: Claim, coefficient: Element, form: int, weights: Weights
) -> None:
    """Add `coefficient * form` at the weights to the claim's functional; constants to its value."""
    described = system.forms[form]
    totals = [weights[label].total for label in described.labels] if described.constant else []
    if described.constant:
        constant = scalars.scale(coefficient, described.constant)
        for total in totals:
            constant = scalars.mul(constant, total)
        claim.value = scalars.sub(claim.value, constant)
    for factor, view in described.views:
        shape = system.tensors[view.tensor].shape
        vectors = [
            axes.vector(axis, size, weights) for axis, size in zip(view.index, shape, strict=True)
        ]
        found = tuple(vector for vector in vectors if vector is not None)
        if len(found) < len(vectors):
            continue
        product = scalars.scale(coefficient, factor)
        for label in set(described.labels) - view_labels(view.index):
            product = scalars.mul(product, weights[label].total)
        claim.products.append(Product(product, view.tensor, found))


def view_labels(index: Sequence[AxisIndex]) -> set[int]:
    """The labels of a view's axes."""
    found: set[int] = set()
    for axis in index:
        if isinstance(axis, Picked):
            found.add(axis.label)
        else:
            found |= {label for label, _ in axis.terms}
    return found


def pieces_met(places: Places, product: Product) -> Iterator[tuple[int, Piece]]:
    """The (commitment, piece) that the product's supports overlap."""
    met = [
        [start for start, length in cuts if start < v.start + v.length and v.start < start + length]
        for cuts, v in zip(places.ranges[product.tensor], product.vectors, strict=True)
    ]
    for starts in itertools.product(*met):
        yield places.pieces[product.tensor, starts]


def evaluate(
    kernels: Kernels,
    layout: Layout,
    places: Places,
    claims: Sequence[Claim],
    weights: Sequence[Element],
    point: Sequence[Element],
) -> Element:
    """sum_i weights[i] * the extension of claim i's functional, at a point of the address space."""
    tops = Tops(point, kernels.degree)
    dots = _Dots(kernels, tuple(point))
    coefficients: list[Element] = []
    high: list[Element] = []
    rows: list[list[int]] = []
    for claim, weight in zip(claims, weights, strict=True):
        for product in claim.products:
            coefficient = scalars.mul(weight, product.coefficient)
            for number, piece in pieces_met(places, product):
                coefficients.append(coefficient)
                address = layout.commitments[number].slot + piece.offset
                lg = piece.size.bit_length() - 1
                high.append(tops.at(len(point) - lg, address >> lg))
                rows.append(_axis_dots(dots, product, piece))
    if not rows:
        return scalars.zero(kernels.degree)
    total = kernels.mul(kernels.from_elements(coefficients), kernels.from_elements(high))
    values = dots.values()
    rank = max(len(row) for row in rows)
    table = np.array([row + [0] * (rank - len(row)) for row in rows], np.int64)
    for axis in range(rank):
        total = kernels.mul(total, tuple(limb[table[:, axis]] for limb in values))
    return kernels.total(total)


def _axis_dots(dots: _Dots, product: Product, piece: Piece) -> list[int]:
    found, shift = [], 0
    for vector, start, lg in reversed(
        list(zip(product.vectors, piece.starts, piece.axis_bits, strict=True))
    ):
        found.append(dots.number(vector, start, lg, shift))
        shift += lg
    return found


class Tops:
    """eq of a point's first coordinates with the bits of a number, by common prefixes."""

    def __init__(self, point: Sequence[Element], degree: int) -> None:
        one = scalars.one(degree)
        self._sides = [(scalars.sub(one, z), z) for z in point]
        self._known: dict[tuple[int, int], Element] = {(0, 0): one}

    def at(self, count: int, number: int) -> Element:
        """eq(point[:count], number)."""
        key = (count, number)
        if key not in self._known:
            above = self.at(count - 1, number >> 1)
            self._known[key] = scalars.mul(above, self._sides[count - 1][number & 1])
        return self._known[key]


class _Dots:
    """Inner products of axis vectors with eq tables of the point, gathered, then done together."""

    def __init__(self, kernels: Kernels, point: tuple[Element, ...]) -> None:
        self._kernels = kernels
        self._point = point
        self._numbers: dict[tuple[Support, int, int, int], int] = {}
        self._unit = kernels.from_elements([scalars.one(kernels.degree)])
        self._left: list[Vec] = [self._unit]
        self._right: list[tuple[Support, int, int] | Vec] = [self._unit]
        """A vector, or a range of a table that is yet to be made."""
        self._tables: dict[tuple[int, int], Support] = {}

    def number(self, vector: Support, start: int, lg: int, shift: int) -> int:
        """The place in `values` of <vector, eq(point bits shift.., .)> on one cut of an axis.

        Place 0 is 1.
        """
        key = (vector, start, lg, shift)
        if key not in self._numbers:
            self._numbers[key] = len(self._left)
            self._gather(vector, start, lg, shift)
        return self._numbers[key]

    def _gather(self, vector: Support, start: int, lg: int, shift: int) -> None:
        kernels = self._kernels
        bits = self._point[len(self._point) - shift - lg : len(self._point) - shift]
        if vector.whole and vector.start == start and vector.length == 1 << lg >= LONG:
            value = scalars.eq(vector.point or (), bits, kernels.degree)
            self._left.append(kernels.from_elements([value]))
            self._right.append(self._unit)
            return
        low = max(start, vector.start)
        high = min(start + (1 << lg), vector.start + vector.length)
        if (shift, lg) not in self._tables:
            self._tables[shift, lg] = eq_weights(kernels, bits, 0, 1 << lg)
        self._left.append(kernels.take(vector.vec, low - vector.start, high - vector.start))
        self._right.append((self._tables[shift, lg], low - start, high - start))

    def values(self) -> Vec:
        """All inner products, as a vector."""
        kernels = self._kernels
        tables = list(self._tables.values())
        for table, made in zip(
            tables, eq_tables(kernels, [table.point or () for table in tables]), strict=True
        ):
            table.given = made
        right = [
            kernels.take(part[0].vec, part[1], part[2]) if isinstance(part[0], Support) else part
            for part in self._right
        ]
        products = kernels.mul(kernels.concat(self._left), kernels.concat(right))
        lengths = [kernels.length(vec) for vec in self._left]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        # Limbs add up limb by limb, whatever a kernel module keeps in them.
        sums = (np.add.reduceat(limb.astype(np.uint64), starts) for limb in products)
        return tuple((limb % scalars.P).astype(np.uint32) for limb in sums)
