"""Where integers lie: boxes cut into power-of-two pieces, pieces in commitments, one address space.

Only real entries have a place.  A piece is aligned to its size, so its entries share the high bits
of their addresses, and a multilinear extension splits into one factor for the high bits and one
for each axis.

Source: docs/sumcheck.md, section 3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from zkdps.provers.sumcheck.field import bits
from zkdps.provers.sumcheck.system import Holder, System


@dataclass(frozen=True, slots=True)
class Piece:
    """A product of ranges of one box, each a power of two long."""

    box: int
    """Position of the box among those placed together."""
    starts: tuple[int, ...]
    """First index of each axis."""
    lengths: tuple[int, ...]
    offset: int
    """Address of its first entry, a multiple of its size; entries follow in row-major order."""

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.lengths)

    @property
    def axis_bits(self) -> tuple[int, ...]:
        """Variables of each axis, the first axis most significant."""
        return tuple(bits(length) for length in self.lengths)


@dataclass(frozen=True, slots=True)
class Commitment:
    """Tensors under one root."""

    holder: Holder
    tensors: tuple[int, ...]
    """Positions in the System, in its order; pieces name them by position in this tuple."""
    pieces: tuple[Piece, ...]
    entries: int
    rows: int
    """R: rows of C entries, the last filled up with zeros."""
    slot: int
    """Global address of entry 0, a multiple of the slot's size."""


@dataclass(frozen=True, slots=True)
class Layout:
    """All commitments of a proof in one address space."""

    columns_log: int
    code_log: int
    """lg n of the codewords."""
    variables: int
    """K: variables of the address space."""
    commitments: tuple[Commitment, ...]
    """In the order of their slots."""

    def first_row(self, commitment: Commitment) -> int:
        """Global number of the commitment's row 0."""
        return commitment.slot >> self.columns_log


@dataclass(frozen=True, slots=True)
class Leaves:
    """Where the leaves of both trees lie: the same pieces as tensors are cut into."""

    lookups: tuple[Piece, ...]
    """Pieces of the boxes of all look-ups, by position in the System."""
    lookup_depth: int
    tables: tuple[Piece, ...]
    table_depth: int


def ranges(size: int) -> list[tuple[int, int]]:
    """The axis 0..size-1 as (start, length) of powers of two, largest first."""
    found, start = [], 0
    for power in range(size.bit_length() - 1, -1, -1):
        if size >> power & 1:
            found.append((start, 1 << power))
            start += 1 << power
    return found


def place(boxes: Sequence[Sequence[int]]) -> tuple[Piece, ...]:
    """The pieces of all boxes, largest first (stable), one after the other from address 0."""
    cut = [
        (box, tuple(s for s, _ in axes), tuple(n for _, n in axes))
        for box, sizes in enumerate(boxes)
        for axes in itertools.product(*(ranges(size) for size in sizes))
    ]
    cut.sort(key=lambda piece: -math.prod(piece[2]))
    pieces, offset = [], 0
    for box, starts, lengths in cut:
        pieces.append(Piece(box, starts, lengths, offset))
        offset += math.prod(lengths)
    return tuple(pieces)


def layout_of(system: System) -> Layout:
    """The places of all tensors; pure arithmetic on the System."""
    groups = [(Holder.WEIGHTS, _held(system, Holder.WEIGHTS))]
    groups += [(Holder.BOUNDARY, (position,)) for position in system.inputs + system.outputs]
    groups += [(Holder.AUX, _held(system, Holder.AUX))]
    unplaced = [commitment_of(system, holder, tensors) for holder, tensors in groups if tensors]
    unplaced.sort(key=lambda c: -_slot_log(system, c))
    commitments, slot = [], 0
    for c in unplaced:
        commitments.append(Commitment(c.holder, c.tensors, c.pieces, c.entries, c.rows, slot))
        slot += 1 << _slot_log(system, c)
    code_log = system.columns_log + system.preset.rate_bits
    return Layout(system.columns_log, code_log, bits(slot), tuple(commitments))


def leaves_of(system: System) -> Leaves:
    """The places of all leaves."""
    lookups = place(
        [[system.labels[label].size for label in lookup.labels] for lookup in system.lookups]
    )
    tables = place([[table.rows] for table in system.tables])
    counts = [sum(piece.size for piece in pieces) for pieces in (lookups, tables)]
    return Leaves(lookups, bits(max(counts[0], 1)), tables, bits(max(counts[1], 1)))


def commitment_of(system: System, holder: Holder, tensors: tuple[int, ...]) -> Commitment:
    """The commitment of these tensors, at slot 0."""
    pieces = place([system.tensors[position].shape for position in tensors])
    entries = sum(piece.size for piece in pieces)
    return Commitment(holder, tensors, pieces, entries, -(-entries >> system.columns_log), 0)


def _held(system: System, holder: Holder) -> tuple[int, ...]:
    return tuple(i for i, tensor in enumerate(system.tensors) if tensor.holder is holder)


def _slot_log(system: System, commitment: Commitment) -> int:
    return max(system.columns_log, bits(commitment.entries))
