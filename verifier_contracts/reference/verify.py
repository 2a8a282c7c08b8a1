"""Verification of proofs from their keys, in five steps.

1. Bound: the work follows from the sizes and must stay below the limits of `work`.
2. Read: the proof's points and scalars, and the challenges along the transcript (`proof`).
3. Constraints: gates, permutation and lookups, folded with y, divided by xⁿ - 1, are the value that
   the quotient polynomial must have at x (`expressions`, `permutation`, `lookup`).
4. Opening: all claimed evaluations as one equation in the group (`opening`).
5. Pairing: the equations of all proofs, folded with random factors, as one product of pairings.

Success is silence, failure raises.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from zkdps.core.errors import CheckFailed
from zkdps.verifier_contracts.reference.bn254 import multiply_sum
from zkdps.verifier_contracts.reference.domain import evaluate_domain
from zkdps.verifier_contracts.reference.expressions import evaluate
from zkdps.verifier_contracts.reference.lookup import lookup_terms
from zkdps.verifier_contracts.reference.opening import Equation, Term, opening_equation
from zkdps.verifier_contracts.reference.pairing import product_is_one
from zkdps.verifier_contracts.reference.permutation import permutation_terms
from zkdps.verifier_contracts.reference.proof import CHECK, Proof, failed, read_proof
from zkdps.verifier_contracts.reference.scalars import ORDER, horner
from zkdps.verifier_contracts.reference.vka import SrsWords, Vka
from zkdps.verifier_contracts.reference.work import (
    MAX_GROUP_TERMS,
    MAX_MULTIPLICATIONS,
    work_bound,
)

_FACTOR_BITS = 128
"""Of the random factors that fold equations: a false run passes with probability 2⁻¹²⁸."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One proof to check."""

    vka: Vka
    proof: bytes
    """As ezkl writes it: 64 bytes a point, 32 a scalar, big-endian."""
    instances: tuple[int, ...] = ()
    """Reduced scalars."""
    block: int | None = None
    """For the error only."""


def verify_proof(vka: Vka, proof: bytes, instances: Sequence[int]) -> None:
    """Check one proof.

    Raises:
        CheckFailed: (5) it does not prove the instances under the key.
    """
    verify_all([Claim(vka, proof, tuple(instances))])


def verify_all(claims: Sequence[Claim]) -> None:
    """Check many proofs with one product of pairings for each SRS among their keys.

    The factors that fold them are drawn after the proofs are fixed, so a proof cannot be made to
    cancel another's defect.

    Raises:
        CheckFailed: (5) naming the block of the first claim that fails.
    """
    folded: dict[SrsWords, list[tuple[Claim, Equation]]] = {}
    for claim in claims:
        equation = _equation(claim)
        folded.setdefault(claim.vka.srs, []).append((claim, equation))
    for srs, members in folded.items():
        equations = [equation for _, equation in members]
        if not _holds(srs, equations):
            for claim, equation in members:
                if len(members) == 1 or not _holds(srs, [equation]):
                    raise _at(claim, failed("the pairing equation of the opening does not hold"))
            raise AssertionError("a sum of equations failed although each of them holds")


def _equation(claim: Claim) -> Equation:
    """Steps 1 to 4."""
    work = work_bound(claim.vka)
    if work.multiplications > MAX_MULTIPLICATIONS or work.group_terms > MAX_GROUP_TERMS:
        raise _at(claim, failed("the key asks for more work than any key may", got=str(work)))
    try:
        proof = read_proof(claim.vka, claim.proof, claim.instances)
        at = evaluate_domain(claim.vka, proof)
        terms = chain(
            _gate_terms(claim.vka, proof),
            permutation_terms(claim.vka, proof, at),
            lookup_terms(claim.vka, proof, at),
        )
        numerator = horner(list(terms), proof.challenges.y)
        quotient = numerator * at.vanishing_inverse % ORDER
        return opening_equation(claim.vka, proof, quotient, at.x_to_n)
    except CheckFailed as error:
        raise _at(claim, error) from error


def _gate_terms(vka: Vka, proof: Proof) -> Iterator[int]:
    for gate in vka.gates:
        yield evaluate(vka, proof, gate)[0]


def _holds(srs: SrsWords, equations: Sequence[Equation]) -> bool:
    """Step 5: Π e(ρᵢ·Lᵢ, [1]₂)·e(ρᵢ·W'ᵢ, -[s]₂) = 1 with ρ₀ = 1 and the others random."""
    left: list[Term] = []
    right: list[Term] = []
    for i, equation in enumerate(equations):
        factor = 1 if i == 0 else secrets.randbits(_FACTOR_BITS)
        left += [(point, factor * scalar % ORDER) for point, scalar in equation.terms]
        right.append((equation.w_prime, factor))
    pairs = [(multiply_sum(left), srs.g2), (multiply_sum(right), srs.minus_s_g2)]
    return product_is_one(pairs)


def _at(claim: Claim, error: CheckFailed) -> CheckFailed:
    if claim.block is None:
        return error
    return CheckFailed(CHECK, error.reason, claim.block, None, error.expected, error.got)
