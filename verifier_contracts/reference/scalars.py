"""The scalar field of BN254: proofs' evaluations, challenges and exponents are its elements."""

from __future__ import annotations

from collections.abc import Sequence

ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""The order of the group, a prime: all arithmetic here is modulo this."""
DELTA = 4131629893567559867359510883348571134090853742863529169391034518566172092834
"""7**(2**28): generates the cosets that name the columns of a permutation argument (halo2 book)."""


def invert_all(values: Sequence[int]) -> list[int]:
    """The inverses, with one inversion in all (Montgomery's trick).

    Raises:
        ZeroDivisionError: one of them is zero.
    """
    prefixes = [1]
    for value in values:
        prefixes.append(prefixes[-1] * value % ORDER)
    if prefixes[-1] == 0:
        raise ZeroDivisionError("zero has no inverse")
    running = pow(prefixes[-1], -1, ORDER)
    inverses = [0] * len(values)
    for i in range(len(values) - 1, -1, -1):
        inverses[i] = running * prefixes[i] % ORDER
        running = running * values[i] % ORDER
    return inverses


def horner(terms: Sequence[int], base: int) -> int:
    """((t₀·b + t₁)·b + t₂)·b + …: the last term has no factor."""
    total = 0
    for term in terms:
        total = (total * base + term) % ORDER
    return total
