"""Equality constraints: the permutation argument of the halo2 book, split into sets of columns.

A running product z multiplies, row by row, (pᵢ + β·δⁱ·ω^row + γ)/(pᵢ + β·sᵢ + γ) over the columns
pᵢ with permutation polynomials sᵢ.  It starts at 1, each set goes on where the one before stopped,
and the last must end at 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from zkdps.verifier_contracts.reference.domain import AtX
from zkdps.verifier_contracts.reference.proof import Proof
from zkdps.verifier_contracts.reference.scalars import DELTA, ORDER
from zkdps.verifier_contracts.reference.vka import Vka


def permutation_terms(vka: Vka, proof: Proof, at: AtX) -> Iterator[int]:
    """The constraints' values at x, each zero on all rows if and only if it holds."""
    sets, value = vka.permutation, proof.evaluations
    # l₀(x)·(1 - z₀(x)) = 0
    yield at.l_first * (1 - value[sets[0].z]) % ORDER
    # l_last(x)·(z_m(x)² - z_m(x)) = 0
    last = value[sets[-1].z]
    yield at.l_last * (last * last - last) % ORDER
    # l₀(x)·(zᵢ(x) - zᵢ₋₁(ω^last·x)) = 0
    for before, after in pairwise(sets):
        if before.z_last is None:
            raise AssertionError("decode gives every set but the last a z at the last row")
        yield at.l_first * (value[after.z] - value[before.z_last]) % ORDER
    yield from _products(vka, proof, at)


def _products(vka: Vka, proof: Proof, at: AtX) -> Iterator[int]:
    """(1 - l_last - l_blind)·(z(ωx)·Π(pᵢ + β·sᵢ + γ) - z(x)·Π(pᵢ + β·δⁱ·x + γ)) = 0."""
    value, beta, gamma = proof.evaluations, proof.challenges.beta, proof.challenges.gamma
    shift = beta * proof.challenges.x % ORDER
    for group in vka.permutation:
        left, right = value[group.z_next], value[group.z]
        for column in group.columns:
            p = at.instance if column.evaluation is None else value[column.evaluation]
            left = left * (p + beta * value[column.sigma] + gamma) % ORDER
            right = right * (p + shift + gamma) % ORDER
            shift = shift * DELTA % ORDER
        yield at.l_active * (left - right) % ORDER
