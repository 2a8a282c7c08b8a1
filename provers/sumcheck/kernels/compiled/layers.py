"""Tree layers during their sum-check: folding and rounds over vectors with implied tails.

Only the second half of a layer is ever truncated: the first half is filled up at the start if
it must be.  `FractionLayer.p0` holds p0 + lambda q0, which saves two products an entry.  Where
all numerators are 1, both numerators stay steps through all folds, and
lambda q0 q1 + p1 q0 + q1 = lambda (q0 + 1/lambda) (q1 + p1/lambda) - p1/lambda.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.kernels.compiled import fractions, vectors
from zkdps.provers.sumcheck.kernels.compiled.storage import (
    element_of,
    empty,
    full,
    no_sums,
    part,
    words_of,
)
from zkdps.provers.sumcheck.kernels.interface import FractionLayer, Step, Vec

LOW_VARIABLES = 9
"""Variables of the inner eq table, which stays in the first-level cache."""


def eq_vector(point: Sequence[Element], degree: int) -> Vec:
    """eq(point, x) for every x."""
    coordinates = empty(degree, len(point))
    for i, z in enumerate(point):
        for limb, word in zip(coordinates, words_of(z), strict=True):
            limb[i] = word
    table = empty(degree, 1 << len(point))
    vectors.eq_table(coordinates, words_of(field.one(degree)), table)
    return table


def start(
    p: Vec | None, q: Vec, half: int, point: Sequence[Element], batch: Element
) -> FractionLayer:
    """The layer before its first round."""
    degree, held = len(batch), len(q[0])
    one, zero = field.one(degree), field.zero(degree)
    if held < half:
        p = _extended(full(one, held) if p is None else p, zero, half)
        q, held = _extended(q, one, half), half
    q0, q1 = part(q, 0, half), part(q, half, held)
    if p is None:
        ones, first = Step(one, one, half), Step(one, zero, held - half)
        return FractionLayer(ones, first, q0, q1, half, tuple(point), batch)
    s0 = empty(degree, half)
    vectors.combination(part(p, 0, half), q0, words_of(batch), s0)
    return FractionLayer(s0, part(p, half, held), q0, q1, half, tuple(point), batch)


def _extended(vec: Vec, tail: Element, n: int) -> Vec:
    out = full(tail, n)
    for limb, source in zip(out, vec, strict=True):
        limb[: len(source)] = source
    return out


# --- folds -------------------------------------------------------------------------------------


def _fold_full(vec: Vec, c: Element) -> Vec:
    half = len(vec[0]) // 2
    out = empty(len(vec), half)
    vectors.fold(part(vec, 0, half), part(vec, half, 2 * half), words_of(c), out)
    return out


def _fold_truncated(vec: Vec, tail: Element, c: Element, half: int) -> Vec:
    """The fold of a vector of 2 half entries whose missing ones are `tail`."""
    degree, held = len(vec), len(vec[0])
    kept, both = min(held, half), max(held - half, 0)
    out = empty(degree, kept)
    if both:
        low, high = part(vec, 0, both), part(vec, half, held)
        vectors.fold(low, high, words_of(c), part(out, 0, both))
    if kept > both:
        rest = field.sub(field.one(degree), c), field.mul(c, tail)
        factor, offset = map(words_of, rest)
        vectors.affine(part(vec, both, kept), factor, offset, part(out, both, kept))
    return out


def _fold_step(step: Step, c: Element, half: int) -> Step:
    mixed = field.add(step.before, field.mul(c, field.sub(step.after, step.before)))
    if step.where >= half:
        return Step(step.before, mixed, step.where - half)
    return Step(mixed, step.after, step.where)


def fold(layer: FractionLayer, c: Element) -> FractionLayer:
    """The layer with its top variable bound to c."""
    half, degree = layer.size // 2, len(c)
    p0 = layer.p0 if isinstance(layer.p0, Step) else _fold_full(layer.p0, c)
    if isinstance(layer.p1, Step):
        p1: Vec | Step = _fold_step(layer.p1, c, half)
    else:
        p1 = _fold_truncated(layer.p1, field.zero(degree), c, half)
    q1 = _fold_truncated(layer.q1, field.one(degree), c, half)
    return replace(layer, p0=p0, p1=p1, q0=_fold_full(layer.q0, c), q1=q1, size=half)


def ends(layer: FractionLayer) -> tuple[Element, Element, Element, Element]:
    """p0, p1, q0, q1 once every variable is bound."""
    degree = len(layer.batch)
    one, zero = field.one(degree), field.zero(degree)

    def only(vec: Vec | Step, tail: Element) -> Element:
        if isinstance(vec, Step):
            return vec.before if vec.where else vec.after
        return element_of([limb[0] for limb in vec]) if len(vec[0]) else tail

    q0, q1 = only(layer.q0, one), only(layer.q1, one)
    p0 = one
    if not isinstance(layer.p0, Step):
        p0 = field.sub(only(layer.p0, zero), field.mul(layer.batch, q0))
    return p0, only(layer.p1, zero), q0, q1


# --- rounds ------------------------------------------------------------------------------------


def _eq_before(point: Sequence[Element], count: int, degree: int) -> Element:
    """sum of eq(point, x) over x < count."""
    one, total, prefix = field.one(degree), field.zero(degree), field.one(degree)
    if count >> len(point):
        return one
    for i, z in enumerate(point):
        low = field.mul(prefix, field.sub(one, z))
        if count >> (len(point) - 1 - i) & 1:
            total = field.add(total, low)
            prefix = field.mul(prefix, z)
        else:
            prefix = low
    return total


def round_sums(layer: FractionLayer) -> tuple[Element, Element]:
    """h(0) and h(inf) of the next round."""
    degree, half, after = len(layer.batch), layer.size // 2, layer.point[1:]
    split = max(len(after) - LOW_VARIABLES, 0)
    tables = eq_vector(after[split:], degree), eq_vector(after[:split], degree)
    if isinstance(layer.p1, Step):
        return _unit_sums(layer, layer.p1, tables)
    if isinstance(layer.p0, Step):
        raise TypeError("a layer with numerators in one half only")
    s0, p1, q0, q1 = layer.p0, layer.p1, layer.q0, layer.q1
    held, sums = len(q1[0]), no_sums(2 * degree)
    both, low = max(held - half, 0), min(held, half)
    if both:
        vecs = [part(v, 0, both) for v in (s0, p1, q0, q1)]
        vecs += [part(v, half, half + both) for v in (s0, p1, q0, q1)]
        fractions.fraction_round(*vecs, *tables, 0, sums)
    if low > both:
        vecs = [part(v, both, low) for v in (s0, p1, q0, q1)]
        zeros, ones = full(field.zero(degree), low - both), full(field.one(degree), low - both)
        vecs += [part(s0, half + both, half + low), zeros, part(q0, half + both, half + low), ones]
        fractions.fraction_round(*vecs, *tables, both, sums)
    if half > low:
        fractions.weighted_total(part(s0, low, half), *tables, low, sums)
    return element_of(sums[:degree]), element_of(sums[degree:])


def _unit_sums(layer: FractionLayer, p1: Step, tables: tuple[Vec, Vec]) -> tuple[Element, Element]:
    """The same where numerators are steps: cut where a step or the held entries end."""
    degree, half, batch = len(layer.batch), layer.size // 2, layer.batch
    held, after = len(layer.q1[0]), layer.point[1:]
    inverse = field.inverse(batch)
    constant = leading = field.zero(degree)
    ends = {held, held - half, p1.where, p1.where - half}
    cuts = sorted({0, half, *(end for end in ends if 0 < end < half)})
    for first, stop in pairwise(cuts):
        sums = no_sums(2 * degree)
        mass = field.sub(_eq_before(after, stop, degree), _eq_before(after, first, degree))
        q0, u0 = part(layer.q0, first, stop), part(layer.q0, half + first, half + stop)
        if stop > held:  # p1 = 0 and q1 = 1 in both halves: lambda q0 + 1 is left.
            fractions.weighted_total(q0, *tables, first, sums)
            value = field.add(field.mul(batch, element_of(sums[:degree])), mass)
            constant = field.add(constant, value)
            continue
        q1 = part(layer.q1, first, stop)
        if stop <= held - half:
            u1 = part(layer.q1, half + first, half + stop)
        else:
            u1 = full(field.one(degree), stop - first)
        low = p1.before if stop <= p1.where else p1.after
        high = p1.before if stop <= p1.where - half else p1.after
        shift = field.mul(low, inverse)
        step = field.mul(field.sub(high, low), inverse)
        shifts = (words_of(inverse), words_of(shift), words_of(step))
        fractions.unit_round(q0, q1, u0, u1, *shifts, *tables, first, sums)
        value = field.mul(batch, element_of(sums[:degree]))
        constant = field.add(constant, field.sub(value, field.mul(shift, mass)))
        leading = field.add(leading, field.mul(batch, element_of(sums[degree:])))
    return constant, leading
