"""What a tensor of the graph is while a block is lowered: a value that is not computed yet.

Nodes are read in order, and most of them only change such a value: scale it, add to it, move its
entries, compose a function with it.  An operator of the program is made when a value is needed as
numbers, so that `matmul, add, div, add, softmax, matmul` becomes one attention.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkdps.provers.sumcheck.operators.expressions import Expression
from zkdps.provers.sumcheck.wires import Wire

Array = NDArray[Any]
Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

OPEN, CLOSED = -1, -2
"""Places of an attention mask that every input leaves open, or closed."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """Known numbers."""

    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.array.shape


@dataclass(frozen=True, slots=True, eq=False)
class Ids:
    """Entries of an integer input, used as indices."""

    wire: Wire

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.wire.shape


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """What follows from a 0/1 input elementwise: each place depends on at most one entry of it."""

    source: str
    """The input."""
    index: Int64s
    """Flat place in the source, -1 where the value does not depend on it."""
    zero: Array
    """The values if the entries are 0."""
    one: Array
    """The values if the entries are 1."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.index.shape

    @property
    def is_plain(self) -> bool:
        """Whether the values are the entries themselves."""
        return bool(np.all(self.index >= 0) and np.all(self.zero == 0) and np.all(self.one == 1))


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A wire times constants."""

    wire: Wire
    factor: float | Float64s
    """A number, or an array of the wire's shape."""


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """Constants times wires, added up elementwise: every affine combination, one entry a place."""

    shape: tuple[int, ...]
    terms: tuple[Term, ...]
    """Wires have the shape of the sum."""
    constant: float | Float64s = 0.0
    """A number, or an array of the shape of the sum."""

    @property
    def wire(self) -> Wire | None:
        """The one wire that this is, unchanged; `None` if there is arithmetic left to do."""
        if len(self.terms) != 1 or not isinstance(self.constant, float) or self.constant != 0.0:
            return None
        term = self.terms[0]
        return term.wire if isinstance(term.factor, float) and term.factor == 1.0 else None

    @property
    def line(self) -> tuple[Wire, float, float] | None:
        """(wire, factor, shift) if that is all, with numbers for both."""
        if len(self.terms) != 1 or not isinstance(self.constant, float):
            return None
        term = self.terms[0]
        if not isinstance(term.factor, float):
            return None
        return term.wire, float(term.factor), float(self.constant)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A function of one variable applied to every entry of a wire."""

    wire: Wire
    expression: Expression

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.wire.shape


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A product with constant weights that may still take a bias or a factor."""

    wire: Wire
    weight: Float64s
    letters: tuple[str, str, str]
    """Of wire, weight and product, as in einsum; the product ends in the weight's own letters."""
    arrange: Int64s
    """Of the tensor's shape: the flat place in the product of each entry."""
    bias: Float64s | None = None
    """Of the shape of the product's last axes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.arrange.shape

    @property
    def product_shape(self) -> tuple[int, ...]:
        """One axis a letter of the product."""
        sizes = dict(zip(self.letters[1], self.weight.shape, strict=True))
        sizes.update(zip(self.letters[0], self.wire.shape, strict=True))
        return tuple(sizes[letter] for letter in self.letters[2])

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The product's last axes, those that the weights alone give it or share with groups."""
        own = [letter for letter in self.letters[2] if letter in self.letters[1]]
        return self.product_shape[len(self.letters[2]) - len(own) :]


@dataclass(frozen=True, slots=True, eq=False)
class Contraction:
    """A product of two computed tensors over their last axes, perhaps masked."""

    left: Wire
    """(batch..., row, inner)."""
    right: Wire
    """(batch..., column, inner); the same batch axes."""
    factor: float = 1.0
    mask: AttentionMask | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return (*self.left.shape[:-1], self.right.shape[-2])


