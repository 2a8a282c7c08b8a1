"""Relations: linear terms at once, products by one sumcheck (`docs/sumcheck.md` §5, relations).

The weight of a term of relation i is lambda^i * coefficient, times sum_{x < size} eq(rho_l, x) for
each label l of the relation that none of its forms has.  Then, over all terms of all relations,

    v = sum of weight * (form at eq(rho_l, .) or 1)                         (0 or 1 forms)
   -v = sum of weight * sum_x prod_{l shared, of the relation} eq(rho_l, x_l) * prod (forms at x)

where x runs over the shared labels of a term, those in two of its forms or more; other labels of a
form are at eq(rho_l, .) where the relation has them, else at 1.  The second line is a sumcheck over
the variables of all labels that any term shares, in the system's order; it ends at points r_l with

    sum of weight * 2^-idle * prod_{l shared, of the relation} eq(rho_l, r_l) * prod (factors)

idle being the variables that a term does not share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from zkdps.verifier_contracts.reference.sumcheck.field import Field, P
from zkdps.verifier_contracts.reference.sumcheck.functionals import Claim, Forms, Outer, Vector
from zkdps.verifier_contracts.reference.sumcheck.polynomials import (
    Point,
    bits,
    eq_points,
    eq_table,
    extension,
    interpolated,
)
from zkdps.verifier_contracts.reference.sumcheck.system import Relation, System, Term
from zkdps.verifier_contracts.reference.sumcheck.transcript import Messages, failed


class Role(Enum):
    """What a label of a form is in a term."""

    SHARED = "in two forms: summed by the sumcheck"
    FIXED = "an output label, in one form: at weights eq(rho, .)"
    SUMMED = "summed, in one form: at weights 1"


Factor = tuple[int, tuple[Role, ...]]
"""A form and the roles of its labels, in its order."""


@dataclass(frozen=True, slots=True)
class Product:
    """A term of two forms or more."""

    weight: int
    """lambda^i * coefficient * the sums of eq(rho, .) over output labels that no form has."""
    shared: frozenset[int]
    shared_outputs: tuple[int, ...]
    factors: tuple[Factor, ...]


def verify_relations(
    messages: Messages,
    system: System,
    forms: Forms,
    public: Mapping[int, tuple[int, ...]],
) -> list[Claim]:
    """Claims whose truth makes every relation hold: linear terms, factors, public tensors.

    Raises:
        CheckFailed: the sumcheck is inconsistent.
    """
    field = messages.field
    rho = [messages.challenges(label.bits) for label in system.labels]
    rho_public = {i: messages.challenges(bits(system.tensors[i].size)) for i in system.public}
    scale = messages.challenge()

    sizes = {i: label.size for i, label in enumerate(system.labels)}
    fixed = {i: _restricted(field, rho[i], size) for i, size in sizes.items()}
    weights = {Role.FIXED: fixed, Role.SUMMED: {i: [1] * size for i, size in sizes.items()}}
    totals = [field.reduce(sum(vector)) for vector in fixed.values()]

    linear, products, weight = Claim(0), [], 1
    for relation in system.relations:
        for term in relation.terms:
            roles = _roles(system, relation, term)
            unused = [totals[label] for label in relation.labels if label not in roles]
            factor = field.product([weight, term.coefficient, *unused])
            if len(term.forms) >= 2:
                products.append(_product(system, relation, term, roles, factor))
            elif term.forms:
                vectors = {label: weights[role][label] for label, role in roles.items()}
                forms.add(linear, term.forms[0], vectors, factor)
            else:
                linear.value -= factor
        weight = field.reduce(weight * scale)
    (value,) = messages.elements("linear", 1)
    linear.value = field.reduce(linear.value + value)

    factors: list[Claim] = []
    if products:
        labels = sorted(frozenset().union(*(product.shared for product in products)))
        claim, points = _sumcheck(messages, system, products, labels, field.reduce(-value))
        factors = _factors(messages, system, forms, products, rho, points, weights, claim)
    elif value:
        raise failed("the relations do not hold")

    publics = [_public(field, system, i, rho_public[i], public[i]) for i in system.public]
    return [linear, *factors, *publics]


def _restricted(field: Field, point: Point, size: int) -> list[int]:
    """eq(point, x) for x < size."""
    return eq_table(field, point)[:size]


def _roles(system: System, relation: Relation, term: Term) -> dict[int, Role]:
    """The role of each label of the term's forms."""
    occurring = [label for form in term.forms for label in system.forms[form].labels]
    return {
        label: Role.SHARED
        if occurring.count(label) > 1
        else Role.FIXED
        if label in relation.labels
        else Role.SUMMED
        for label in occurring
    }


