"""Lookups by logarithmic derivatives (Haböck, ePrint 2022/1530).

All rows of inputs fⱼ are rows of the table t, m times each, if Σⱼ 1/(fⱼ + β) and m/(t + β) have
equal sums over the rows.  φ is the running sum of their difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zkdps.verifier_contracts.reference.domain import AtX
from zkdps.verifier_contracts.reference.expressions import evaluate
from zkdps.verifier_contracts.reference.proof import Proof
from zkdps.verifier_contracts.reference.scalars import ORDER, horner
from zkdps.verifier_contracts.reference.vka import Expression, Vka


def lookup_terms(vka: Vka, proof: Proof, at: AtX) -> Iterator[int]:
    """The constraints' values at x, three a lookup."""
    value = proof.evaluations

    def folded(expression: Expression) -> int:
        tuple_value = horner(evaluate(vka, proof, expression), proof.challenges.theta)
        return (tuple_value + proof.challenges.beta) % ORDER

    known: dict[int, int] = {}
    for lookup in vka.lookups:
        if id(lookup.table) not in known:
            known[id(lookup.table)] = folded(lookup.table)
        table, inputs = known[id(lookup.table)], [folded(one) for one in lookup.inputs]
        phi = value[lookup.phi]
        # l₀(x)·φ(x) = 0 and l_last(x)·φ(x) = 0
        yield at.l_first * phi % ORDER
        yield at.l_last * phi % ORDER
        # (1 - l_last - l_blind)·(t·Πf·(φ(ωx) - φ(x)) - (t·Σₖ Π_{j≠k} fⱼ - m·Πf)) = 0, where t and f
        # have β added already
        product, others = product_and_cofactors(inputs)
        left = table * product % ORDER * (value[lookup.phi_next] - phi) % ORDER
        right = table * others - value[lookup.multiplicities] * product
        yield at.l_active * (left - right) % ORDER


def product_and_cofactors(factors: Sequence[int]) -> tuple[int, int]:
    """Π fⱼ and Σₖ Π_{j≠k} fⱼ, in one pass: (p, s) gains f as (p·f, s·f + p)."""
    product, cofactors = 1, 0
    for factor in factors:
        cofactors = (cofactors * factor + product) % ORDER
        product = product * factor % ORDER
    return product, cofactors
