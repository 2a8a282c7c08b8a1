"""Proves that a stranger's SRS is one: powers of one secret, in both groups and both bases.

Each family of equations is checked as one random linear combination, so a wrong file passes with
probability 2**-128; the randomness is drawn here, after the file is fixed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from py_ecc.optimized_bn128 import (
    FQ,
    FQ2,
    b2,
    curve_order,
    is_inf,
    is_on_curve,
    multiply,
    pairing,
)

from zkdps.core import bn254
from zkdps.core.bn254 import GENERATOR, ORDER, Point, multiply_sum, omega
from zkdps.provers.ezkl.srs_format import G2_GENERATOR, G2Affine, Srs

_CHALLENGE_BITS = 128


def check_structure(srs: Srs) -> None:
    """Raise `ValueError`, saying what is wrong, unless `srs` is a structured reference string."""
    if srs.powers[0] != GENERATOR or srs.g2 != G2_GENERATOR:
        raise ValueError("it does not start from the generators of G1 and G2")
    for name, points in (("power", srs.powers), ("Lagrange", srs.lagrange)):
        for index, point in enumerate(points):
            if point is None or not bn254.is_on_curve(point):
                raise ValueError(f"{name} point {index} is not on the curve")
    _check_g2(srs.s_g2)
    _check_powers(srs)
    _check_lagrange(srs.powers, srs.lagrange)


def _check_g2(point: G2Affine) -> None:
    projective = _g2(point)
    if not is_on_curve(projective, b2) or is_inf(projective):
        raise ValueError("[s] in G2 is not on the curve")
    if not is_inf(multiply(projective, curve_order)):
        raise ValueError("[s] in G2 is not in the group of prime order")


def _check_powers(srs: Srs) -> None:
    """e(Σ rᵢ g[i+1], [1]₂) = e(Σ rᵢ g[i], [s]₂): each power is s times the one before."""
    count = len(srs.powers) - 1
    challenges = [secrets.randbits(_CHALLENGE_BITS) for _ in range(count)]
    low = multiply_sum(srs.powers[:count], challenges)
    high = multiply_sum(srs.powers[1:], challenges)
    if pairing(_g2(srs.g2), _g1(high)) != pairing(_g2(srs.s_g2), _g1(low)):
        raise ValueError("the powers are not powers of the secret in G2")


def _check_lagrange(powers: Sequence[Point], lagrange: Sequence[Point]) -> None:
    """Σ rᵢ Lᵢ = Σ cⱼ g[j], c the coefficients of the polynomial with values r on the roots."""
    values = [secrets.randbits(_CHALLENGE_BITS) for _ in lagrange]
    if multiply_sum(lagrange, values) != multiply_sum(powers, interpolate(values)):
        raise ValueError("the Lagrange basis does not belong to the powers")


def interpolate(values: Sequence[int]) -> list[int]:
    """Coefficients of the polynomial with these values on the roots of unity, modulo `ORDER`."""
    coefficients = _transform(list(values), pow(omega(len(values).bit_length() - 1), -1, ORDER))
    scale = pow(len(values), -1, ORDER)
    return [value * scale % ORDER for value in coefficients]


def _transform(values: list[int], root: int) -> list[int]:
    if len(values) == 1:
        return values
    square = root * root % ORDER
    even, odd = _transform(values[::2], square), _transform(values[1::2], square)
    twiddle, low, high = 1, [], []
    for left, right in zip(even, odd, strict=True):
        turned = twiddle * right
        low.append((left + turned) % ORDER)
        high.append((left - turned) % ORDER)
        twiddle = twiddle * root % ORDER
    return low + high


def _g1(point: Point) -> tuple[FQ, FQ, FQ]:
    if point is None:
        raise ValueError("a combination of the points vanishes")
    return FQ(point[0]), FQ(point[1]), FQ(1)


def _g2(point: G2Affine) -> tuple[FQ2, FQ2, FQ2]:
    return FQ2(point[0]), FQ2(point[1]), FQ2.one()
