"""Sums and means over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.constants import Constant, quantise_constant
from zkdps.provers.sumcheck.operators.interface import Reals, Role, letters_of
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole


@dataclass(frozen=True, slots=True, eq=False)
class Mean:
    """y = factor * sum of x over `axes`, which y has not; factor 1/n makes it a mean.

    Integers: f = round(factor * 2^e), |f| <= 4095, e the largest that satisfies rules U and Z, the
    smallest exact one where factor is dyadic;
    y = floor((f * sum x + 2^(s-1)) / 2^s), s = scale(x) + e - scale(y).  Where s
    would be negative f is multiplied by 2^-s and e is -s more.
    """

    name: str
    x: Wire
    axes: tuple[int, ...]
    """Non-negative."""
    factor: float
    role: Role = Role.LINEAR

    @property
    def shape(self) -> tuple[int, ...]:
        """x's without the axes."""
        return tuple(size for axis, size in enumerate(self.x.shape) if axis not in self.axes)

    @property
    def reads(self) -> tuple[Wire, ...]:
        """x."""
        return (self.x,)

    @property
    def written(self) -> Wire:
        """y."""
        return whole(self.name, self.shape)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """In float64."""
        return np.asarray(self.factor * operands[0].sum(axis=self.axes))

    def define(self, builder: Builder) -> None:
        """One linear relation."""
        letters = letters_of(self.x)
        of_y = "".join(letter for axis, letter in enumerate(letters) if axis not in self.axes)
        axes = builder.axes((self.x, letters), (self.written, of_y))
        x = builder.operand(self.x, axes, letters)
        entries = math.prod(self.x.shape[axis] for axis in self.axes)

        def magnitude(chosen: Constant) -> int:
            return abs(int(chosen.integers)) * entries * x.magnitude

        chosen = quantise_constant(
            builder, self.name, np.array(self.factor), x.scale_bits, magnitude
        )
        times = int(chosen.integers)

        def accumulate(values: Integers) -> Int64s:
            return np.asarray(times * x.read(values).sum(axis=self.axes, dtype=np.int64))

        builder.requantise(
            self.name,
            axes,
            of_y,
            terms=((times, (builder.form(x, labels=x.box),)),),
            scale_bits=x.scale_bits + chosen.scale_bits,
            magnitude=magnitude(chosen),
            accumulate=accumulate,
        )
