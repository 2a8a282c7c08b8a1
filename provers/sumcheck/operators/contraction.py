"""Products of activations summed over shared dimensions: attention scores, weighted values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.constants import Constant, quantise_constant
from zkdps.provers.sumcheck.operators.einsum import contract, contract_reals
from zkdps.provers.sumcheck.operators.interface import Reals, Role
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole


@dataclass(frozen=True, slots=True, eq=False)
class Contraction:
    """y = factor * sum over letters that y has not: left * right.

    `letters` are those of left, right and y, as in einsum: scores are ("hid", "hjd", "hij").

    Integers: f = round(factor * 2^e), |f| <= 4095, e the largest that satisfies rules U and Z, the
    smallest exact one where factor is dyadic;
    y = floor((f * sum left right + 2^(s-1)) / 2^s), s = scale(left) + scale(right) + e - scale(y).
    Where s would be negative f is multiplied by 2^-s and e is -s more.
    """

    name: str
    left: Wire
    right: Wire
    letters: tuple[str, str, str]
    factor: float = 1.0
    role: Role = Role.PRODUCT

    @property
    def shape(self) -> tuple[int, ...]:
        """One axis for each letter of y."""
        sizes = self._sizes
        return tuple(sizes[letter] for letter in self.letters[2])

    @property
    def reads(self) -> tuple[Wire, ...]:
        """left, right."""
        return (self.left, self.right)

    @property
    def written(self) -> Wire:
        """y."""
        return whole(self.name, self.shape)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """In float64."""
        return self.factor * contract_reals(operands[0], operands[1], self.letters)

    def define(self, builder: Builder) -> None:
        """One product relation."""
        of_left, of_right, of_y = self.letters
        axes = builder.axes((self.left, of_left), (self.right, of_right), (self.written, of_y))
        left = builder.operand(self.left, axes, of_left)
        right = builder.operand(self.right, axes, of_right)
        sizes = self._sizes
        entries = 1
        for letter in sizes.keys() - set(of_y):
            entries *= sizes[letter]
        largest = entries * left.magnitude * right.magnitude
        scale_bits = left.scale_bits + right.scale_bits

        def magnitude(chosen: Constant) -> int:
            return largest * abs(int(chosen.integers))

        factor = quantise_constant(builder, self.name, np.array(self.factor), scale_bits, magnitude)
        times = int(factor.integers)
        # A summed dimension along which an operand is one entry repeated still has to be summed.
        summed = [n for c in sizes if c not in of_y for n in axes[c]]
        missing = [n for n in summed if n not in left.labels and n not in right.labels]
        forms = (builder.form(left, labels=(*left.labels, *missing)), builder.form(right))

        def accumulate(values: Integers) -> Int64s:
            return times * contract(left.read(values), right.read(values), self.letters, largest)

        builder.requantise(
            self.name,
            axes,
            of_y,
            terms=((times, forms),),
            scale_bits=scale_bits + factor.scale_bits,
            magnitude=magnitude(factor),
            accumulate=accumulate,
        )

    @property
    def _sizes(self) -> dict[str, int]:
        sizes = dict(zip(self.letters[0], self.left.shape, strict=True))
        sizes.update(zip(self.letters[1], self.right.shape, strict=True))
        return sizes
