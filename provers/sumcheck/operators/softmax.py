"""Softmax over the last axis, of integers below a maximum that is proven.

    t  = floor((x*2^0 + 2^(s-1)) / 2^s)            x rounded to the scale of the table's keys
    m  = max_j t_j                                  exact
    e_j = EXP[m - t_j],  EXP[d] = round(2^E * exp(-d * step))
    y_j = round(e_j * 2^u / sum_j e_j), halves up   2^u: scale of the result

A row whose entries differ by more than the table has rows has no proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.calibrated import width_of
from zkdps.provers.sumcheck.operators.exponential import (
    exponentiate,
    score_sizes,
    score_widths,
    sum_weights,
)
from zkdps.provers.sumcheck.operators.interface import Reals, Role
from zkdps.provers.sumcheck.operators.maximum import attain, labels_of
from zkdps.provers.sumcheck.operators.quotient import divide
from zkdps.provers.sumcheck.program import Width, Widths
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder

RESULT_BITS = 12
"""Scale of probabilities."""


@dataclass(frozen=True, slots=True, eq=False)
class Softmax:
    """exp(x) / sum exp(x) over the last axis."""

    name: str
    operand: Wire

    @property
    def shape(self) -> tuple[int, ...]:
        """The operand's."""
        return self.operand.shape

    @property
    def reads(self) -> tuple[Wire, ...]:
        """The operand, of two axes at least."""
        return (self.operand.reshape(self._laid),)

    @property
    def written(self) -> Wire:
        """The result, likewise."""
        return whole(self.name, self._laid)

    @property
    def role(self) -> Role:
        """A product: its operand is rounded to few bits anyway."""
        return Role.PRODUCT

    @property
    def _laid(self) -> tuple[int, ...]:
        return self.shape if len(self.shape) > 1 else (1, *self.shape)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """Softmax in float64."""
        raised = np.exp(operands[0] - operands[0].max(axis=-1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float64)

    def measure(self, operands: Sequence[Reals]) -> dict[str, float]:
        """Largest score, and largest distance from a row's maximum."""
        return score_sizes(self.name, operands[0])

    def choose(self, maxima: Mapping[str, float], widths: Widths) -> dict[str, Width]:
        """Scores, gaps and exponentials; the result has a scale of its own."""
        read = width_of(self.reads[0], widths)
        chosen = score_widths(
            self.name, maxima, 1.0, read.scale_bits, self.operand.shape[-1], RESULT_BITS + 1
        )
        return {**chosen, self.name: Width(RESULT_BITS, 0, 1 << RESULT_BITS)}

    def define(self, builder: Builder) -> None:
        """Scores, their maximum, exponentials by look-up, one rounded division."""
        (read,) = self.reads
        outer, inner = ascii_lowercase[: len(self._laid) - 1], "z"
        letters = outer + inner
        axes = builder.axes((read, letters), (self.written, letters))
        operand = builder.operand(read, axes, letters)
        score, top, gap = f"{self.name}.score", f"{self.name}.top", f"{self.name}.gap"
        builder.requantise(
            score,
            axes,
            letters,
            terms=((1, (builder.form(operand),)),),
            scale_bits=operand.scale_bits,
            magnitude=operand.magnitude,
            accumulate=operand.read,
        )
        scores = builder.operand(whole(score, self._laid), axes, letters)
        width = builder.width(score)

        def gaps(values: Integers) -> tuple[Int64s, Int64s]:
            entries = scores.read(values)
            largest = entries.max(axis=-1)
            return largest, largest[..., None] - entries

        builder.commit(top, self._laid[:-1], width, Bound.LOOKUP)
        builder.commit(gap, self._laid, builder.width(gap), Bound.PAIR)
        builder.step((top, gap), gaps)
        builder.range_check(top)
        labels = labels_of(axes, letters)
        tops = builder.operand(whole(top, self._laid[:-1]), axes, outer)
        held = builder.operand(whole(gap, self._laid), axes, letters)
        closing = builder.form(tops, (-1, scores), (-1, held), labels=labels)
        builder.relation(gap, labels, [(1, (closing,))])
        builder.prove_bounds(
            gap,
            count=builder.width(gap).count,
            shift=0,
            magnitude=2 * width.magnitude,
            decomposed=builder.width(gap).magnitude,
        )
        attain(builder, top, axes, outer, inner, builder.form(held), lambda values: values[gap])
        exponentiate(builder, self.name, axes, letters, held, 2.0**-width.scale_bits)
        weights = builder.operand(whole(f"{self.name}.weight", self._laid), axes, letters)
        largest = self.shape[-1] << weights.scale_bits
        total = sum_weights(
            builder,
            self.name,
            axes,
            outer,
            terms=((1, (builder.form(weights),)),),
            largest=largest,
            compute=lambda values: weights.read(values).sum(axis=-1),
        )
        raised = 2 << builder.width(self.name).scale_bits
        divide(
            builder,
            self.name,
            axes,
            letters,
            doubled=((raised, (builder.form(weights),)),),
            denominator=total,
            largest=largest,
            magnitude=raised * weights.magnitude,
            compute=lambda values: (
                raised * weights.read(values),
                total.read(values)[..., None],
            ),
        )
