"""What an operator is.

One definition serves building and executing: `define` declares committed tensors together with
functions that compute their integers, the relations between them, and the look-ups that bound them.
Its docstring states the integer semantics.  The smallest one, y = x * z elementwise:

    def define(self, builder: Builder) -> None:
        axes = builder.axes((self.left, "ab"), (self.right, "ab"), (self.written, "ab"))
        left = builder.operand(self.left, axes, "ab")
        right = builder.operand(self.right, axes, "ab")
        builder.requantise(
            self.name, axes, "ab",
            terms=((1, (builder.form(left), builder.form(right))),),
            scale_bits=left.scale_bits + right.scale_bits,
            magnitude=left.magnitude * right.magnitude,
            accumulate=lambda values: left.read(values) * right.read(values),
        )
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from zkdps.provers.sumcheck.wires import Wire

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder

Reals = NDArray[np.float64]


class Role(StrEnum):
    """What precision rule applies to an operator's result."""

    LINEAR = "linear"
    """A product with weights."""
    PRODUCT = "product"
    """A product of activations, or of one with a constant."""
    RESIDUAL = "residual"
    """A sum of activations: it may be large in few entries."""
    TABLE = "table"
    """The value column of a pair look-up, whose key is the operand."""
    NORM = "norm"
    PROBABILITY = "probability"
    """A weighted mean: the range of what it weighs."""
    EXACT = "exact"
    """Integers copied or selected: the scale and range of what is read."""


class Operator(Protocol):
    """One operation of a program."""

    @property
    def name(self) -> str:
        """Of the value it makes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of that value."""

    @property
    def reads(self) -> tuple[Wire, ...]:
        """Wires of earlier values, as `define` labels them axis by axis."""

    @property
    def written(self) -> Wire:
        """The whole result, in the shape in which `define` labels it."""

    @property
    def role(self) -> Role:
        """What precision rule applies."""

    def real(self, operands: Sequence[Reals]) -> Reals:
        """The result in float64.

        Args:
            operands: what `reads` reads, one array a wire, of the wire's shape.
        """

    def define(self, builder: Builder) -> None:
        """Declare tensors, functions, relations and look-ups; commit `name` among them.

        Raises:
            LayoutFailed: a static bound does not hold, or a wire cannot be expressed.
        """


def letters_of(wire: Wire) -> str:
    """One letter for each axis of a wire, from `a` on."""
    return "".join(chr(ord("a") + axis) for axis in range(len(wire.shape)))
