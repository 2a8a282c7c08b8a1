"""Tree layers during their sum-check: folding and rounds over vectors with implied tails.

Only the second half of a layer is ever truncated: the first half is filled up at the start if
it must be.  In its place of p0 stands p0 + lambda q0, which saves two products an entry.  Where
all numerators are 1, both numerators stay steps through all folds, and
lambda q0 q1 + p1 q0 + q1 = lambda (q0 + 1/lambda) (q1 + p1/lambda) - p1/lambda.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.kernels.compiled import fractions, vectors
from zkdps.provers.sumcheck.kernels.compiled.storage import (
    element_of,
    empty,
    full,
    no_sums,
    part,
    vector_of,
    words_of,
)
from zkdps.provers.sumcheck.kernels.interface import FractionLayer, Vec

LOW_VARIABLES = 9
"""Variables of the inner eq table, which stays in the first-level cache."""


@dataclass(frozen=True, slots=True)
class Step:
    """A vector that is `before` at indices under `where` and `after` from there on."""

    before: Element
    after: Element
    where: int


@dataclass(frozen=True, slots=True)
class Layer(FractionLayer):
    """A layer between two rounds.

    Args:
        s0: p0 + lambda q0, or None where all numerators of leaves are 1.
        p1: the second numerators, truncated; a step where s0 is None.
        q0: the first denominators.
        q1: the second denominators, truncated.
        size: entries of each half, truncated ones included.
        point: coordinates of the variables left, the next one first.
        batch: lambda.
        eq_low: eq tables of the last coordinates (`vectors.eq_suffixes`).
        eq_high: eq tables of the coordinates before those, without the layer's very first.
    """

    s0: Vec | None
    p1: Vec | Step
    q0: Vec
    q1: Vec
    size: int
    point: tuple[Element, ...]
    batch: Element
    eq_low: Vec
    eq_high: Vec

    def eq_tables(self) -> tuple[Vec, Vec]:
        """eq over the variables after the next one: inner and outer table."""
        variables = len(self.point) - 1
        inner = min(variables, LOW_VARIABLES)
        low, high = 1 << inner, 1 << (variables - inner)
        return part(self.eq_low, low, 2 * low), part(self.eq_high, high, 2 * high)


def _eq_suffixes(point: Sequence[Element], degree: int) -> Vec:
    out = empty(degree, 2 << len(point))
    vectors.eq_suffixes(vector_of(point, degree), words_of(field.one(degree)), out)
    return out


def start(p: Vec | None, q: Vec, half: int, point: Sequence[Element], batch: Element) -> Layer:
    """The layer before its first round."""
    degree, held = len(batch), len(q[0])
    one, zero = field.one(degree), field.zero(degree)
    if held < half:
        p = _extended(full(one, held) if p is None else p, zero, half)
        q, held = _extended(q, one, half), half
    after = point[1:]
    split = max(len(after) - LOW_VARIABLES, 0)
    tables = _eq_suffixes(after[split:], degree), _eq_suffixes(after[:split], degree)
    q0, q1 = part(q, 0, half), part(q, half, held)
    if p is None:
        step = Step(one, zero, held - half)
        return Layer(None, step, q0, q1, half, tuple(point), batch, *tables)
    s0 = empty(degree, half)
    vectors.combination(part(p, 0, half), q0, words_of(batch), s0)
    p1 = part(p, half, held)
    return Layer(s0, p1, q0, q1, half, tuple(point), batch, *tables)


def _extended(vec: Vec, tail: Element, n: int) -> Vec:
    out = full(tail, n)
    for limb, source in zip(out, vec, strict=True):
        limb[: len(source)] = source
    return out


def next_round(layer: Layer, challenge: Element | None) -> tuple[Layer, Element, Element]:
    """Binds the variable of the round before, if there was one; h(0) and h(inf) of the next."""
    degree, after = len(layer.batch), layer.point[1:]
    full_layer = layer.s0 is not None and len(layer.q1[0]) == layer.size
    if challenge is None or not full_layer:
        if challenge is not None:
            layer = fold(layer, challenge)
        constant, leading = round_sums(layer)
        return replace(layer, point=after), constant, leading
    half, sums = layer.size // 2, no_sums(2 * degree)
    s0, p1, q0, q1 = (empty(degree, half) for _ in range(4))
    fractions.fraction_bind(
        layer.s0,
        layer.p1,
        layer.q0,
        layer.q1,
        words_of(challenge),
        *layer.eq_tables(),
        s0,
        p1,
        q0,
        q1,
        sums,
    )
    folded = Layer(s0, p1, q0, q1, half, after, layer.batch, layer.eq_low, layer.eq_high)
    return folded, element_of(sums[:degree]), element_of(sums[degree:])


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


def fold(layer: Layer, c: Element) -> Layer:
    """The layer with its top variable bound to c."""
    half, degree = layer.size // 2, len(c)
    s0 = None if layer.s0 is None else _fold_full(layer.s0, c)
    if isinstance(layer.p1, Step):
        p1: Vec | Step = _fold_step(layer.p1, c, half)
    else:
        p1 = _fold_truncated(layer.p1, field.zero(degree), c, half)
    q1 = _fold_truncated(layer.q1, field.one(degree), c, half)
    return replace(layer, s0=s0, p1=p1, q0=_fold_full(layer.q0, c), q1=q1, size=half)


def ends(layer: Layer) -> tuple[Element, Element, Element, Element]:
    """p0, p1, q0, q1 once every variable is bound."""
    one, zero = field.one(len(layer.batch)), field.zero(len(layer.batch))

    def only(vec: Vec, tail: Element) -> Element:
        return element_of(np.stack(vec)[:, 0]) if len(vec[0]) else tail

    q0, q1 = only(layer.q0, one), only(layer.q1, one)
    if isinstance(layer.p1, Step):
        p1 = layer.p1.before if layer.p1.where else layer.p1.after
    else:
        p1 = only(layer.p1, zero)
    if layer.s0 is None:
        return one, p1, q0, q1
    return field.sub(only(layer.s0, zero), field.mul(layer.batch, q0)), p1, q0, q1


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


def round_sums(layer: Layer) -> tuple[Element, Element]:
    """h(0) and h(inf) of the next round."""
    degree, half, tables = len(layer.batch), layer.size // 2, layer.eq_tables()
    if layer.s0 is None or isinstance(layer.p1, Step):
        return _unit_sums(layer)
    s0, p1, q0, q1 = layer.s0, layer.p1, layer.q0, layer.q1
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


def _unit_sums(layer: Layer) -> tuple[Element, Element]:
    """The same where numerators are steps: cut where the step or the held entries end."""
    p1, tables = layer.p1, layer.eq_tables()
    if not isinstance(p1, Step):
        raise TypeError("a layer with numerators in one half only")
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
