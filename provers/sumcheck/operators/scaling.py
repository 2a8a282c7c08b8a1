"""Elementwise products with a constant: rotary embeddings, batch normalisation, scalars."""

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
class Scaling:
    """y = x * factor + bias elementwise, broadcast to one shape.

    Integers: f = round(factor * 2^e), |f| <= 4095, e the largest that satisfies rules U and Z, the
    smallest exact one where factor is dyadic; b = round(bias * 2^(scale(x) + e)), halves to even;
    y = floor((x f + b + 2^(s-1)) / 2^s), s = scale(x) + e - scale(y).  Where s would be
    negative f is multiplied by 2^-s and e is -s more.
    """

    name: str
    x: Wire
    factor: Reals | float
    bias: Reals | float = 0.0
    role: Role = Role.PRODUCT

    @property
    def shape(self) -> tuple[int, ...]:
        """The broadcast one."""
        return np.broadcast_shapes(self.x.shape, np.shape(self.factor), np.shape(self.bias))

    @property
    def reads(self) -> tuple[Wire, ...]:
        """x, broadcast."""
        return (self.x.broadcast_to(self.shape),)

    @property
    def written(self) -> Wire:
        """y."""
        return whole(self.name, self.shape)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """In float64."""
        return operands[0] * self.factor + self.bias

    def define(self, builder: Builder) -> None:
        """One product relation with committed constants; linear where the factor is one number."""
        letters = letters_of(self.written)
        axes = builder.axes((self.reads[0], letters), (self.written, letters))
        labels = tuple(label for letter in letters for label in axes[letter])
        x = builder.operand(self.reads[0], axes, letters)
        factor = np.asarray(self.factor, dtype=np.float64)
        bias = np.asarray(self.bias, dtype=np.float64)

        def magnitude(chosen: Constant) -> int:
            shift = np.abs(integers_of(bias, x.scale_bits + chosen.scale_bits)).max(initial=0)
            return int(np.abs(chosen.integers).max(initial=0)) * x.magnitude + int(shift)

        chosen = quantise_constant(builder, self.name, factor, x.scale_bits, magnitude)
        scale_bits = x.scale_bits + chosen.scale_bits
        shift = integers_of(bias, scale_bits)
        if factor.size == 1:
            terms: list[tuple[int, tuple[int, ...]]]
            terms = [(int(chosen.integers.reshape(-1)[0]), (builder.form(x, labels=labels),))]
        else:
            held = builder.weight(f"{self.name}.factor", chosen.integers, chosen.scale_bits)
            by = builder.operand(held.broadcast_to(self.shape), axes, letters)
            terms = [(1, (builder.form(x), builder.form(by)))]
        if bias.size > 1:
            held = builder.weight(f"{self.name}.bias", shift, scale_bits)
            by = builder.operand(held.broadcast_to(self.shape), axes, letters)
            terms.append((1, (builder.form(by),)))
        elif shift.any():
            terms.append((1, (builder.form(constant=int(shift.reshape(-1)[0]), labels=labels),)))

        def accumulate(values: Integers) -> Int64s:
            return x.read(values) * chosen.integers + shift

        builder.requantise(
            self.name,
            axes,
            letters,
            terms=terms,
            scale_bits=scale_bits,
            magnitude=magnitude(chosen),
            accumulate=accumulate,
        )
