"""Elementwise products of activations: gates, masks, squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.interface import Reals, Role, letters_of
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """y = left * right elementwise, broadcast to one shape.

    Integers: y = floor((left * right + 2^(s-1)) / 2^s), s = scale(left) + scale(right) - scale(y).
    Where s < 0 the product is multiplied by 2^-s instead.
    """

    name: str
    left: Wire
    right: Wire
    role: Role = Role.PRODUCT

    @property
    def shape(self) -> tuple[int, ...]:
        """The broadcast one."""
        return np.broadcast_shapes(self.left.shape, self.right.shape)

    @property
    def reads(self) -> tuple[Wire, ...]:
        """left, right, broadcast."""
        return (self.left.broadcast_to(self.shape), self.right.broadcast_to(self.shape))

    @property
    def written(self) -> Wire:
        """y."""
        return whole(self.name, self.shape)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """In float64."""
        return operands[0] * operands[1]

    def define(self, builder: Builder) -> None:
        """One product relation."""
        letters = letters_of(self.written)
        reads = self.reads
        axes = builder.axes(*((wire, letters) for wire in (*reads, self.written)))
        left, right = (builder.operand(wire, axes, letters) for wire in reads)

        def accumulate(values: Integers) -> Int64s:
            return left.read(values) * right.read(values)

        builder.requantise(
            self.name,
            axes,
            letters,
            terms=((1, (builder.form(left), builder.form(right))),),
            scale_bits=left.scale_bits + right.scale_bits,
            magnitude=left.magnitude * right.magnitude,
            accumulate=accumulate,
        )
