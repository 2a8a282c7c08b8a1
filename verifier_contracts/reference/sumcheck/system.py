"""What a constraint system is: the records that `parse` makes of untrusted bytes.

Everything here is checked already: positions point at what they should, sizes are within bounds,
and the rules of `docs/sumcheck.md` §2 hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from zkdps.verifier_contracts.reference.sumcheck.polynomials import bits


@dataclass(frozen=True, slots=True)
class Preset:
    """Parameters of the argument."""

    degree: int
    """Of the extension field."""
    rate_bits: int
    """A row of C entries is encoded to C * 2^rate_bits words."""
    queries: int
    grind_bits: int


PRESETS = {
    "S100": Preset(4, 1, 242, 16),
    "S100_SMALL": Preset(4, 2, 150, 16),
    "S128": Preset(5, 1, 309, 0),
}


@dataclass(frozen=True, slots=True)
class Label:
    """An index over `0..size-1`."""

    name: str
    size: int

    @property
    def bits(self) -> int:
        """Coordinates of a point that addresses it."""
        return bits(self.size)


@dataclass(frozen=True, slots=True)
class Tensor:
    """Committed integers in `low..high`, row-major."""

    name: str
    holder: str
    """`weights`, `boundary` (a commitment of its own) or `aux`."""
    shape: tuple[int, ...]
    low: int
    high: int
    bound: str

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Affine:
    """An axis index `offset + sum of stride * label`."""

    offset: int
    terms: tuple[tuple[int, int], ...]
    """(label, stride)."""


@dataclass(frozen=True, slots=True)
class Picked:
    """An axis index that a public tensor gives: `values[label]`."""

    tensor: int
    label: int


@dataclass(frozen=True, slots=True)
class View:
    """A tensor read through labels, one index an axis; 0 where an index leaves its axis."""

    tensor: int
    index: tuple[Affine | Picked, ...]

    @property
    def labels(self) -> frozenset[int]:
        """The labels that it depends on."""
        return frozenset(label for index in self.index for label in labels_of(index))


@dataclass(frozen=True, slots=True)
class Form:
    """`constant + sum of coefficient * view` over the box of its labels, 0 outside."""

    labels: tuple[int, ...]
    constant: int
    views: tuple[tuple[int, View], ...]


@dataclass(frozen=True, slots=True)
class Term:
    """`coefficient * product of forms`, summed over labels that are not the relation's."""

    coefficient: int
    forms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """For all values of `labels`, the terms sum to 0 mod p."""

    name: str
    labels: tuple[int, ...]
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """For all values of `labels`, (key, value) is a row of the table."""

    name: str
    labels: tuple[int, ...]
    table: int
    key: int
    value: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """Row i has the key `low + i` and, in a pair table, a value."""

    name: str
    tag: int
    low: int
    rows: int
    values: tuple[int, ...] | None
    multiplicity: int
    """The tensor that counts look-ups of each row."""


@dataclass(frozen=True, slots=True)
class System:
    """The statement that a key makes of a block."""

    preset: Preset
    columns_log: int
    labels: tuple[Label, ...]
    tensors: tuple[Tensor, ...]
    forms: tuple[Form, ...]
    relations: tuple[Relation, ...]
    lookups: tuple[Lookup, ...]
    tables: tuple[Table, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    public: tuple[int, ...]
    weights_root: bytes
    """Empty where there are no weights."""
    digest: bytes
    """SHA-256 of the text that it was read from."""


def labels_of(index: Affine | Picked) -> tuple[int, ...]:
    """The labels of one axis index."""
    if isinstance(index, Picked):
        return (index.label,)
    return tuple(label for label, _ in index.terms)
