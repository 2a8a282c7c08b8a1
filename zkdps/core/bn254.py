"""The curve BN254 G1 on Python integers: what SRS files and polynomial commitments need.

y² = x³ + 3 over the field of `FIELD` elements; the group has prime order `ORDER` and generator
(1, 2).  Points are affine pairs of integers, `None` is the identity.  One affine addition costs a
modular inversion, which is slow; many independent ones share a single inversion (Montgomery's
trick), so everything here works on batches.  `py_ecc.optimized_bn128` is the reference twin in the
tests; it adds in projective coordinates with objects for field elements, about ten times slower,
too slow for an SRS.

Nothing here runs in constant time: no secret ever enters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""The modulus of the coordinates."""
ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""The order of the group, the modulus of the scalars."""

TWO_ADICITY = 28
"""`ORDER - 1` has 2**28 as a factor."""
ROOT_OF_UNITY = pow(7, (ORDER - 1) >> TWO_ADICITY, ORDER)
"""Of order 2**28; 7 generates the scalars' multiplicative group."""

Affine = tuple[int, int]
Point = Affine | None

GENERATOR: Affine = (1, 2)
POINT_BYTES = 64


def omega(logrows: int) -> int:
    """The root of unity of order `2**logrows` that halo2 uses."""
    return pow(ROOT_OF_UNITY, 1 << (TWO_ADICITY - logrows), ORDER)


def is_on_curve(point: Affine) -> bool:
    """Whether reduced coordinates satisfy the curve's equation (the cofactor is 1)."""
    x, y = point
    return 0 <= x < FIELD and 0 <= y < FIELD and (y * y - x * x * x - 3) % FIELD == 0


def negate(point: Point) -> Point:
    """The inverse."""
    return None if point is None else (point[0], FIELD - point[1])


def to_bytes(point: Point) -> bytes:
    """64 bytes, x then y, big-endian; the identity is all zero, as in the EVM's precompiles."""
    x, y = point or (0, 0)
    return x.to_bytes(32, "big") + y.to_bytes(32, "big")


def from_bytes(data: bytes) -> Point:
    """Inverse of `to_bytes`.

    Raises:
        ValueError: another length, a coordinate not reduced, or not on the curve.
    """
    if len(data) != POINT_BYTES:
        raise ValueError(f"a point has {POINT_BYTES} bytes, got {len(data)}")
    point = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
    if point == (0, 0):
        return None
    if not is_on_curve(point):
        raise ValueError("not a point of BN254 G1")
    return point


def add_pairs(lefts: Sequence[Point], rights: Sequence[Point]) -> list[Point]:
    """Element-wise sums, with one modular inversion for all of them."""
    slopes = _slopes(lefts, rights)
    sums: list[Point] = []
    for left, right, slope in zip(lefts, rights, slopes, strict=True):
        if left is None or right is None:
            sums.append(left or right)
        elif slope is None:
            sums.append(None)
        else:
            x = (slope * slope - left[0] - right[0]) % FIELD
            sums.append((x, (slope * (left[0] - x) - left[1]) % FIELD))
    return sums


def _slopes(lefts: Sequence[Point], rights: Sequence[Point]) -> list[int | None]:
    """Slopes of the lines through each pair; `None` where the line is vertical or absent."""
    numerators: list[int] = []
    prefixes: list[int] = []
    denominators: list[int] = []
    product = 1
    for left, right in zip(lefts, rights, strict=True):
        if left is None or right is None:
            numerator, denominator = 0, 0
        elif left[0] != right[0]:
            numerator, denominator = right[1] - left[1], right[0] - left[0]
        elif left[1] == right[1]:
            numerator, denominator = 3 * left[0] * left[0], 2 * left[1]
        else:
            numerator, denominator = 0, 0
        numerators.append(numerator)
        denominators.append(denominator)
        prefixes.append(product)
        if denominator:
            product = product * denominator % FIELD
    inverse = pow(product, -1, FIELD)
    slopes: list[int | None] = [None] * len(numerators)
    for index in range(len(numerators) - 1, -1, -1):
        if denominator := denominators[index]:
            slopes[index] = numerators[index] * prefixes[index] % FIELD * inverse % FIELD
            inverse = inverse * denominator % FIELD
    return slopes


