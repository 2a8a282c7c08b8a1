"""The constraint system of one block: what a proof says of the integers under its roots.

A `System` holds committed integer tensors, relations between them (einsum identities) and look-ups
into tables.  Lowering makes Systems from ONNX blocks; the argument proves and verifies any of them.
Neither knows the other.  `docs/sumcheck.md` §2 defines every word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from zkdps.core.canonical import Json

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


class Holder(StrEnum):
    """Which commitment holds a tensor."""

    WEIGHTS = "weights"
    BOUNDARY = "boundary"
    """A commitment of the tensor's own: its root is the chain's link."""
    AUX = "aux"


class Bound(StrEnum):
    """What enforces a tensor's range."""

    LOOKUP = "lookup"
    PAIR = "pair"
    """It is a column of a pair look-up, key or value."""
    WEIGHT = "weight"
    """The key's audit: the commitment is recomputed from the model."""
    HELPER = "helper"
    """Nothing, and nothing needs to: the indicator of a maximum."""
    MULTIPLICITY = "multiplicity"
    """Nothing: it counts look-ups."""
    PUBLIC = "public"
    """Its values travel in the proof, and the verifier looks at them."""


@dataclass(frozen=True, slots=True)
class Label:
    """An index over `0..size-1`."""

    name: str
    size: int

    @property
    def bits(self) -> int:
        """Variables that address it: ceil(log2 size)."""
        return (self.size - 1).bit_length()


@dataclass(frozen=True, slots=True)
class Tensor:
    """Committed integers."""

    name: str
    holder: Holder
    shape: tuple[int, ...]
    """Storage shape, row-major."""
    low: int
    high: int
    """Inclusive range of the integers."""
    bound: Bound

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Affine:
    """An axis index: `offset + sum of stride * label`; outside the axis the view is 0."""

    offset: int
    terms: tuple[tuple[int, int], ...]
    """(label position in the System, stride > 0)."""


@dataclass(frozen=True, slots=True)
class Picked:
    """An axis index read from a public tensor: `values[label]`."""

    tensor: int
    """Position of a public tensor with as many entries as the label has values."""
    label: int


AxisIndex = Affine | Picked


@dataclass(frozen=True, slots=True)
class View:
    """A tensor read through labels; each label stands in at most one axis."""

    tensor: int
    index: tuple[AxisIndex, ...]
    """One for each storage axis."""


@dataclass(frozen=True, slots=True)
class Form:
    """The linear form `constant + sum of coefficient * view` over the box of its labels."""

    labels: tuple[int, ...]
    constant: int
    views: tuple[tuple[int, View], ...]


@dataclass(frozen=True, slots=True)
class Term:
    """`coefficient * product of forms`, summed over the labels that the relation has not."""

    coefficient: int
    forms: tuple[int, ...]
    """Positions in `System.forms`; at most three."""


@dataclass(frozen=True, slots=True)
class Relation:
    """For all values of `labels`, the terms sum to zero."""

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
    """Position of a form over exactly these labels."""
    value: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows `low + i`, each with a value in a pair table."""

    name: str
    tag: int
    low: int
    rows: int
    values: Int32s | None
    """(rows,), int32; `None` in a range table."""
    multiplicity: int
    """Position of the tensor (rows,) that counts look-ups of each row."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Parameters of the argument; `soundness` says what they give."""

    name: str
    degree: int
    """Of the extension field."""
    rate_bits: int
    queries: int
    grind_bits: int


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("S100", 4, 1, 242, 16),
        Preset("S100_SMALL", 4, 2, 150, 16),
        Preset("S128", 5, 1, 309, 0),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """Everything that both sides of a proof know before it."""

    preset: Preset
    columns_log: int
    """lg C; one for the whole key."""
    labels: tuple[Label, ...]
    tensors: tuple[Tensor, ...]
    forms: tuple[Form, ...]
    relations: tuple[Relation, ...]
    lookups: tuple[Lookup, ...]
    tables: tuple[Table, ...]
    inputs: tuple[int, ...]
    """Positions of the boundary tensors read, in the block's order."""
    outputs: tuple[int, ...]
    public: tuple[int, ...]
    """Positions of boundary tensors whose values travel in the proof."""
    bounds_sha256: str
    """Digest of the table of static bounds that the build checked."""
    weights_root: str
    """Hex; empty where there are no weights, and before set-up."""


Values = dict[int, Int64s]
"""Tensor position to its integers, in storage shape."""

Record = dict[str, Json]
