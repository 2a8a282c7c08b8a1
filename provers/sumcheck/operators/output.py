"""A boundary that the block writes: the chain's scale and range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operators.interface import Reals, Role, letters_of
from zkdps.provers.sumcheck.system import Holder
from zkdps.provers.sumcheck.wires import Wire, whole


@dataclass(frozen=True, slots=True)
class Output:
    """y = x, at the scale and range of the boundary tensor `name`.

    Integers: y = floor((x*2^e + 2^(s-1)) / 2^s), s = scale(x) - scale(y) >= 0, e = 0; where y has
    the finer scale e = scale(y) - scale(x), s = 0.
    """

    name: str
    wire: Wire
    role: Role = Role.EXACT

    @property
    def shape(self) -> tuple[int, ...]:
        """The wire's."""
        return self.wire.shape

    @property
    def reads(self) -> tuple[Wire, ...]:
        """The wire."""
        return (self.wire,)

    @property
    def written(self) -> Wire:
        """The boundary tensor."""
        return whole(self.name, self.shape)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """The same values."""
        return operands[0]

    def define(self, builder: Builder) -> None:
        """One rounding; without one where the scales agree."""
        letters = letters_of(self.wire)
        axes = builder.axes((self.wire, letters), (self.written, letters))
        read = builder.operand(self.wire, axes, letters)
        builder.requantise(
            self.name,
            axes,
            letters,
            terms=((1, (builder.form(read),)),),
            scale_bits=read.scale_bits,
            magnitude=read.magnitude,
            accumulate=read.read,
            holder=Holder.BOUNDARY,
        )
