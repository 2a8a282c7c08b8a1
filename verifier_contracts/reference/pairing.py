"""The pairing equation, on py_ecc's tower of fields and its optimal ate pairing over BN254.

py_ecc is the Ethereum Foundation's reference for the EVM's precompile (EIP-197).  A verifier
always pairs with the same two points of an SRS, so the lines of their Miller loops, which py_ecc's
`linefunc` gives, are computed once and then only evaluated; loops share their squarings and the
final exponentiation.  The tests hold the result against `py_ecc.optimized_bn128.pairing`, which is
ten times slower.

Sources: Vercauteren, "Optimal pairings", ePrint 2008/096; Beuchat et al., ePrint 2010/354.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from py_ecc.optimized_bn128 import FQ2, FQ12, add, b2, double, is_on_curve, neg, twist
from py_ecc.optimized_bn128 import multiply as multiply_point
from py_ecc.optimized_bn128.optimized_pairing import linefunc, pseudo_binary_encoding

from zkdps.verifier_contracts.reference.bn254 import FIELD, Point
from zkdps.verifier_contracts.reference.scalars import ORDER
from zkdps.verifier_contracts.reference.vka import G2Point

BN_PARAMETER = 4965661367192848881
"""x: field and order are polynomials in it, and the Miller loop runs over 6x + 2."""

_Line = tuple[bool, FQ12, FQ12, FQ12]
"""Whether the accumulator is squared first; a, b, c of the line a·x + b·y + c."""


def product_is_one(pairs: Sequence[tuple[Point, G2Point]]) -> bool:
    """Whether Π e(p, q) = 1; an identity contributes 1."""
    live = [(point, _lines(q)) for point, q in pairs if point is not None]
    product = FQ12.one()
    for steps in zip(*(lines for _, lines in live), strict=True):
        if steps[0][0]:
            product *= product
        for ((x, y), _), (_, a, b, c) in zip(live, steps, strict=True):
            product *= a * x + b * y + c
    return bool(_final_exponentiation(product) == FQ12.one())


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


@lru_cache(maxsize=16)
def _lines(q: G2Point) -> tuple[_Line, ...]:
    """The lines of q's Miller loop, as py_ecc's `miller_loop` takes them.

    `linefunc` is linear in the point, so its values at three units are the coefficients; its
    denominators are left out, for the final exponentiation sends them to 1.
    """
    return tuple(_walk(twist(_projective(q))))


def _walk(start: tuple[FQ12, FQ12, FQ12]) -> Iterator[_Line]:
    units = [tuple(FQ12([int(i == j)] + [0] * 11) for j in range(3)) for i in range(3)]

    def line(other: tuple[FQ12, FQ12, FQ12], *, squares: bool) -> _Line:
        a, b, c = (linefunc(at, other, unit)[0] for unit in units)
        return squares, a, b, c

    at = start
    for digit in pseudo_binary_encoding[63::-1]:
        yield line(at, squares=True)
        at = double(at)
        if digit:
            step = start if digit == 1 else neg(start)
            yield line(step, squares=False)
            at = add(at, step)
    first = tuple(_frobenius(coordinate) for coordinate in start)
    second = neg(tuple(_frobenius(coordinate) for coordinate in first))
    yield line(first, squares=False)
    at = add(at, first)
    yield line(second, squares=False)


def _final_exponentiation(value: FQ12) -> FQ12:
    """value^((p¹² - 1)/r): first ^(p⁶ - 1)(p² + 1), then ^((p⁴ - p² + 1)/r) in base p.

    The digits of the last exponent are polynomials in x; negative ones are conjugates, which invert
    after the first part.
    """
    value = _conjugate(value) / value
    value = _frobenius(_frobenius(value)) * value
    powers = [value]
    for _ in range(3):
        powers.append(powers[-1] ** BN_PARAMETER)
    result = FQ12.one()
    for digits in reversed(HARD_EXPONENT):
        result = _frobenius(result)
        for power, exponent in zip(powers, digits, strict=True):
            base = power if exponent >= 0 else _conjugate(power)
            result *= base ** abs(exponent)
    return result


HARD_EXPONENT = ((-2, -18, -30, -36), (1, -12, -18, -36), (1, 0, 6, 0), (1, 0, 0, 0))
"""(p⁴ - p² + 1)/r = Σ pⁱ·dᵢ(x), each dᵢ by its coefficients of 1, x, x², x³."""


def _conjugate(value: FQ12) -> FQ12:
    """The p⁶-th power: w ↦ -w."""
    return FQ12([c if i % 2 == 0 else -c for i, c in enumerate(value.coeffs)])


def _frobenius(value: FQ12) -> FQ12:
    """The p-th power: coefficients stay, and w ↦ w^p."""
    result = FQ12.zero()
    for coefficient, image in zip(value.coeffs, _images_of_powers(), strict=True):
        result += image * int(coefficient)
    return result


@lru_cache(maxsize=1)
def _images_of_powers() -> tuple[FQ12, ...]:
    w_to_p = FQ12([0, 1] + [0] * 10) ** FIELD
    images = [FQ12.one()]
    for _ in range(11):
        images.append(images[-1] * w_to_p)
    return tuple(images)
