"""Operator programs: what lowering makes of a block, and what a constraint system is built from.

    program = Program(
        inputs=(InputSpec("x", (8, 384), Kind.REAL),),
        operations=(
            Linear("y", whole("x", (8, 384)), weight, bias),
            Product("z", whole("y", (8, 384)), whole("x", (8, 384))),
        ),
        outputs=(("out", whole("z", (8, 384))),),
    )

Values have names: inputs by their boundary tensor, results by their operator.  An operator reads
wires of values that come before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.wires import Wire


class Kind(StrEnum):
    """What the entries of an input are."""

    REAL = "real"
    """Integers stand for reals at the chain's scale."""
    INTEGER = "integer"
    """Token ids and the like: public, scale_bits 0."""
    BOOLEAN = "boolean"
    """0 or 1: public, scale_bits 0."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A boundary tensor that the block reads."""

    name: str
    shape: tuple[int, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Width:
    """How integers stand for the reals of one value: `real = integer / 2**scale_bits`."""

    scale_bits: int
    low: int
    high: int
    """Inclusive range of the integers."""

    @property
    def count(self) -> int:
        """Number of integers in the range."""
        return self.high - self.low + 1

    @property
    def magnitude(self) -> int:
        """Largest absolute value in the range."""
        return max(abs(self.low), abs(self.high))


Widths = Callable[[str], Width]
"""The width of a value: an input, an operator's result, an output's boundary tensor."""


@dataclass(frozen=True, slots=True)
class Program:
    """The operators of one block, in an order in which they can run."""

    inputs: tuple[InputSpec, ...]
    operations: tuple[Operator, ...]
    outputs: tuple[tuple[str, Wire], ...]
    """(boundary tensor, what it holds), in the block's order."""
