"""Exponentials below a maximum, and their sum: what softmax and attention share.

    e_j = EXP[gap_j],  EXP[d] = round(2^E * exp(-d * step)),  S = sum_j e_j

One look-up bounds a gap and fixes its exponential.  Gaps are measured: a row in which one is larger
than the table has no proof.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
from zkdps.provers.sumcheck.operators.calibrated import fitting_scale, signed
from zkdps.provers.sumcheck.operators.interface import Reals
from zkdps.provers.sumcheck.operators.maximum import labels_of
from zkdps.provers.sumcheck.operators.quotient import rows_for
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.tables import exponential_rows
from zkdps.provers.sumcheck.wires import whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder, Terms

GAP_BITS = 13
"""lg of the rows of the table of exponentials, as a rule."""
WIDE_GAP_BITS = 14
"""The same where rows would be further apart than 2^-`COARSE_STEP_BITS` otherwise."""
COARSE_STEP_BITS = 6
SCORE_BITS = 16
"""Bits of a score at the scale of the table's keys, at most."""
FINEST_STEP_BITS = 10
"""Keys are no closer than 2^-10, .."""
MOST_SHIFT = 14
""".. except where scores would lose more bits than that: tiny queries and keys."""


def exponential_bits(keys: int, value_bits: int) -> int:
    """Scale of the exponentials: finer where sums of them stay in small tables.

    Beyond 512 keys and values of 13 bits each doubling costs a bit: what is rounded away there is
    in the accuracy that calibration measures, and in docs/sumcheck-operators.md.

    Args:
        keys: length of the rows that are summed.
        value_bits: of the result that is divided; 2 * sum * result stays below p.
    """
    length_bits = (keys - 1).bit_length()
    return max(1, min(10, max(8, 15 - length_bits), 30 - value_bits - length_bits))


def score_sizes(name: str, scores: Reals, allowed: np.ndarray | None = None) -> dict[str, float]:
    """What `score_widths` needs to know: sizes of the scores of a row, and of their distances.

    Args:
        scores: (..., j) float64.
        allowed: bool, broadcasts to `scores`; `None` is all.
    """
    held = np.ones(scores.shape, dtype=bool) if allowed is None else allowed
    held = np.broadcast_to(held, scores.shape)
    largest = np.where(held, scores, -np.inf).max(axis=-1, keepdims=True)
    gaps = np.where(held, np.where(held, largest, 0.0) - scores, 0.0)
    return {
        f"{name}.score": float(np.abs(np.where(held, scores, 0.0)).max(initial=0.0)),
        f"{name}.gap": float(gaps.max(initial=0.0)),
    }


def score_widths(
    name: str,
    maxima: Mapping[str, float],
    factor: float,
    scale_bits: int,
    keys: int,
    value_bits: int,
) -> dict[str, Width]:
    """Scores as fine as the table of exponentials and the range of scores allow.

    Args:
        maxima: `score_sizes`, in units of the exponent.
        factor: what a score is multiplied by to be an exponent, positive.
        scale_bits: of the exact scores.
        keys: length of a row.
        value_bits: see `exponential_bits`.
    """

    def finest(gap_bits: int) -> int:
        return min(
            scale_bits,
            fitting_scale((1 << gap_bits) - 1, maxima[f"{name}.gap"] / factor),
            fitting_scale((1 << (SCORE_BITS - 1)) - 1, maxima[f"{name}.score"] / factor),
            max(math.floor(FINEST_STEP_BITS + math.log2(factor)), scale_bits - MOST_SHIFT),
        )

    coarse = factor * 2.0 ** -finest(GAP_BITS) > 2.0**-COARSE_STEP_BITS
    gap_bits = WIDE_GAP_BITS if coarse else GAP_BITS
    bits = finest(gap_bits)
    top = math.ceil(maxima[f"{name}.score"] / factor * 2.0**bits) + 1
    exponent = exponential_bits(keys, value_bits)
    return {
        f"{name}.score": signed(top.bit_length() + 1, bits),
        f"{name}.gap": Width(bits, 0, (1 << gap_bits) - 1),
        f"{name}.weight": Width(exponent, 0, 1 << exponent),
    }


def exponentiate(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    letters: str,
    gap: Operand,
    step: float,
) -> None:
    """Commit `name.weight` = EXP[gap], by one look-up that also bounds the gaps.

    Args:
        gap: committed, labelled `letters`; its range is exactly the table's keys.
        step: exponent of one unit of it.
    """
    weight = f"{name}.weight"
    width = builder.width(weight)
    rows = exponential_rows(gap.high + 1, step, width.scale_bits)
    shape = tuple(builder.extent(axes[letter]) for letter in letters)
    held = Width(width.scale_bits, int(rows.min()), int(rows.max()))
    builder.commit(weight, shape, held, Bound.PAIR, lambda values: rows[gap.read(values)])
    labels = labels_of(axes, letters)
    key = builder.form(gap, labels=labels)
    value = builder.form(builder.operand(whole(weight, shape), axes, letters), labels=labels)
    table = builder.table("exp", 0, len(rows), rows)
    builder.pair_lookup(weight, labels, table, key, value)


def sum_weights(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    outer: str,
    *,
    terms: Terms,
    largest: int,
    compute: Callable[[Integers], Int64s],
) -> Operand:
    """Commit `name.sum`, what exponentials or other weights of each row add up to.

    Args:
        outer: letters of the rows.
        terms: the weights; their labels that are not the rows' are summed.
        largest: static bound of the sum, which is never negative.
        compute: the sum, int64.
    """
    total = f"{name}.sum"
    rows = rows_for(largest)
    shape = tuple(builder.extent(axes[letter]) for letter in outer)
    builder.commit(total, shape, Width(0, 0, rows - 1), Bound.LOOKUP, compute)
    operand = builder.operand(whole(total, shape), axes, outer)
    labels = labels_of(axes, outer)
    builder.relation(total, labels, [*terms, (-1, (builder.form(operand),))])
    builder.prove_bounds(total, count=rows, shift=0, magnitude=largest, decomposed=rows - 1)
    builder.range_check(total)
    return operand
