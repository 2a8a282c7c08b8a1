"""Means whose weights depend on the input: of the entries that a mask keeps, as a rule.

    y_nd = round(2^u sum_t m_nt x_ntd / (2^w sum_t m_nt)), halves up

2^u or 2^w brings the quotient to the result's scale.  Weights that sum to 0 have no proof: there is
no remainder 0 <= r < 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np

from zkdps.core.errors import OutOfRange
from zkdps.core.prover import INSIDE
from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.exponential import sum_weights
from zkdps.provers.sumcheck.operators.interface import Reals, Role
from zkdps.provers.sumcheck.operators.quotient import divide
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder


@dataclass(frozen=True, slots=True, eq=False)
class WeightedMean:
    """sum_t m_t x_t / sum_t m_t: the mean of the entries that a mask keeps."""

    name: str
    operand: Wire
    """(..., t, d)."""
    weight: Wire
    """(..., t), not negative: a mask, as a rule."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(..., d)."""
        return (*self.operand.shape[:-2], self.operand.shape[-1])

    @property
    def reads(self) -> tuple[Wire, ...]:
        """Operand and weights, with one leading axis at least."""
        operand, weight = self.operand.shape, self.weight.shape
        lead = () if len(operand) > 2 else (1,)
        return (self.operand.reshape((*lead, *operand)), self.weight.reshape((*lead, *weight)))

    @property
    def written(self) -> Wire:
        """The result, of two axes at least."""
        shape = self.shape
        return whole(self.name, shape if len(shape) > 1 else (1, *shape))

    @property
    def role(self) -> Role:
        """A sum, as far as its operand's precision goes."""
        return Role.RESIDUAL

    def real(self, operands: Sequence[Reals]) -> Reals:
        """The mean in float64."""
        values, weights = operands[0], operands[1][..., None]
        return np.asarray((values * weights).sum(axis=-2) / weights.sum(axis=-2))

    def define(self, builder: Builder) -> None:
        """The sum of weights, and one rounded division."""
        operand, weight = self.reads
        outer = ascii_lowercase[: len(operand.shape) - 2]
        readings = ((operand, outer + "yz"), (weight, outer + "y"))
        axes = builder.axes(*readings, (self.written, outer + "z"))
        values, weights = (builder.operand(wire, axes, letters) for wire, letters in readings)
        if weights.low < 0:
            raise builder.failed(f"{self.name}: weights of a mean may be negative")
        gain, loss = _gains(builder.width(self.name).scale_bits - values.scale_bits)
        entries = builder.extent(axes["y"])
        largest = entries * weights.magnitude * loss
        form = builder.form(weights, labels=weights.box)

        def summed(held: Integers) -> Int64s:
            return np.asarray(loss * weights.read(held).sum(axis=-1))

        total = sum_weights(
            builder,
            self.name,
            axes,
            outer,
            terms=((loss, (form,)),),
            largest=largest,
            compute=lambda held: _positive(builder.block, self.name, summed(held)),
        )
        divide(
            builder,
            self.name,
            axes,
            outer + "z",
            doubled=((2 * gain, (form, builder.form(values, labels=values.box))),),
            denominator=total,
            largest=largest,
            magnitude=2 * gain * entries * weights.magnitude * values.magnitude,
            compute=lambda held: (
                2 * gain * (values.read(held) * weights.read(held)[..., None]).sum(axis=-2),
                total.read(held)[..., None],
            ),
        )


def _gains(shift: int) -> tuple[int, int]:
    """Factors of numerator and denominator that raise a quotient's scale by `shift`."""
    return 1 << max(shift, 0), 1 << max(-shift, 0)


def _positive(block: int, name: str, divisors: Int64s) -> Int64s:
    if int(divisors.min()) < 1:
        span = (int(divisors.min()), int(divisors.max()))
        error = OutOfRange(block, INSIDE, (1, span[1]), span)
        error.add_note(f"{name}: a divisor is not positive")
        raise error
    return divisors
