"""All relations at once: each at a random point of its labels, their products by one sum-check.

A label has one random vector rho and one vector r of sum-check challenges in the whole System, so
claims on the same tensor meet at few points.

Source: docs/sumcheck.md, section 5, step 2.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.axes import Axes, Support, Weights, eq_weights, unit_weights
from zkdps.provers.sumcheck.channel import Channel
from zkdps.provers.sumcheck.eq_tables import prepare
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.functionals import Claim, Product, add_form
from zkdps.provers.sumcheck.integers import Tensors
from zkdps.provers.sumcheck.kernels.interface import Kernels
from zkdps.provers.sumcheck.polynomials import coefficients, evaluate
from zkdps.provers.sumcheck.product_sums import ProductSums
from zkdps.provers.sumcheck.system import Int64s, System
from zkdps.provers.sumcheck.terms import Class, Factor, Terms, terms_of


@dataclass(slots=True)
class Points:
    """The random vectors of all labels, and the weights they make."""

    kernels: Kernels
    rho: list[Support]
    """eq(rho, .) of each label."""
    ones: list[Support]
    bound: dict[int, Support]
    """eq(r, .) of the labels of the sum-check."""
    batch: list[Element]
    """lambda^i of each relation."""

    def weights(self, system: System, factor: Factor) -> Weights:
        """Of the labels of a factor's form, as far as they are known."""
        kinds: dict[Class, Sequence[Support] | Mapping[int, Support]] = {
            Class.SHARED: self.bound,
            Class.OUTPUT: self.rho,
            Class.SUMMED: self.ones,
        }
        labels = system.forms[factor.form].labels
        return {
            label: kinds[kind][label]
            for label, kind in zip(labels, factor.classes, strict=True)
            if kind is not Class.SHARED or label in self.bound
        }

    def scale(self, relation: int, coefficient: int, free: Sequence[int]) -> Element:
        """lambda^i * coefficient * sums of eq(rho, .) of labels in none of a term's forms."""
        scale = field.scale(self.batch[relation], coefficient)
        for label in free:
            scale = field.mul(scale, self.rho[label].total)
        return scale


def prove_or_check_relations(
    channel: Channel, system: System, axes: Axes, values: Tensors | None
) -> list[Claim]:
    """The relations, both ends: claims on linear terms, on factors and on public tensors.

    Raises:
        CheckFailed: a sum-check does not add up.
    """
    terms = terms_of(system)
    points, public = _draw(channel, system, axes.kernels)
    sums = None
    if values is not None:
        scales = [points.scale(t.relation, t.coefficient, t.free) for t in terms.products]
        fixed = [points.weights(system, factor) for factor in terms.factors]
        sums = ProductSums(system, axes, values, terms, fixed, points.rho, scales)
    (linear,) = channel.elements("linear", 1, lambda: [_sums(sums).linear_value()])
    factors: list[Claim] = []
    if not terms.products:
        if any(linear) and not channel.proving:
            raise CheckFailed(5, "linear relations do not hold")
        prepare(axes.kernels, points.rho + public)
    else:
        found = _sum_check(channel, system, terms, points, field.neg(linear), sums)
        prepare(axes.kernels, [*points.rho, *points.bound.values(), *public])
        for factor, value in zip(terms.factors, found, strict=True):
            claim = Claim(value)
            weights = points.weights(system, factor)
            add_form(system, axes, claim, field.one(axes.kernels.degree), factor.form, weights)
            factors.append(claim)
    linears = _linear_claim(system, axes, terms, points, linear)
    return [linears, *factors] + [
        _public_claim(system, axes, position, support)
        for position, support in zip(system.public, public, strict=True)
    ]


def _draw(channel: Channel, system: System, kernels: Kernels) -> tuple[Points, list[Support]]:
    transcript = channel.transcript
    rho = [
        eq_weights(kernels, transcript.challenges(label.bits), 0, label.size)
        for label in system.labels
    ]
    public = []
    for position in system.public:
        size = system.tensors[position].size
        point = transcript.challenges(field.bits(size))
        public.append(eq_weights(kernels, point, 0, size))
    batch = field.powers(transcript.challenge(), len(system.relations))
    ones = [unit_weights(kernels, label.size) for label in system.labels]
    return Points(kernels, rho, ones, {}, batch), public


def _round(sums: ProductSums | None, label: int) -> list[Element]:
    return _sums(sums).round(label)


def _sums(sums: ProductSums | None) -> ProductSums:
    if sums is None:
        raise ValueError("only a prover computes messages")
    return sums


def _linear_claim(
    system: System, axes: Axes, terms: Terms, points: Points, value: Element
) -> Claim:
    claim = Claim(value)
    for term in terms.linear:
        scale = points.scale(term.relation, term.coefficient, term.free)
        if term.form is None:
            claim.value = field.sub(claim.value, scale)
            continue
        outputs = system.relations[term.relation].labels
        weights = {
            label: points.rho[label] if label in outputs else points.ones[label]
            for label in system.forms[term.form].labels
        }
        add_form(system, axes, claim, scale, term.form, weights)
    return claim


def _sum_check(
    channel: Channel,
    system: System,
    terms: Terms,
    points: Points,
    claim: Element,
    sums: ProductSums | None,
) -> list[Element]:
    """Values of the factors at the point of the sum-check; fills in `points.bound`."""
    degree = channel.transcript.degree
    challenges: dict[int, list[Element]] = {}
    for label in terms.labels:
        challenges[label] = []
        for _ in range(system.labels[label].bits):
            sent = channel.elements("g", terms.degree, functools.partial(_round, sums, label))
            values = [sent[0], field.sub(claim, sent[0]), *sent[1:]]
            x = channel.transcript.challenge()
            claim = evaluate(coefficients(values), x)
            challenges[label].append(x)
            if sums is not None:
                sums.bind(label, x)
        size = system.labels[label].size
        points.bound[label] = eq_weights(points.kernels, challenges[label], 0, size)
    found = channel.elements("factors", len(terms.factors), lambda: _sums(sums).ends())
    if not channel.proving:
        eq = {
            label: field.eq(points.rho[label].point or (), challenges[label], degree)
            for label in terms.labels
        }
        variables = sum(system.labels[label].bits for label in terms.labels)
        total = field.zero(degree)
        half = pow(2, -1, field.P)
        for term in terms.products:
            idle = variables - sum(system.labels[label].bits for label in term.shared)
            value = points.scale(term.relation, term.coefficient, term.free)
            value = field.scale(value, pow(half, idle, field.P))
            for label in term.outputs:
                value = field.mul(value, eq[label])
            for factor in term.factors:
                value = field.mul(value, found[factor])
            total = field.add(total, value)
        if total != claim:
            raise CheckFailed(5, "the sum-check of the relations does not add up")
    return found


def _public_claim(system: System, axes: Axes, position: int, support: Support) -> Claim:
    """The committed tensor agrees with the values in the proof."""
    kernels = axes.kernels
    values: Int64s = axes.public[position]
    value = kernels.dot(kernels.lift(values), support.vec)
    single = unit_weights(kernels, 1)
    shape = system.tensors[position].shape
    long = next((axis for axis, size in enumerate(shape) if size > 1), 0)
    vectors = tuple(support if axis == long else single for axis in range(len(shape)))
    return Claim(value, [Product(field.one(kernels.degree), position, vectors)])
