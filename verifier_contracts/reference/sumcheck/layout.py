"""Where tensors lie: pieces, commitments, and the address space of all (`docs/sumcheck.md` §3)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from zkdps.verifier_contracts.reference.sumcheck.polynomials import bits
from zkdps.verifier_contracts.reference.sumcheck.system import System

Ranges = tuple[range, ...]
"""One range an axis, each of a power-of-two length."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A box of one array; its entries are row-major, contiguous, and aligned to their number."""

    source: int
    """Position of the array among those laid out."""
    ranges: Ranges
    offset: int
    """Of the first entry."""

    @property
    def size(self) -> int:
        """Number of entries, a power of two."""
        return math.prod(map(len, self.ranges))


@dataclass(frozen=True, slots=True)
class Commitment:
    """One root: the tensors under it, and its slot in the global address space."""

    name: str
    root: bytes
    tensors: tuple[int, ...]
    entries: int
    offset: int
    """Of its slot."""

    def rows(self, columns: int) -> int:
        """R = ceil(N/C)."""
        return -(-self.entries // columns)


@dataclass(frozen=True, slots=True)
class Layout:
    """All commitments of a system, in the order of their slots."""

    commitments: tuple[Commitment, ...]
    pieces: dict[int, tuple[Piece, ...]]
    """Tensor to its pieces, at global addresses."""
    bits: int
    """K: global addresses are below 2^K."""


def cut(size: int) -> list[range]:
    """The binary decomposition of an axis, largest first: 384 = 256 + 128."""
    ranges, start = [], 0
    for power in reversed(range(size.bit_length())):
        if size >> power & 1:
            ranges.append(range(start, start + (1 << power)))
            start += 1 << power
    return ranges


def count_pieces(shape: Iterable[int]) -> int:
    """How many pieces an array of this shape has."""
    return math.prod(size.bit_count() for size in shape)


def lay_out(shapes: Iterable[tuple[int, ...]]) -> list[Piece]:
    """The pieces of arrays, largest first (stable), one after the other.

    Sizes are powers of two that fall, so that each piece is aligned.
    """
    boxes = [
        (source, ranges)
        for source, shape in enumerate(shapes)
        for ranges in product(*(cut(size) for size in shape))
    ]
    boxes.sort(key=lambda box: -math.prod(map(len, box[1])))
    pieces, offset = [], 0
    for source, ranges in boxes:
        pieces.append(Piece(source, ranges, offset))
        offset += pieces[-1].size
    return pieces


def layout_of(system: System, boundary: dict[int, bytes], aux_root: bytes) -> Layout:
    """Slots of all commitments; `boundary` holds the statement's roots by tensor."""
    held = {
        holder: tuple(i for i, tensor in enumerate(system.tensors) if tensor.holder == holder)
        for holder in ("weights", "aux")
    }
    groups = [
        ("weights", system.weights_root, held["weights"]),
        *((system.tensors[i].name, boundary[i], (i,)) for i in (*system.inputs, *system.outputs)),
        ("aux", aux_root, held["aux"]),
    ]
    sizes = [sum(system.tensors[i].size for i in tensors) for _, _, tensors in groups]
    slots = [1 << max(system.columns_log, bits(size)) for size in sizes if size]
    filled = [(*group, size) for group, size in zip(groups, sizes, strict=True) if size]
    order = sorted(range(len(slots)), key=lambda i: -slots[i])
    commitments, pieces, offset = [], {}, 0
    for i in order:
        name, root, tensors, size = filled[i]
        commitments.append(Commitment(name, root, tensors, size, offset))
        laid = lay_out(system.tensors[tensor].shape for tensor in tensors)
        for position, tensor in enumerate(tensors):
            pieces[tensor] = tuple(
                Piece(tensor, piece.ranges, offset + piece.offset)
                for piece in laid
                if piece.source == position
            )
        offset += slots[i]
    return Layout(tuple(commitments), pieces, bits(offset))
