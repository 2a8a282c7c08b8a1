"""Statements and receipts: "block b of model M maps the tensors C_in to the tensors C_out"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Link(StrEnum):
    """How a boundary's integers are committed to."""

    POLYCOMMIT = "polycommit"
    """KZG commitment of the integers as evaluations; 64-byte points x ‖ y, big-endian, BN254 G1."""
    POSEIDON = "poseidon"
    """Poseidon hash of the integers as BN254 scalars; 32 bytes, big-endian."""
    MERKLE = "merkle"
    """Root of a hash-based polynomial commitment to the integers (`docs/sumcheck.md` §3); 32
    bytes."""
    PUBLIC = "public"
    """The integers themselves: row-major little-endian int64."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """A short binding value of one tensor's integers (it binds; it does not hide)."""

    link: Link
    value: bytes

    def __str__(self) -> str:
        return f"{self.link}:{self.value.hex()}"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a receipt claims of one block; commitments in the order of the block's tensors."""

    block: int
    inputs: tuple[Commitment, ...]
    outputs: tuple[Commitment, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a piece of work took, measured by the operating system over its process."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence of one back end for one statement."""

    data: bytes
    """The proof as the back end encodes it."""
    usage: Usage | None = None
    """What proving took on the operator's machine: the operator's word, covered by no digest."""
    joint: bool = False
    """Whether it proves the statements of all receipts of its run at once; they share it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A statement plus its evidence."""

    statement: Statement
    proof: Proof


class Coverage(StrEnum):
    """What stands behind a block's output."""

    PROVED = "proved"
    AGREED = "agreed"
    UNVERIFIED = "unverified"
