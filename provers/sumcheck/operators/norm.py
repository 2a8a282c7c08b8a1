"""LayerNorm and RMSNorm over the last axis, by an exact integer square root and one division.

    x     = sum of the operands, aligned to the finest scale                        no column
            (where that takes too much room, the finest are rounded to fewer bits first)
    mu    = floor((sum_j x + floor(D/2)) / D)            centred only; RMSNorm: 0
    c     = floor((x - mu + 2^(s-1)) / 2^s)              s = 0: x - mu
    sigma = floor(sqrt(sum_j c^2 + E))                   E = max(1, round(D * epsilon * 4^scale(c)))
    y     = round((z G + sigma 2^e H / 2) / (sigma 2^e)), halves up
            z = c and e = 0, or z = x - mu and e = s where c alone is too coarse (`norm_widths`)
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

from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
from zkdps.provers.sumcheck.operators.calibrated import width_of
from zkdps.provers.sumcheck.operators.constants import integers_of
from zkdps.provers.sumcheck.operators.interface import Reals, Role, letters_of
from zkdps.provers.sumcheck.operators.norm_widths import common_scale, plan_norm, rounded_to
from zkdps.provers.sumcheck.operators.quotient import divide
from zkdps.provers.sumcheck.operators.root import prove_root
from zkdps.provers.sumcheck.operators.spread import Spread, define_spread
from zkdps.provers.sumcheck.program import Width, Widths
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder


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
        """Largest root of a row's sum of squares; the reciprocal of an ordinary one."""
        deviations = self._deviation(self._centre(operands))
        ordinary = max(float(np.median(deviations)), 2.0**-20)
        return {
            f"{self.name}.deviation": float(deviations.max(initial=0.0)),
            f"{self.name}.quiet": 1.0 / ordinary,
        }

    def choose(self, maxima: Mapping[str, float], widths: Widths) -> dict[str, Width]:
        """Result, root and summands as `plan_norm` shares the room below p among them."""
        depth = self.shape[-1]
        reads = [width_of(wire, widths) for wire in self.reads]
        finest = common_scale(reads, depth)
        gain = 1.0 if self.gain is None else float(np.sqrt(np.square(self.gain).mean()))
        plan = plan_norm(
            widths(self.name),
            finest,
            depth,
            reach=lambda scale_bits: self._reach(*self._integers(scale_bits)),
            loudest=maxima[f"{self.name}.deviation"],
            typical=1.0 / max(maxima[f"{self.name}.quiet"], 2.0**-20),
            gain=max(gain, 2.0**-20),
        )
        numerator = plan.root.scale_bits + plan.extra
        # Beyond the root's scale it is the summands' own, so they are rounded to it.
        common = numerator if plan.extra else finest
        chosen = {
            f"{self.name}.summand{place}": rounded_to(width, common)
            for place, width in enumerate(reads)
        }
        return {
            self.name: plan.result,
            f"{self.name}.deviation": plan.root,
            f"{self.name}.numerator": Width(numerator, plan.root.low, plan.root.high << plan.extra),
            **chosen,
        }

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
        extra = builder.width(f"{self.name}.numerator").scale_bits - root.scale_bits
        self._scale(builder, axes, letters, spread, sigma, root.high, extra)

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
        extra: int,
    ) -> None:
        """y = (z G + sigma 2^e H / 2) / (sigma 2^e)."""
        if extra not in (0, spread.shift):
            raise builder.failed(f"{self.name}: the numerator has a scale that nothing has")
        numerator, read = (
            (spread.form, spread.read) if extra == 0 else (spread.fine, spread.read_fine)
        )
        gains, shifts = self._integers(builder.width(self.name).scale_bits)
        if self.gain is None:
            doubled: list[tuple[int, tuple[int, ...]]] = [(2 * int(gains[0]), (numerator,))]
        else:
            gain = builder.form(builder.constant(f"{self.name}.gain", gains, 0, axes, letters[-1]))
            doubled = [(2, (numerator, gain))]
        # Twice the numerator is an integer: H stands for half units.
        if shifts is not None:
            shift = builder.form(
                builder.constant(f"{self.name}.bias", shifts, 0, axes, letters[-1])
            )
            doubled.append((1 << extra, (builder.form(sigma), shift)))
        reach = self._reach(gains, shifts)

        def compute(values: Integers) -> tuple[Int64s, Int64s]:
            root = sigma.read(values)[..., None] << extra
            result = 2 * read(values) * gains
            return result if shifts is None else result + root * shifts, root

        divide(
            builder,
            self.name,
            axes,
            letters,
            doubled=doubled,
            denominator=sigma,
            multiple=1 << extra,
            largest=largest << extra,
            # |c| <= sigma, since c^2 <= V, and |z - 2^e c| <= 2^e / 2.
            magnitude=(largest + (1 if extra else 0)) * reach << extra,
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
