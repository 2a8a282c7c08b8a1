"""Attention: softmax(factor * q k^T) v, normalised after the product with v.

    acc_ij = sum_e q_ie k_je
    t_ij   = floor((acc_ij + 2^(s-1)) / 2^s)         scores, at the scale of the table's keys
    m_i    = max of t_ij over the allowed j
    e_ij   = EXP[m_i - t_ij] for allowed j, else 0;  EXP[d] = round(2^E exp(-factor d / 2^scale))
    o_if   = round(sum_j e_ij v_jf / sum_j e_ij), halves up

The relations, with a_ij the 0/1 mask (absent: 1), gap d >= 0, remainder 0 <= r < 2^s:

    2^s (m_i - d_ij) - 2^(s-1) + r_ij = sum_e q_ie k_je     where a = 1
    (d_ij, w_ij) in EXP                 b_ij (d_ij + 1 - a_ij) = 0,   sum_j b_ij = 1
    e_ij = w_ij - 2^E (1 - a_ij)        S_i = sum_j e_ij
    o_if = S_i-quotient of sum_j e_ij v_jf

Where a = 0 it is arranged that d = 0, so w = 2^E and e = 0 whatever q and k hold; b cannot stand
there, so the maximum is one of allowed keys.  A row without any allowed key has no b and no proof.
The factor has no column: it is in the table.  `attention_gaps` has two ways to say "where a = 1".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.attention_gaps import (
    HEADS,
    exact_product,
    gaps_below_maximum,
)
from zkdps.provers.sumcheck.operators.attention_mask import (
    allowed_keys,
    letters_of_mask,
    spread_mask,
)
from zkdps.provers.sumcheck.operators.calibrated import width_of
from zkdps.provers.sumcheck.operators.exponential import (
    exponentiate,
    score_sizes,
    score_widths,
    sum_weights,
)
from zkdps.provers.sumcheck.operators.interface import Reals, Role
from zkdps.provers.sumcheck.operators.quotient import divide
from zkdps.provers.sumcheck.program import Width, Widths
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Attention of h = g * repeat heads over g heads of keys and values."""

    name: str
    query: Wire
    """(h, i, e)."""
    key: Wire
    """(g, j, e)."""
    value: Wire
    """(g, j, f)."""
    factor: float
    """Positive; 1/sqrt(e) as a rule."""
    is_causal: bool = False
    """The last query reads every key, each one before it one key less."""
    mask: Wire | None = None
    """Integers 0 or 1, (j,) or broadcasting to (g, i, j): 1 where a key is allowed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(h, i, f)."""
        return (*self.query.shape[:2], self.value.shape[2])

    @property
    def reads(self) -> tuple[Wire, ...]:
        """Query (g, r, i, e), key, value, and the mask (g or 1, i or 1, j) if there is one."""
        groups = self.key.shape[0]
        heads, queries, inner = self.query.shape
        query = self.query.reshape((groups, heads // groups, queries, inner))
        return (query, self.key, self.value, *(() if self.mask is None else (self._mask3,)))

    @property
    def written(self) -> Wire:
        """The result, (g, r, i, f)."""
        groups = self.key.shape[0]
        return whole(self.name, (groups, self.shape[0] // groups, *self.shape[1:]))

    @property
    def role(self) -> Role:
        """A weighted mean of values."""
        return Role.PROBABILITY

    @property
    def _mask3(self) -> Wire:
        if self.mask is None:
            raise ValueError(f"{self.name} has no mask")
        return self.mask.reshape((1,) * (3 - len(self.mask.shape)) + self.mask.shape)

    @property
    def _pattern(self) -> Int64s:
        """(i, j): 1 where the order allows a key."""
        queries, keys = self.query.shape[1], self.key.shape[1]
        return np.tri(queries, keys, keys - queries, dtype=np.int64)

    def real(self, operands: Sequence[Reals]) -> Reals:
        """Attention in float64, (g, r, i, f)."""
        scores, allowed = self._scores(operands)
        largest = np.where(allowed, scores, -np.inf).max(axis=-1, keepdims=True)
        raised = np.where(allowed, np.exp(np.where(allowed, scores - largest, 0.0)), 0.0)
        # Without any allowed key there is no proof; a number keeps calibration going.
        raised = raised / np.maximum(raised.sum(axis=-1, keepdims=True), 1.0)
        return np.asarray(raised @ operands[2][:, None], dtype=np.float64)

    def measure(self, operands: Sequence[Reals]) -> dict[str, float]:
        """Largest score, and largest distance from a row's maximum, over allowed keys."""
        scores, allowed = self._scores(operands)
        return score_sizes(self.name, scores, allowed)

    def choose(self, maxima: Mapping[str, float], widths: Widths) -> dict[str, Width]:
        """Scores, gaps and exponentials; the result has the values' scale and range."""
        query, key, value = (width_of(wire, widths) for wire in self.reads[:3])
        scale_bits = query.scale_bits + key.scale_bits
        value_bits = value.magnitude.bit_length() + 1
        keys = self.key.shape[1]
        chosen = score_widths(self.name, maxima, self.factor, scale_bits, keys, value_bits)
        return {**chosen, self.name: value}

    def define(self, builder: Builder) -> None:
        """Scores under the mask, their maximum, exponentials, one rounded division."""
        if self.factor <= 0:
            raise builder.failed(f"{self.name}: a factor of {self.factor} is not positive")
        mask = None if self.mask is None else (self._mask3, letters_of_mask(self._mask3.shape))
        readings = [*zip(self.reads[:3], ("grie", "gje", "gjf"), strict=True)]
        if mask is not None:
            readings.append(mask)
        axes = builder.axes(*readings, (self.written, "grif"))
        query, key, value = (builder.operand(w, axes, letters) for w, letters in readings[:3])
        pattern = self._pattern if self.is_causal else None
        allowed = allowed_keys(builder, self.name, axes, mask, pattern)
        by_query = self.is_causal or (mask is not None and "i" in mask[1])
        gap = gaps_below_maximum(builder, self.name, axes, query, key, allowed, by_query)
        step = self.factor * 2.0 ** -builder.width(f"{self.name}.score").scale_bits
        exponentiate(builder, self.name, axes, HEADS, gap, step)
        shape = tuple(builder.extent(axes[letter]) for letter in HEADS)
        weight = builder.operand(whole(f"{self.name}.weight", shape), axes, HEADS)
        unit = 1 << weight.scale_bits
        parts = (weight,) if allowed is None else (weight, (unit, allowed))
        weights = builder.form(*parts, constant=0 if allowed is None else -unit)
        largest = shape[-1] * unit

        def masked(values: Integers) -> Int64s:
            held = weight.read(values)
            return held if allowed is None else held * spread_mask(allowed, values)

        total = sum_weights(
            builder,
            self.name,
            axes,
            "gri",
            terms=((1, (weights,)),),
            largest=largest,
            compute=lambda values: masked(values).sum(axis=-1),
        )
        gain = builder.width(self.name).scale_bits - value.scale_bits
        if gain < 0:
            raise builder.failed(f"{self.name}: attention has at least the scale of its values")
        divide(
            builder,
            self.name,
            axes,
            "grif",
            doubled=((2 << gain, (weights, builder.form(value))),),
            denominator=total,
            largest=largest,
            magnitude=largest * value.magnitude << (gain + 1),
            compute=lambda values: (
                exact_product(masked(values), value.read(values)[:, None]) << (gain + 1),
                total.read(values)[..., None],
            ),
        )

    def _scores(self, operands: Sequence[Reals]) -> tuple[Reals, np.ndarray]:
        """Exponents (g, r, i, j) and which of them are allowed."""
        query, key = operands[0], operands[1][:, None]
        scores = self.factor * (query @ np.swapaxes(key, -1, -2))
        allowed = np.ones(scores.shape, dtype=bool)
        if self.is_causal:
            allowed &= self._pattern != 0
        if self.mask is not None:
            allowed &= operands[3][:, None] != 0
        return np.asarray(scores, dtype=np.float64), allowed
