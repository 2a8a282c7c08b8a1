"""Sums of activations and constants: residuals, biases, negation, subtraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.constants import Constant, integers_of, quantise_constant
from zkdps.provers.sumcheck.operators.interface import Reals, Role, letters_of
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole


@dataclass(frozen=True, slots=True, eq=False)
class Addition:
    """y = sum of coefficient * operand + constant, all broadcast to one shape.

    Integers: with S the largest scale of the operands, c_i = round(coefficient_i * 2^e), the
    largest |c_i| <= 4095, e the largest that satisfies rules U and Z, the smallest exact one where
    all are dyadic; constant' = round(constant * 2^(S + e)), halves to even;
    y = floor((sum c_i * 2^(S - scale(x_i)) * x_i + constant' + 2^(s-1)) / 2^s),
    s = S + e - scale(y).  Where s would be negative all c_i are multiplied by 2^-s and
    e is -s more.
    """

    name: str
    operands: tuple[tuple[float, Wire], ...]
    constant: Reals | float = 0.0
    role: Role = Role.RESIDUAL

    @property
    def shape(self) -> tuple[int, ...]:
        """The broadcast one."""
        shapes = [wire.shape for _, wire in self.operands]
        return np.broadcast_shapes(np.shape(self.constant), *shapes)

    @property
    def reads(self) -> tuple[Wire, ...]:
        """The operands, broadcast."""
        return tuple(wire.broadcast_to(self.shape) for _, wire in self.operands)

    @property
    def written(self) -> Wire:
        """y."""
        return whole(self.name, self.shape)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """In float64."""
        total = np.broadcast_to(np.asarray(self.constant, dtype=np.float64), self.shape)
        for (coefficient, _), operand in zip(self.operands, operands, strict=True):
            total = total + coefficient * operand
        return total

    def define(self, builder: Builder) -> None:
        """One linear relation; a constant that varies is committed."""
        letters = letters_of(self.written)
        reads = self.reads
        axes = builder.axes(*((wire, letters) for wire in (*reads, self.written)))
        labels = tuple(label for letter in letters for label in axes[letter])
        operands = [builder.operand(wire, axes, letters) for wire in reads]
        finest = max((operand.scale_bits for operand in operands), default=0)
        aligned = [1 << (finest - operand.scale_bits) for operand in operands]
        constant = np.asarray(self.constant, dtype=np.float64)

        def magnitude(chosen: Constant) -> int:
            total = int(np.abs(integers_of(constant, finest + chosen.scale_bits)).max(initial=0))
            for times, gain, operand in zip(chosen.integers, aligned, operands, strict=True):
                total += abs(int(times)) * gain * operand.magnitude
            return total

        coefficients = np.array([c for c, _ in self.operands], dtype=np.float64)
        chosen = quantise_constant(builder, self.name, coefficients, finest, magnitude)
        weights = [int(c) * gain for c, gain in zip(chosen.integers, aligned, strict=True)]
        scale_bits = finest + chosen.scale_bits
        shift = integers_of(constant, scale_bits)
        uniform = bool((shift == shift.reshape(-1)[0]).all())
        parts = list(zip(weights, operands, strict=True))
        if not uniform:
            held = builder.weight(f"{self.name}.constant", shift, scale_bits)
            broadcast = held.broadcast_to(self.shape)
            parts.append((1, builder.operand(broadcast, axes, letters)))
        form = builder.form(
            *parts, constant=int(shift.reshape(-1)[0]) if uniform else 0, labels=labels
        )

        def accumulate(values: Integers) -> Int64s:
            total = np.broadcast_to(shift, self.shape)
            for weight, operand in zip(weights, operands, strict=True):
                total = total + weight * operand.read(values)
            return total

        builder.requantise(
            self.name,
            axes,
            letters,
            terms=((1, (form,)),),
            scale_bits=scale_bits,
            magnitude=magnitude(chosen),
            accumulate=accumulate,
        )
