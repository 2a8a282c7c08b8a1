"""LayerNorm and RMSNorm over the last axis, by an exact integer square root and one division.

    x     = sum of the operands, aligned to the finest scale                        no column
            (where that takes too much room, the finest are rounded to fewer bits first)
    mu    = floor((sum_j x + floor(D/2)) / D)            centred only; RMSNorm: 0
    c     = floor((x - mu + 2^(s-1)) / 2^s)              s = 0: x - mu
    sigma = floor(sqrt(sum_j c^2 + E))                   E = max(1, round(D * epsilon * 4^scale(c)))
    y     = round((c G + sigma H / 2) / sigma), halves up
            G = round(gain sqrt(D) 2^scale(y)),  H = round(bias 2^(scale(y) + 1))

No table holds a function: the root is proven by sigma^2 <= V + E < (sigma + 1)^2.  Its precision
follows each row's own deviation, however much deviations differ between rows.

The variance must not wrap mod p.  c = 256 a + b with b in -128..127 and a in -256..255, both looked
up; A = sum a^2 <= A_max, looked up, so that sqrt(V) <= 256 sqrt(A) + 128 sqrt(D) keeps V + E < p:
then sum c^2 mod p is sum c^2, and |c| <= sigma for what follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
from zkdps.provers.sumcheck.operators.calibrated import fitting_scale, signed, width_of
from zkdps.provers.sumcheck.operators.constants import integers_of
from zkdps.provers.sumcheck.operators.interface import Reals, Role, letters_of
from zkdps.provers.sumcheck.operators.quotient import divide
from zkdps.provers.sumcheck.operators.spread import Spread, define_spread, prove_root
from zkdps.provers.sumcheck.program import Width, Widths
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder

ROOT_BITS = 15
"""Bits of sigma, at most: its remainders are looked up in one bit more."""
ENOUGH_ROOT_BITS = 14
"""Where the result's scale leaves fewer, it gives way, down to `LEAST_RESULT_BITS`."""
LEAST_RESULT_BITS = 11
SUM_BITS = 28
"""Bits of the sum over a row of aligned summands, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """(x - mean) / sqrt(variance + epsilon) * gain + bias, or without the mean."""

    name: str
    summands: tuple[Wire, ...]
    """x is their sum: a residual needs no value of its own.  All of one shape (..., d)."""
    gain: Reals | None
    """gamma: (d,), or of any shape that broadcasts to that."""
    bias: Reals | None
    """beta, likewise."""
    epsilon: float
    is_centred: bool = True
    """False: RMSNorm."""

    @property
    def shape(self) -> tuple[int, ...]:
        """A summand's."""
        return self.summands[0].shape

    @property
    def reads(self) -> tuple[Wire, ...]:
        """The summands, of two axes at least."""
        return tuple(wire.reshape(self.laid) for wire in self.summands)

    @property
    def written(self) -> Wire:
        """The result, likewise."""
        return whole(self.name, self.laid)

    @property
    def laid(self) -> tuple[int, ...]:
        """Shape in which it is labelled."""
        return self.shape if len(self.shape) > 1 else (1, *self.shape)

    @property
    def role(self) -> Role:
        """A norm: its operands may be wide."""
        return Role.NORM

    def real(self, operands: Sequence[Reals]) -> Reals:
        """The norm in float64."""
        spread = self._centre(operands)
        depth = self.shape[-1]
        result = spread / self._deviation(spread) * math.sqrt(depth)
        if self.gain is not None:
            result = result * self.gain
        return np.asarray(result if self.bias is None else result + self.bias)

    def measure(self, operands: Sequence[Reals]) -> dict[str, float]:
        """Largest root of a row's sum of squares."""
        deviations = self._deviation(self._centre(operands))
        return {f"{self.name}.deviation": float(deviations.max(initial=0.0))}

    def choose(self, maxima: Mapping[str, float], widths: Widths) -> dict[str, Width]:
        """Scale of the deviations: as fine as the result's bounds leave room for."""
        planned = widths(self.name)
        bits = self._root_bits(planned)
        wide = (planned.count - 1).bit_length()
        while bits < ENOUGH_ROOT_BITS and wide > LEAST_RESULT_BITS:
            wide -= 1
            planned = signed(wide, planned.scale_bits - 1)
            bits = self._root_bits(planned)
        bits = max(bits, 1)
        summands = self._summand_widths([width_of(wire, widths) for wire in self.reads])
        finest = max(width.scale_bits for width in summands.values())
        limit = (1 << bits) - 1
        scale_bits = min(finest, fitting_scale(limit, maxima[f"{self.name}.deviation"]))
        root = Width(scale_bits, 0, limit)
        return {self.name: planned, f"{self.name}.deviation": root, **summands}

    def define(self, builder: Builder) -> None:
        """The spread around the mean, its root, and one rounded division."""
        letters = letters_of(self.written)
        axes = builder.axes(*((wire, letters) for wire in self.reads), (self.written, letters))
        operands = [
            self._summand(builder, axes, letters, place, wire)
            for place, wire in enumerate(self.reads)
        ]
        root = builder.width(f"{self.name}.deviation")
        spread = define_spread(
            builder, self.name, axes, letters, operands, root.scale_bits, self.is_centred
        )
        sigma = prove_root(builder, self.name, axes, letters, spread, root, self._floor(root))
        self._scale(builder, axes, letters, spread, sigma, root.high)

    def _summand_widths(self, reads: Sequence[Width]) -> dict[str, Width]:
        """The summands as they are added: the finest are rounded where alignment needs room."""
        common = max(width.scale_bits for width in reads)
        room = (1 << SUM_BITS) // self.shape[-1]
        while sum(width.magnitude * 2.0 ** (common - width.scale_bits) for width in reads) > room:
            common -= 1
        chosen = {}
        for place, width in enumerate(reads):
            loss = width.scale_bits - common
            bits = max(width.high.bit_length(), (-width.low - 1).bit_length()) + 1 - loss
            coarse = signed(max(bits, 2), common)
            chosen[f"{self.name}.summand{place}"] = width if loss <= 0 else coarse
        return chosen

    def _summand(
        self, builder: Builder, axes: Mapping[str, Axis], letters: str, place: int, wire: Wire
    ) -> Operand:
        """One summand, rounded if it was planned coarser than it is."""
        operand = builder.operand(wire, axes, letters)
        name = f"{self.name}.summand{place}"
        if builder.width(name).scale_bits >= operand.scale_bits:
            return operand
        builder.requantise(
            name,
            axes,
            letters,
            terms=((1, (builder.form(operand),)),),
            scale_bits=operand.scale_bits,
            magnitude=operand.magnitude,
            accumulate=operand.read,
        )
        return builder.operand(whole(name, self.laid), axes, letters)

    def _scale(
        self,
        builder: Builder,
        axes: Mapping[str, Axis],
        letters: str,
        spread: Spread,
        sigma: Operand,
        largest: int,
    ) -> None:
        """y = (c G + sigma H / 2) / sigma."""
        gains, shifts = self._integers(builder.width(self.name).scale_bits)
        terms = [(1, (spread.form,))]
        if self.gain is None:
            terms = [(int(gains[0]), (spread.form,))]
        else:
            weight = builder.weight(f"{self.name}.gain", gains, 0)
            gain = builder.form(builder.operand(weight, axes, letters[-1]))
            terms = [(1, (spread.form, gain))]
        # Twice the numerator is an integer: H stands for half units.
        doubled = [(2 * coefficient, forms) for coefficient, forms in terms]
        if shifts is not None:
            weight = builder.weight(f"{self.name}.bias", shifts, 0)
            shift = builder.form(builder.operand(weight, axes, letters[-1]))
            doubled.append((1, (builder.form(sigma), shift)))
        reach = self._reach(gains, shifts)

        def compute(values: Integers) -> tuple[Int64s, Int64s]:
            root = sigma.read(values)[..., None]
            result = 2 * spread.read(values) * gains
            return result if shifts is None else result + root * shifts, root

        divide(
            builder,
            self.name,
            axes,
            letters,
            doubled=doubled,
            denominator=sigma,
            largest=largest,
            # |c| <= sigma, since c^2 <= V.
            magnitude=largest * reach,
            compute=compute,
        )

    def _centre(self, operands: Sequence[Reals]) -> Reals:
        total = np.sum(np.stack(operands), axis=0)
        if self.is_centred:
            total = total - total.mean(axis=-1, keepdims=True)
        return np.asarray(total, dtype=np.float64)

    def _deviation(self, spread: Reals) -> Reals:
        """Root of the sum of squares and of D * epsilon, (..., 1)."""
        squares = np.square(spread).sum(axis=-1, keepdims=True)
        return np.asarray(np.sqrt(squares + self.shape[-1] * self.epsilon), dtype=np.float64)

    def _floor(self, root: Width) -> int:
        """E."""
        return max(1, round(self.shape[-1] * self.epsilon * 4.0**root.scale_bits))

    def _integers(self, scale_bits: int) -> tuple[Int64s, Int64s | None]:
        """G and H; G is (1,) where there is no gamma."""
        depth = self.shape[-1]
        root = math.sqrt(depth)
        if self.gain is None:
            gains = integers_of(np.full(1, root), scale_bits)
        else:
            gains = integers_of(np.broadcast_to(self.gain, (depth,)) * root, scale_bits)
        if self.bias is None:
            return gains, None
        return gains, integers_of(np.broadcast_to(self.bias, (depth,)), scale_bits + 1)

    def _reach(self, gains: Int64s, shifts: Int64s | None) -> int:
        """Bound of |2 c G + sigma H| / sigma."""
        return int((2 * np.abs(gains) + (0 if shifts is None else np.abs(shifts))).max())

    def _root_bits(self, planned: Width) -> int:
        """Bits of sigma for which the division and the variance stay below p."""
        reach = self._reach(*self._integers(planned.scale_bits))
        room = P // (reach + 2 * planned.magnitude + 4)
        unique = P // (2 * planned.count)
        straight = math.isqrt(P - 1) - 256 * math.isqrt(self.shape[-1]) - 1024
        return min(ROOT_BITS, max(min(room, unique, straight), 1).bit_length() - 1)
