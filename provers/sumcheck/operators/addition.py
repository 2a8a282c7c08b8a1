"""Sums of activations and constants: residuals, biases, negation, subtraction."""

from __future__ import annotations

from dataclasses import dataclass

from zkdps.provers.sumcheck.operators.combination import Combination
from zkdps.provers.sumcheck.operators.interface import Role
from zkdps.provers.sumcheck.wires import Wire


@dataclass(frozen=True, slots=True, eq=False)
class Addition(Combination):
    """y = sum of coefficient * operand + constant, all broadcast to one shape.

    A `Combination` whose factors are numbers: one linear form, where nothing but a constant that
    varies is committed.
    """

    operands: tuple[tuple[float, Wire], ...]
    role: Role = Role.RESIDUAL