def sum_groups(groups: Iterable[Sequence[Point]]) -> list[Point]:
    """The sum of each group, halving all groups at once so that inversions are shared."""
    live = [list(group) for group in groups]
    while any(len(group) > 1 for group in live):
        lefts: list[Point] = []
        rights: list[Point] = []
        for group in live:
            half = len(group) // 2
            lefts += group[:half]
            rights += group[half : 2 * half]
        sums = iter(add_pairs(lefts, rights))
        live = [
            [next(sums) for _ in range(len(group) // 2)] + group[2 * (len(group) // 2) :]
            for group in live
        ]
    return [group[0] if group else None for group in live]


def multiply(point: Point, scalar: int) -> Point:
    """`scalar` times `point`."""
    return multiply_sum([point], [scalar])


def multiply_sum(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    """Σ scalarᵢ · pointᵢ by buckets (Pippenger 1976), quickest for small signed scalars.

    Args:
        points: `(terms,)`.
        scalars: `(terms,)` signed integers of any size, taken as they are: pass the signed
            representative, not its residue modulo `ORDER`.
    """
    bits = max((abs(scalar).bit_length() for scalar in scalars), default=0)
    window_bits = max(2, min(13, len(points).bit_length() - 3))
    signed = [
        (point if scalar > 0 else negate(point), abs(scalar))
        for point, scalar in zip(points, scalars, strict=True)
        if scalar
    ]
    total: Point = None
    for window in range(max(0, bits - 1) // window_bits, -1, -1):
        sums = _bit_sums(signed, window * window_bits, window_bits)
        for bit in reversed(sums):
            (total,) = add_pairs([total], [total])
            (total,) = add_pairs([total], [bit])
    return total


def _bit_sums(terms: Sequence[tuple[Point, int]], shift: int, width: int) -> list[Point]:
    """For each of `width` bits from `shift` up, the sum of the points whose scalar has it set."""
    mask = (1 << width) - 1
    buckets: dict[int, list[Point]] = {}
    for point, scalar in terms:
        if digit := scalar >> shift & mask:
            buckets.setdefault(digit, []).append(point)
    digits = list(buckets)
    sums = sum_groups(buckets[digit] for digit in digits)
    return sum_groups(
        [total for digit, total in zip(digits, sums, strict=True) if digit >> bit & 1]
        for bit in range(width)
    )


class FixedBase:
    """Many multiples of one point, from tables of its multiples: an SRS from a known secret."""

    def __init__(self, base: Affine, terms: int) -> None:
        """Makes the tables, sized for about `terms` multiplications."""
        self._width = max(4, min(12, terms.bit_length() - 4))
        self._tables: list[list[Point]] = []
        start: Point = base
        for _ in range(0, ORDER.bit_length(), self._width):
            row: list[Point] = [None, start]
            while len(row) < 1 << self._width:
                # Doubles the row: the upper half is the lower half plus the next power.
                (top,) = add_pairs([row[len(row) // 2]], [row[len(row) // 2]])
                row += add_pairs(row, [top] * len(row))
            self._tables.append(row)
            (start,) = add_pairs([row[len(row) // 2]], [row[len(row) // 2]])

    def multiply_all(self, scalars: Sequence[int]) -> list[Point]:
        """`scalar` times the base, for each scalar reduced modulo `ORDER`."""
        mask = (1 << self._width) - 1
        totals: list[Point] = [None] * len(scalars)
        for position, row in enumerate(self._tables):
            shift = position * self._width
            totals = add_pairs(totals, [row[scalar >> shift & mask] for scalar in scalars])
        return totals