@dataclass(frozen=True, slots=True, eq=False)
class AttentionMask:
    """Which places of the scores count."""

    source: str | None
    """The 0/1 input that opens places; `None` where all is decided."""
    index: Int64s
    """To be broadcast to the scores: `OPEN`, `CLOSED`, or the flat place in the source."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Softmax of scores over the last axis."""

    scores: Contraction

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.scores.shape


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A wire cut into rows: what a norm, a mean or a maximum runs over."""

    wire: Wire
    """In the tensor's own shape."""
    axes: tuple[int, ...]
    """Those that run along a row, ascending."""

    @property
    def length(self) -> int:
        """Entries of a row."""
        return int(np.prod([self.wire.shape[axis] for axis in self.axes]))

    @property
    def order(self) -> tuple[int, ...]:
        """The axes with those of a row last."""
        kept = [axis for axis in range(len(self.wire.shape)) if axis not in self.axes]
        return (*kept, *self.axes)

    @property
    def laid(self) -> Wire:
        """(other axes..., entry of the row)."""
        moved = self.wire.transpose(self.order)
        return moved.reshape((*moved.shape[: len(moved.shape) - len(self.axes)], self.length))

    @property
    def index(self) -> Int64s:
        """Of the wire's shape: which row each entry is in."""
        sizes = self.wire.shape
        one = tuple(1 if axis in self.axes else size for axis, size in enumerate(sizes))
        rows = np.arange(int(np.prod(one)), dtype=np.int64).reshape(one)
        return np.broadcast_to(rows, sizes)

    def back(self, laid: Wire) -> Wire:
        """A wire in the order of `laid` in the tensor's own shape again."""
        moved = laid.reshape(tuple(self.wire.shape[axis] for axis in self.order))
        return moved.transpose(tuple(int(place) for place in np.argsort(self.order)))

    def equals(self, other: Rows) -> bool:
        """Whether these are the same rows of the same wire."""
        return self.axes == other.axes and same_wire(self.wire, other.wire)


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """scale * (mean of squares + epsilon) ** power of rows, or scale * mean."""

    rows: Rows
    index: Int64s
    """Of the tensor's shape: the row that each entry speaks of."""
    is_mean: bool = False
    """Whether this is the mean itself; epsilon and power are then 0 and 1."""
    is_centred: bool = False
    """Whether the mean is taken off before squaring."""
    scale: float = 1.0
    epsilon: float = 0.0
    power: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.index.shape


@dataclass(frozen=True, slots=True, eq=False)
class Centred:
    """Rows less their mean, or the squares of that."""

    rows: Rows
    is_squared: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.rows.wire.shape


@dataclass(frozen=True, slots=True, eq=False)
class Normalised:
    """Rows over the root of their mean square, times a gain, plus a bias."""

    rows: Rows
    """Of the first summand."""
    summands: tuple[Wire, ...]
    """What is normalised is their sum; all of one shape."""
    is_centred: bool
    epsilon: float
    gain: Float64s
    """One number an entry of a row."""
    bias: Float64s | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.rows.wire.shape


@dataclass(frozen=True, slots=True, eq=False)
class MaskedEntries:
    """A wire times a 0/1 input."""

    wire: Wire
    source: str
    index: Int64s
    """Of the wire's shape: the flat place in the source that counts each entry."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.wire.shape


@dataclass(frozen=True, slots=True, eq=False)
class MaskedTotal:
    """Sums of masked entries over one axis; without entries, how many the mask counts."""

    source: str
    wire: Wire | None
    """(kept axes..., entry summed)."""
    index: Int64s
    """The places in the source that are summed over: the tensor's shape, then the entry."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.index.shape[:-1]


Value = (
    Constant
    | Ids
    | Masked
    | Sum
    | Curve
    | Projection
    | Contraction
    | Weights
    | Statistic
    | Centred
    | Normalised
    | MaskedEntries
    | MaskedTotal
)


def plain(wire: Wire) -> Sum:
    """A wire as a value."""
    return Sum(wire.shape, (Term(wire, 1.0),))


def times(value: Sum, factor: float | Float64s) -> Sum:
    """All of it times a number, or an array of its shape."""
    terms = tuple(replace(term, factor=term.factor * factor) for term in value.terms)
    return replace(value, terms=terms, constant=value.constant * factor)


def same_wire(left: Wire, right: Wire) -> bool:
    """Whether two wires read the same entries at the same places."""
    if left is right:
        return True
    if left.shape != right.shape or len(left.parts) != len(right.parts):
        return False
    return all(
        a.value == b.value and (a.index is b.index or np.array_equal(a.index, b.index))
        for a, b in zip(left.parts, right.parts, strict=True)
    )
