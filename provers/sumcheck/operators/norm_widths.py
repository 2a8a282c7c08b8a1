"""How many bits a norm's root, its numerator and its result get: they share the room below p.

The division proves 2 * sigma * 2^e * y + r = 2 z G + .. below p, so a bit more for the result is
one less for what is divided.  sigma takes its bits from the row that deviates most; an ordinary
row's entries may then be a few units large.  e > 0 keeps e bits more of them in the numerator
alone, at the price of wider remainders; it is chosen where ordinary rows would lose accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operators.calibrated import fitting_scale, signed
from zkdps.provers.sumcheck.program import Width

ROOT_BITS = 15
"""Bits of sigma, at most: its remainders are looked up in one bit more."""
EXTRA_BITS = 4
"""e, at most."""
LEAST_RESULT_BITS = 10
SUM_BITS = 28
"""Bits of the sum over a row of aligned summands, at most."""
ROUNDING = 0.29
"""Standard deviation of a rounding error, in units of what is rounded to."""
TOLERATED = 0.01
"""Relative error of an ordinary row that is not worth wider remainders."""


@dataclass(frozen=True, slots=True)
class NormPlan:
    """Widths of one norm."""

    result: Width
    root: Width
    """Of sigma."""
    extra: int
    """e: the numerator's scale is the root's and that many bits."""
    error: float
    """Estimated relative error of an ordinary row."""


def plan_norm(
    planned: Width,
    finest: int,
    depth: int,
    *,
    reach: Callable[[int], int],
    loudest: float,
    typical: float,
    gain: float,
) -> NormPlan:
    """The plan with the least estimated error, and with e = 0 where that is good enough.

    Args:
        planned: width of the result as its readers afford it.
        finest: scale of the sum of the operands.
        depth: D.
        reach: bound of |2 x G + sigma H| / sigma for a scale of the result.
        loudest: largest root of a row's sum of squares, real.
        typical: that of an ordinary row.
        gain: root mean square of the gains.
    """
    wide = (planned.count - 1).bit_length()
    plans: list[NormPlan] = []
    for loss in range(max(wide - LEAST_RESULT_BITS, 0) + 1):
        result = planned if loss == 0 else signed(wide - loss, planned.scale_bits - loss)
        room = room_bits(result, reach(result.scale_bits))
        if room < 1:
            continue
        limit = (1 << min(ROOT_BITS, room, straight_bits(depth))) - 1
        scale_bits = min(finest, fitting_scale(limit, loudest))
        most = min(EXTRA_BITS, finest - scale_bits, room - limit.bit_length())
        for extra in range(most + 1):
            error = ROUNDING * math.hypot(
                2.0 ** -(scale_bits + extra) * math.sqrt(depth) / typical,
                2.0**-result.scale_bits / gain,
            )
            plans.append(NormPlan(result, Width(scale_bits, 0, limit), extra, error))
    if not plans:
        return NormPlan(planned, Width(min(finest, 0), 0, 1), 0, math.inf)
    simple = min((plan for plan in plans if plan.extra == 0), key=lambda plan: plan.error)
    best = min(plans, key=lambda plan: (plan.error, plan.extra))
    if simple.error <= TOLERATED or simple.error < 1.5 * best.error:
        return simple
    return best


def room_bits(result: Width, reach: int) -> int:
    """Bits that sigma * 2^e may have so that rules U and Z hold."""
    integer = P // (reach + (reach >> 8) + 2 * result.magnitude + 4)
    unique = P // (2 * result.count)
    return min(integer, unique).bit_length() - 1


def straight_bits(depth: int) -> int:
    """Bits that sigma may have so that the sum of squares stays below p: see `root`."""
    return (math.isqrt(P - 1) - 256 * math.isqrt(depth) - 1024).bit_length() - 1


def common_scale(reads: Sequence[Width], depth: int) -> int:
    """The finest scale at which the sum of a row of aligned summands stays in `SUM_BITS`."""
    common = max(width.scale_bits for width in reads)
    room = (1 << SUM_BITS) // depth
    while sum(width.magnitude * 2.0 ** (common - width.scale_bits) for width in reads) > room:
        common -= 1
    return common


def rounded_to(width: Width, scale_bits: int) -> Width:
    """A width at a scale that is no finer, in the same real range."""
    loss = width.scale_bits - scale_bits
    if loss <= 0:
        return width
    bits = max(width.high.bit_length(), (-width.low - 1).bit_length()) + 1 - loss
    return signed(max(bits, 2), scale_bits)