def _product(
    system: System, relation: Relation, term: Term, roles: Mapping[int, Role], weight: int
) -> Product:
    shared = frozenset(label for label, role in roles.items() if role is Role.SHARED)
    return Product(
        weight,
        shared,
        tuple(label for label in relation.labels if label in shared),
        tuple(
            (form, tuple(roles[label] for label in system.forms[form].labels))
            for form in term.forms
        ),
    )


def _sumcheck(
    messages: Messages,
    system: System,
    products: Sequence[Product],
    labels: Sequence[int],
    claim: int,
) -> tuple[int, dict[int, Point]]:
    """All products together, over the variables of all shared labels; each label gets a point."""
    field = messages.field
    degree = max(2, *(len(p.factors) + bool(p.shared_outputs) for p in products))
    points = {}
    for label in labels:
        point = []
        for _ in range(system.labels[label].bits):
            at_0, *further = messages.elements("g", degree)
            values = [at_0, field.reduce(claim - at_0), *further]
            point.append(messages.challenge())
            claim = interpolated(field, values, point[-1])
        points[label] = tuple(point)
    return claim, points


def _factors(
    messages: Messages,
    system: System,
    forms: Forms,
    products: Sequence[Product],
    rho: Sequence[Point],
    points: Mapping[int, Point],
    weights: Mapping[Role, Mapping[int, Vector]],
    expected: int,
) -> list[Claim]:
    """The value of each distinct factor; together they give the sumcheck's last claim."""
    field = messages.field
    distinct = list(dict.fromkeys(f for product in products for f in product.factors))
    values = dict(zip(distinct, messages.elements("factors", len(distinct)), strict=True))
    met = {label: eq_points(field, rho[label], point) for label, point in points.items()}
    half, total = pow(2, -1, P), 0
    for product in products:
        # Where a label is not shared the term is constant in it: half of it goes to either side.
        idle = sum(len(point) for label, point in points.items() if label not in product.shared)
        total += field.product(
            [
                product.weight,
                pow(half, idle, P),
                *(met[label] for label in product.shared_outputs),
                *(values[factor] for factor in product.factors),
            ]
        )
    if field.reduce(total) != expected:
        raise failed("the factors of the products are not what their sumcheck ends at")

    shared = {
        label: _restricted(field, point, system.labels[label].size)
        for label, point in points.items()
    }
    claims = []
    for (form, roles), value in values.items():
        vectors = {
            label: {**weights, Role.SHARED: shared}[role][label]
            for label, role in zip(system.forms[form].labels, roles, strict=True)
        }
        claims.append(Claim(value))
        forms.add(claims[-1], form, vectors, 1)
    return claims


def _public(
    field: Field, system: System, tensor: int, point: Point, values: Sequence[int]
) -> Claim:
    """The committed tensor, all of whose axes but one have one entry, is the values sent."""
    shape = system.tensors[tensor].shape
    vector = _restricted(field, point, len(values))
    axes = tuple(vector if size == len(values) and size > 1 else [1] for size in shape)
    return Claim(extension(field, values, point), [Outer(1, tensor, axes)])
