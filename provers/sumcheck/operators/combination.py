"""Sums of activations, each times a constant of its own at every place: rotary embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operands import Integers, Operand
from zkdps.provers.sumcheck.operators.constants import Constant, integers_of, quantise_constant
from zkdps.provers.sumcheck.operators.interface import Reals, Role, letters_of
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """y = sum of factor_i * x_i + constant, elementwise, broadcast to one shape.

    Integers: with S the largest scale of the operands, f_i = round(factor_i * 2^e), the largest
    |f_i| <= 4095, e the largest that satisfies rules U and Z, the smallest exact one where all are
    dyadic; constant' = round(constant * 2^(S + e)), halves to even;
    y = floor((sum f_i * 2^(S - scale(x_i)) * x_i + constant' + 2^(s-1)) / 2^s),
    s = S + e - scale(y).  Where s would be negative all f_i are multiplied by 2^-s and e is -s
    more.

    Factors that are arrays are committed; floats, then of all operands, are coefficients of one
    form (`Addition`).
    """

    name: str
    operands: tuple[tuple[Reals | float, Wire], ...]
    """At least one."""
    constant: Reals | float = 0.0
    role: Role = Role.PRODUCT

    @property
    def shape(self) -> tuple[int, ...]:
        """The broadcast one."""
        shapes = [s for factor, wire in self.operands for s in (np.shape(factor), wire.shape)]
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
        for (factor, _), operand in zip(self.operands, operands, strict=True):
            total = total + factor * operand
        return total

    def define(self, builder: Builder) -> None:
        """One relation: a linear form, or a product with committed constants for each operand."""
        letters = letters_of(self.written)
        reads = self.reads
        axes = builder.axes(*((wire, letters) for wire in (*reads, self.written)))
        labels = tuple(label for letter in letters for label in axes[letter])
        operands = [builder.operand(wire, axes, letters) for wire in reads]
        finest = max(operand.scale_bits for operand in operands)
        gains = [1 << (finest - operand.scale_bits) for operand in operands]
        factors = [np.asarray(factor, dtype=np.float64) for factor, _ in self.operands]
        ends = np.cumsum([factor.size for factor in factors])[:-1]
        constant = np.asarray(self.constant, dtype=np.float64)

        def split(chosen: Constant) -> list[Int64s]:
            flat = np.split(chosen.integers.astype(np.int64, copy=False), ends)
            return [part.reshape(f.shape) for part, f in zip(flat, factors, strict=True)]

        def magnitude(chosen: Constant) -> int:
            total = int(np.abs(integers_of(constant, finest + chosen.scale_bits)).max(initial=0))
            for part, gain, operand in zip(split(chosen), gains, operands, strict=True):
                total += int(np.abs(part).max(initial=0)) * gain * operand.magnitude
            return total

        every = np.concatenate([factor.reshape(-1) for factor in factors])
        chosen = quantise_constant(builder, self.name, every, finest, magnitude)
        scale_bits = finest + chosen.scale_bits
        shift = integers_of(constant, scale_bits)
        parts = split(chosen)

        def fixed(name: str, integers: Int64s, bits: int) -> Operand:
            held = builder.weight(f"{self.name}.{name}", integers, bits)
            return builder.operand(held.broadcast_to(self.shape), axes, letters)

        is_linear = all(isinstance(factor, float) for factor, _ in self.operands)
        terms: list[tuple[int, tuple[int, ...]]] = []
        linear: list[tuple[int, Operand]] = []
        for place, (part, gain, operand) in enumerate(zip(parts, gains, operands, strict=True)):
            if is_linear:
                linear.append((int(part) * gain, operand))
            else:
                by = fixed(f"factor.{place}", part, chosen.scale_bits)
                terms.append((gain, (builder.form(operand), builder.form(by))))
        added = int(shift.reshape(-1)[0])
        if shift.size > 1 and not (is_linear and bool((shift == added).all())):
            linear.append((1, fixed("constant", shift, scale_bits)))
            added = 0
        if linear or added:
            over = labels if is_linear or added else ()
            terms.append((1, (builder.form(*linear, constant=added, labels=over),)))

        def accumulate(values: Integers) -> Int64s:
            total = np.broadcast_to(shift, self.shape)
            for part, gain, operand in zip(parts, gains, operands, strict=True):
                total = total + gain * part * operand.read(values)
            return total

        builder.requantise(
            self.name,
            axes,
            letters,
            terms=terms,
            scale_bits=scale_bits,
            magnitude=magnitude(chosen),
            accumulate=accumulate,
        )
