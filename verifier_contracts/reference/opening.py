"""SHPLONK (Boneh, Drake, Fisch, Gabizon, ePrint 2020/081, section 4): many openings, one equation.

Polynomials are grouped by the set Sᵢ of points they are opened at.  Inside a set they are folded
with ζ to fᵢ with commitment Fᵢ; rᵢ is the polynomial of degree < |Sᵢ| through the claimed values.
With T = ∪Sᵢ and Z_S(μ) = Π_{p∈S}(μ - p), the prover shows that Σᵢ νⁱ·Z_{T\\Sᵢ}·(fᵢ - rᵢ) is a
multiple of Z_T: W commits to the quotient, W' to the opening of what remains at μ.  Divided by
Z_{T\\S₀}(μ):

    L = Σᵢ νⁱ·cᵢ·(Fᵢ - rᵢ(μ)·[1]₁) - Z_{S₀}(μ)·W + μ·W',   cᵢ = Z_{T\\Sᵢ}(μ)/Z_{T\\S₀}(μ)
    e(L, [1]₂)·e(W', -[s]₂) = 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zkdps.verifier_contracts.reference.bn254 import Affine, Point
from zkdps.verifier_contracts.reference.decode import root_of_unity
from zkdps.verifier_contracts.reference.proof import Proof, failed
from zkdps.verifier_contracts.reference.scalars import ORDER, horner, invert_all
from zkdps.verifier_contracts.reference.vka import OpeningSet, Quotient, Vka

Term = tuple[Point, int]


@dataclass(frozen=True, slots=True)
class Equation:
    """What is left to check: e(Σ scalar·point, [1]₂)·e(W', -[s]₂) = 1."""

    terms: tuple[Term, ...]
    w_prime: Affine


def opening_equation(vka: Vka, proof: Proof, quotient: int, x_to_n: int) -> Equation:
    """The equation of a proof whose quotient polynomial has that value at x.

    Raises:
        CheckFailed: (5) μ is one of the points, which an honest transcript gives with probability
            of about 2⁻²⁵⁰.
    """
    mu, nu = proof.challenges.mu, proof.challenges.nu
    omega, x = root_of_unity(vka.logrows), proof.challenges.x
    rotations = {rotation for group in vka.openings for rotation in group.rotations}
    points = {rotation: x * pow(omega, rotation, ORDER) % ORDER for rotation in rotations}
    sets = [[points[rotation] for rotation in group.rotations] for group in vka.openings]
    vanishing = [_product([mu - point for point in group]) for group in sets]
    # cᵢ = Z_{T\Sᵢ}/Z_{T\S₀} = Z_{S₀}/Z_{Sᵢ}
    weights = _barycentric(sets, mu)
    inverses = _inverses(vanishing)
    terms: list[Term] = []
    constant, power = 0, 1
    for i, group in enumerate(vka.openings):
        factor = power * vanishing[0] % ORDER * inverses[i] % ORDER
        remainder = _remainder(proof, group, quotient, weights[i], vanishing[i])
        constant = (constant + factor * remainder) % ORDER
        terms += _commitments(vka, proof, group, factor, x_to_n)
        power = power * nu % ORDER
    terms += [(vka.srs.g1, -constant), (proof.w, -vanishing[0]), (proof.w_prime, mu)]
    return Equation(tuple(terms), proof.w_prime)


def _barycentric(sets: Sequence[Sequence[int]], mu: int) -> list[list[int]]:
    """1/((μ - pⱼ)·Π_{k≠j}(pⱼ - p_k)): rᵢ(μ) = Z_{Sᵢ}(μ)·Σⱼ weightⱼ·valueⱼ."""
    denominators = [
        (mu - p) * _product([p - other for k, other in enumerate(group) if k != j]) % ORDER
        for group in sets
        for j, p in enumerate(group)
    ]
    flat = iter(_inverses(denominators))
    return [[next(flat) for _ in group] for group in sets]


def _remainder(
    proof: Proof, group: OpeningSet, quotient: int, weights: Sequence[int], vanishing: int
) -> int:
    """Σ ζ^… rᵢ(μ) over the polynomials of one set."""
    values = []
    for opened in group.opened:
        evaluations = [proof.evaluations[index] for index in opened.evaluations] or [quotient]
        values.append(sum(w * v for w, v in zip(weights, evaluations, strict=True)) % ORDER)
    return horner(values, proof.challenges.zeta) * vanishing % ORDER


def _commitments(vka: Vka, proof: Proof, group: OpeningSet, factor: int, x_to_n: int) -> list[Term]:
    """factor·Σ ζ^…·C; the quotient's commitment is Σ (xⁿ)ⁱ·hᵢ over its pieces."""
    terms: list[Term] = []
    scalar = factor
    for opened in reversed(group.opened):
        commitment = opened.commitment
        if isinstance(commitment, Quotient):
            piece = scalar
            for index in vka.quotient_points:
                terms.append((proof.points[index], piece))
                piece = piece * x_to_n % ORDER
        elif isinstance(commitment, int):
            terms.append((proof.points[commitment], scalar))
        else:
            terms.append((commitment, scalar))
        scalar = scalar * proof.challenges.zeta % ORDER
    return terms


def _product(factors: Sequence[int]) -> int:
    total = 1
    for factor in factors:
        total = total * factor % ORDER
    return total


def _inverses(values: Sequence[int]) -> list[int]:
    try:
        return invert_all(values)
    except ZeroDivisionError as error:
        raise failed("the challenge μ or x makes two points of the opening equal") from error
