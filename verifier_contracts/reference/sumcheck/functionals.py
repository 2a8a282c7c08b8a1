"""Claims: linear functionals of the committed tensors and the values they must have.

A form at weights is a sum of outer products of axis vectors (`docs/sumcheck.md` §2, "Evaluating a
form"); all claims together, at a point of the global address space, are what the opening needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as record_field

from zkdps.verifier_contracts.reference.sumcheck.field import Field
from zkdps.verifier_contracts.reference.sumcheck.layout import Layout, Piece
from zkdps.verifier_contracts.reference.sumcheck.polynomials import Point, eq_at, eq_table
from zkdps.verifier_contracts.reference.sumcheck.system import Affine, Picked, System

Vector = Sequence[int]
"""Reduced elements."""
Weights = Mapping[int, Vector]
"""Label to one weight for each of its values."""


@dataclass(frozen=True, slots=True)
class Outer:
    """coefficient * <v_1 (x) v_2 (x) ..., tensor>."""

    coefficient: int
    tensor: int
    axes: tuple[Vector, ...]


@dataclass(slots=True)
class Claim:
    """The outer products must sum to the value."""

    value: int
    outers: list[Outer] = record_field(default_factory=list)


class Forms:
    """The forms of a system, and the public integers that some of their indices are read from."""

    def __init__(self, field: Field, system: System, public: Mapping[int, tuple[int, ...]]) -> None:
        self._field = field
        self._system = system
        self._public = public

    def add(self, claim: Claim, form: int, weights: Weights, coefficient: int) -> None:
        """Add coefficient (reduced) * the form at these weights to a claim's left side."""
        reduce, record = self._field.reduce, self._system.forms[form]
        sums = {label: reduce(sum(weights[label])) for label in record.labels}
        everywhere = self._field.product([coefficient, *sums.values()])
        claim.value = reduce(claim.value - record.constant * everywhere)
        for factor, view in record.views:
            used = view.labels
            absent = [sums[label] for label in record.labels if label not in used]
            shape = self._system.tensors[view.tensor].shape
            axes = tuple(
                self.axis(index, size, weights)
                for index, size in zip(view.index, shape, strict=True)
            )
            scale = self._field.product([coefficient, factor, *absent])
            claim.outers.append(Outer(scale, view.tensor, axes))

    def axis(self, index: Affine | Picked, size: int, weights: Weights) -> Vector:
        """v[x] = sum over the label values with index x of the product of their weights."""
        if isinstance(index, Picked):
            picked = [0] * size
            for x, weight in zip(self._public[index.tensor], weights[index.label], strict=True):
                if 0 <= x < size:
                    picked[x] += weight
            return [self._field.reduce(entry) for entry in picked]
        if index.offset == 0 and len(index.terms) == 1:
            label, stride = index.terms[0]
            if stride == 1 and len(weights[label]) == size:
                return weights[label]
        # Strides are positive: an index beyond the end stays there, one before 0 may come back.
        entries = {index.offset: 1}
        for label, stride in index.terms:
            spread: dict[int, int] = {}
            for x, entry in entries.items():
                for t, weight in enumerate(weights[label]):
                    at = x + stride * t
                    if at >= size:
                        break
                    product = weight if entry == 1 else self._field.reduce(entry * weight)
                    spread[at] = spread.get(at, 0) + product
            entries = {x: self._field.reduce(entry) for x, entry in spread.items()}
        return [entries.get(x, 0) for x in range(size)]


class Functional:
    """Evaluation of claims at one point of the global address space."""

    def __init__(self, field: Field, layout: Layout, point: Point) -> None:
        self._field = field
        self._layout = layout
        self._point = point
        self._tables: dict[tuple[int, int], list[int]] = {}
        self._tops: dict[Piece, int] = {}

    def at(self, claim: Claim) -> int:
        """The multilinear extension of the claim's functional at the point."""
        reduce = self._field.reduce
        return reduce(sum(reduce(o.coefficient * self._outer(o)) for o in claim.outers))

    def _outer(self, outer: Outer) -> int:
        """A piece's entries have consecutive addresses: eq splits into its top and its axes."""
        total = 0
        for piece in self._layout.pieces[outer.tensor]:
            factors = [self._top(piece)]
            end = len(self._point)
            for vector, box in zip(reversed(outer.axes), reversed(piece.ranges), strict=True):
                start = end - len(box).bit_length() + 1
                part = vector if len(vector) == len(box) else vector[box.start : box.stop]
                factors.append(self._field.dot(part, self._table(start, end)))
                end = start
            total += self._field.product(factors)
        return self._field.reduce(total)

    def _top(self, piece: Piece) -> int:
        if piece not in self._tops:
            size_bits = piece.size.bit_length() - 1
            top = self._point[: len(self._point) - size_bits]
            self._tops[piece] = eq_at(self._field, top, piece.offset >> size_bits)
        return self._tops[piece]

    def _table(self, start: int, end: int) -> list[int]:
        if (start, end) not in self._tables:
            self._tables[start, end] = eq_table(self._field, self._point[start:end])
        return self._tables[start, end]
