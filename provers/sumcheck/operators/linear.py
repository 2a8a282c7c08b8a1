"""Products with weights: matrix products, convolutions over windows, and their biases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operands import Integers, Operand
from zkdps.provers.sumcheck.operators.constants import (
    Constant,
    Weights,
    absolute_sums,
    integers_of,
    quantise_constant,
)
from zkdps.provers.sumcheck.operators.einsum import contract, contract_reals
from zkdps.provers.sumcheck.operators.interface import Reals, Role
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """y = x W + b.

    `letters` are those of x, of W and of y; a letter that y has not is summed, and there may be
    several.  A matrix product is ("tk", "kn", "tn"), a convolution over windows of x is
    ("nhwcij", "cijm", "nhwm"), a grouped one ("nhwgcij", "gcijm", "nhwgm").  The bias has the shape
    of y's last axes.

    Integers: W' = round(W * 2^w) and b' = round(b * 2^(scale(x) + w)), halves to even, w the
    largest with |W'| <= 4095 that satisfies rules U and Z;
    y = floor((sum x W' + b' + 2^(s-1)) / 2^s), s = scale(x) + w - scale(y).  Where s would be
    negative W' is multiplied by 2^-s and w is -s more.
    """

    name: str
    x: Wire
    weight: Weights
    bias: Reals | None
    letters: tuple[str, str, str]
    role: Role = Role.LINEAR

    @property
    def shape(self) -> tuple[int, ...]:
        """One axis for each letter of y."""
        sizes = dict(zip(self.letters[1], self.weight.shape, strict=True))
        sizes.update(zip(self.letters[0], self.x.shape, strict=True))
        return tuple(sizes[letter] for letter in self.letters[2])

    @property
    def reads(self) -> tuple[Wire, ...]:
        """x."""
        return (self.x,)

    @property
    def written(self) -> Wire:
        """y."""
        return whole(self.name, self.shape)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """In float64.

        Raises:
            TypeError: the weights are quantised already.
        """
        if isinstance(self.weight, Constant):
            raise TypeError(f"{self.name}: its weights are integers")
        result = contract_reals(operands[0], self.weight, self.letters)
        return result if self.bias is None else result + self.bias

    def define(self, builder: Builder) -> None:
        """One product relation; weights and bias are committed."""
        of_x, of_weight, of_y = self.letters
        axes = builder.axes((self.x, of_x), (self.written, of_y))
        x = builder.operand(self.x, axes, of_x)
        chosen = quantise_constant(
            builder, self.name, self.weight, x.scale_bits, lambda held: self._magnitude(x, held)
        )
        scale_bits = x.scale_bits + chosen.scale_bits
        magnitude = self._magnitude(x, chosen)
        read_weight = builder.constant(
            f"{self.name}.weight", chosen.integers, chosen.scale_bits, axes, of_weight
        )
        # A summed dimension along which x is one entry repeated still has to be summed.
        kept = {*read_weight.labels, *(n for c in of_y for n in axes[c])}
        labels = (*x.labels, *(n for n in x.box if n not in kept and n not in x.labels))
        terms: list[tuple[int, tuple[int, ...]]]
        terms = [(1, (builder.form(x, labels=labels), builder.form(read_weight)))]
        bias: Int64s | None = None
        if self.bias is not None:
            bias = integers_of(self.bias, scale_bits)
            of_bias = of_y[len(of_y) - bias.ndim :]
            read_bias = builder.constant(f"{self.name}.bias", bias, scale_bits, axes, of_bias)
            terms.append((1, (builder.form(read_bias),)))

        def accumulate(values: Integers) -> Int64s:
            total = contract(x.read(values), chosen.integers, self.letters, magnitude)
            return total if bias is None else total + bias

        builder.requantise(
            self.name,
            axes,
            of_y,
            terms=terms,
            scale_bits=scale_bits,
            magnitude=magnitude,
            accumulate=accumulate,
        )

    def _magnitude(self, x: Operand, chosen: Constant) -> int:
        """Largest |sum x W' + b'|: per result entry, all x at the end of their range."""
        of_x, of_weight, of_y = self.letters
        summed = tuple(i for i, letter in enumerate(of_weight) if letter not in of_y)
        sums = absolute_sums(chosen.integers, summed)
        repeats = 1
        for letter, size in zip(of_x, self.x.shape, strict=True):
            if letter not in of_weight and letter not in of_y:
                repeats *= size
        bound = int(sums.max(initial=0)) * repeats * x.magnitude
        if self.bias is None:
            return bound
        bias = np.abs(integers_of(self.bias, x.scale_bits + chosen.scale_bits))
        of_sums = "".join(letter for letter in of_weight if letter in of_y)
        if of_sums == of_y[len(of_y) - bias.ndim :] and bias.shape == sums.shape:
            return int((sums * (repeats * x.magnitude) + bias).max(initial=0))
        return bound + int(bias.max(initial=0))
