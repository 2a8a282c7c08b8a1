"""The pairing equation, on py_ecc's optimal ate pairing over BN254.

py_ecc is the Ethereum Foundation's reference for the EVM's precompile (EIP-197).  Miller loops are
multiplied before the one final exponentiation; pairs that share a point of G2 must be added up by
the caller, so a whole run costs two Miller loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from py_ecc.optimized_bn128 import FQ, FQ2, FQ12, b2, final_exponentiate, is_on_curve, pairing
from py_ecc.optimized_bn128 import multiply as multiply_point

from zkdps.verifier_contracts.reference.bn254 import FIELD, Point
from zkdps.verifier_contracts.reference.scalars import ORDER
from zkdps.verifier_contracts.reference.vka import G2Point


def product_is_one(pairs: Sequence[tuple[Point, G2Point]]) -> bool:
    """Whether Π e(p, q) = 1; an identity contributes 1."""
    product = FQ12.one()
    for point, q in pairs:
        if point is not None:
            p = (FQ(point[0]), FQ(point[1]), FQ(1))
            product *= pairing(_projective(q), p, final_exponentiate=False)
    return bool(final_exponentiate(product) == FQ12.one())


@lru_cache(maxsize=64)
def is_in_g2(q: G2Point) -> bool:
    """Whether the coordinates are reduced and name a point of the prime-order group, not 0.

    The twist has a cofactor, so being on the curve is not enough (EIP-197 demands the same).
    """
    if not all(0 <= c < FIELD for coordinate in q for c in coordinate):
        return False
    point = _projective(q)
    return bool(is_on_curve(point, b2)) and bool(multiply_point(point, ORDER)[2] == FQ2.zero())


def _projective(q: G2Point) -> tuple[FQ2, FQ2, FQ2]:
    return FQ2(q[0]), FQ2(q[1]), FQ2.one()
