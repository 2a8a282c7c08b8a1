"""BN254's G1 on plain integers: sums of multiples, which is where a verifier spends its time.

y² = x³ + 3 over the field of `FIELD` elements.  Affine points are pairs, `None` is the identity.
Sums run in Jacobian coordinates (x/z², y/z³), so that one inversion at the end is all there is.
Formulas: Bernstein and Lange, Explicit-Formulas Database, "dbl-2009-l" and "madd-2007-bl"; nothing
here is constant-time, for nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Sequence

from zkdps.verifier_contracts.reference.scalars import ORDER

FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""The modulus of the coordinates."""

Affine = tuple[int, int]
Point = Affine | None
_Jacobian = tuple[int, int, int]
_IDENTITY: _Jacobian = (1, 1, 0)


def is_on_curve(x: int, y: int) -> bool:
    """Whether the coordinates are reduced and satisfy the equation (the cofactor is 1)."""
    return 0 <= x < FIELD and 0 <= y < FIELD and (y * y - x * x * x - 3) % FIELD == 0


def negate(point: Point) -> Point:
    """The inverse."""
    return None if point is None else (point[0], FIELD - point[1])


def multiply_sum(terms: Sequence[tuple[Point, int]]) -> Point:
    """Σ scalar·point, by Pippenger's buckets with signed digits.

    Each scalar is cut into digits of `width` bits in [-2^(w-1), 2^(w-1)]; per digit place, points
    of equal digit share a bucket, and Σ digit·bucket is two running sums.
    """
    live = [(point, scalar % ORDER) for point, scalar in terms if point is not None]
    live = [(point, scalar) for point, scalar in live if scalar]
    if not live:
        return None
    width = max(2, min(8, len(live).bit_length() - 2))
    digits = [_signed_digits(scalar, width) for _, scalar in live]
    total = _IDENTITY
    for place in range(max(map(len, digits)) - 1, -1, -1):
        for _ in range(width):
            total = _double(total)
        total = _add(total, _bucket_sum([p for p, _ in live], digits, place, width))
    return _to_affine(total)


def _signed_digits(scalar: int, width: int) -> list[int]:
    """Low first; a digit over half the base borrows from the next one."""
    base, digits = 1 << width, []
    while scalar:
        digit = scalar & (base - 1)
        scalar >>= width
        if digit > base >> 1:
            digit -= base
            scalar += 1
        digits.append(digit)
    return digits


def _bucket_sum(
    points: Sequence[Affine], digits: Sequence[Sequence[int]], place: int, width: int
) -> _Jacobian:
    buckets = [_IDENTITY] * ((1 << (width - 1)) + 1)
    for (x, y), row in zip(points, digits, strict=True):
        digit = row[place] if place < len(row) else 0
        if digit > 0:
            buckets[digit] = _add_affine(buckets[digit], x, y)
        elif digit < 0:
            buckets[-digit] = _add_affine(buckets[-digit], x, FIELD - y)
    running = total = _IDENTITY
    for bucket in reversed(buckets[1:]):
        running = _add(running, bucket)
        total = _add(total, running)
    return total


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if not z:
        return point
    a, b = x * x % FIELD, y * y % FIELD
    c = b * b % FIELD
    d = 2 * ((x + b) * (x + b) - a - c) % FIELD
    e = 3 * a
    new_x = (e * e - 2 * d) % FIELD
    return new_x, (e * (d - new_x) - 8 * c) % FIELD, 2 * y * z % FIELD


def _add_affine(point: _Jacobian, x: int, y: int) -> _Jacobian:
    x1, y1, z1 = point
    if not z1:
        return x, y, 1
    zz = z1 * z1 % FIELD
    h = (x * zz - x1) % FIELD
    r = (y * z1 % FIELD * zz - y1) % FIELD
    if not h:
        return _double(point) if not r else _IDENTITY
    hh = h * h % FIELD
    hhh, v = h * hh % FIELD, x1 * hh % FIELD
    new_x = (r * r - hhh - 2 * v) % FIELD
    return new_x, (r * (v - new_x) - y1 * hhh) % FIELD, z1 * h % FIELD


def _add(left: _Jacobian, right: _Jacobian) -> _Jacobian:
    x1, y1, z1 = left
    x2, y2, z2 = right
    if not z1:
        return right
    if not z2:
        return left
    zz1, zz2 = z1 * z1 % FIELD, z2 * z2 % FIELD
    u1, s1 = x1 * zz2 % FIELD, y1 * z2 % FIELD * zz2 % FIELD
    h = (x2 * zz1 - u1) % FIELD
    r = (y2 * z1 % FIELD * zz1 - s1) % FIELD
    if not h:
        return _double(left) if not r else _IDENTITY
    hh = h * h % FIELD
    hhh, v = h * hh % FIELD, u1 * hh % FIELD
    new_x = (r * r - hhh - 2 * v) % FIELD
    return new_x, (r * (v - new_x) - s1 * hhh) % FIELD, z1 * z2 % FIELD * h % FIELD


def _to_affine(point: _Jacobian) -> Point:
    x, y, z = point
    if not z:
        return None
    inverse = pow(z, -1, FIELD)
    square = inverse * inverse % FIELD
    return x * square % FIELD, y * square % FIELD * inverse % FIELD
