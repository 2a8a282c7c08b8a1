"""KoalaBear and its extensions of degree 4 and 5, in plain Python integers.

The base field is F_p, p = 2^31 - 2^24 + 1; its multiplicative group has a subgroup of every
power of two up to 2^24.  The extensions are F_p[x]/(x^4 - 3) and F_p[x]/(x^5 + x^2 - 1).
An element is the tuple of its limbs, low degree first, each canonical (0 <= limb < p); its
length is the degree.  This module is for scalars: challenges, claims, the verifier's sums.
Vectors are the business of `zkdps.provers.sumcheck.kernels`.

Source: docs/sumcheck.md, section 1.
"""

from __future__ import annotations

from collections.abc import Sequence

Element = tuple[int, ...]
"""An element of the extension: D canonical limbs, low degree first."""

P = 2**31 - 2**24 + 1
GENERATOR = 3
"""Generates the multiplicative group of F_p."""
TWO_ADICITY = 24
"""The largest k such that 2^k divides p - 1."""
DEGREES = (4, 5)


def bits(count: int) -> int:
    """ceil(log2 count): the variables that index `count` entries; bits(1) = 0."""
    return (count - 1).bit_length()


def omega(n: int) -> int:
    """The root of unity of order n, 3^((p-1)/n).

    Raises:
        ValueError: n is no power of two up to 2^24.
    """
    if n < 1 or n & (n - 1) or n > 1 << TWO_ADICITY:
        raise ValueError(f"no root of unity of order {n}: not a power of two up to 2^24")
    return pow(GENERATOR, (P - 1) // n, P)


def element(value: int, degree: int) -> Element:
    """The integer as an element: its residue, then zeros."""
    return (value % P, *(0,) * (degree - 1))


def zero(degree: int) -> Element:
    """The neutral element of addition."""
    return (0,) * degree


def one(degree: int) -> Element:
    """The neutral element of multiplication."""
    return element(1, degree)


def add(a: Element, b: Element) -> Element:
    """a + b."""
    if len(a) == 4:
        a0, a1, a2, a3 = a
        b0, b1, b2, b3 = b
        return (a0 + b0) % P, (a1 + b1) % P, (a2 + b2) % P, (a3 + b3) % P
    return tuple([(x + y) % P for x, y in zip(a, b, strict=True)])


def sub(a: Element, b: Element) -> Element:
    """a - b."""
    if len(a) == 4:
        a0, a1, a2, a3 = a
        b0, b1, b2, b3 = b
        return (a0 - b0) % P, (a1 - b1) % P, (a2 - b2) % P, (a3 - b3) % P
    return tuple([(x - y) % P for x, y in zip(a, b, strict=True)])


def neg(a: Element) -> Element:
    """-a."""
    return tuple([-x % P for x in a])


def scale(a: Element, factor: int) -> Element:
    """The element times an integer of any sign and size."""
    return tuple([x * factor % P for x in a])


def mul(a: Element, b: Element) -> Element:
    """a * b, schoolbook, reduced by x^4 = 3 or x^5 = 1 - x^2."""
    if len(a) == 4:
        a0, a1, a2, a3 = a
        b0, b1, b2, b3 = b
        return (
            (a0 * b0 + 3 * (a1 * b3 + a2 * b2 + a3 * b1)) % P,
            (a0 * b1 + a1 * b0 + 3 * (a2 * b3 + a3 * b2)) % P,
            (a0 * b2 + a1 * b1 + a2 * b0 + 3 * a3 * b3) % P,
            (a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0) % P,
        )
    a0, a1, a2, a3, a4 = a
    b0, b1, b2, b3, b4 = b
    # x^5 = 1 - x^2, x^6 = x - x^3, x^7 = x^2 - x^4, x^8 = x^3 - x^5 = x^3 + x^2 - 1.
    c5 = a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1
    c6 = a2 * b4 + a3 * b3 + a4 * b2
    c7 = a3 * b4 + a4 * b3
    c8 = a4 * b4
    return (
        (a0 * b0 + c5 - c8) % P,
        (a0 * b1 + a1 * b0 + c6) % P,
        (a0 * b2 + a1 * b1 + a2 * b0 - c5 + c7 + c8) % P,
        (a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 - c6 + c8) % P,
        (a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0 - c7) % P,
    )


def power(a: Element, exponent: int) -> Element:
    """a to a non-negative power."""
    result = one(len(a))
    for bit in f"{exponent:b}":
        result = mul(result, result)
        if bit == "1":
            result = mul(result, a)
    return result


def powers(a: Element, count: int) -> list[Element]:
    """1, a, a^2, ...: `count` of them."""
    result = [one(len(a))]
    while len(result) < count:
        result.append(mul(result[-1], a))
    return result[:count]


def inverse(a: Element) -> Element:
    """1 / a, by solving the linear system of multiplication by a.

    Raises:
        ZeroDivisionError: a is 0.
    """
    degree = len(a)
    # Column j of the matrix is a * x^j; row i is limb i; the right side is 1.
    columns = [mul(a, tuple(int(i == j) for i in range(degree))) for j in range(degree)]
    rows = [[c[i] for c in columns] + [int(i == 0)] for i in range(degree)]
    for i in range(degree):
        pivot = next((k for k in range(i, degree) if rows[k][i]), None)
        if pivot is None:
            raise ZeroDivisionError("0 has no inverse")
        rows[i], rows[pivot] = rows[pivot], rows[i]
        factor = pow(rows[i][i], -1, P)
        rows[i] = [x * factor % P for x in rows[i]]
        for k in range(degree):
            if k != i and rows[k][i]:
                rows[k] = [(x - rows[k][i] * y) % P for x, y in zip(rows[k], rows[i], strict=True)]
    return tuple(row[degree] for row in rows)


def total(elements: Sequence[Element], degree: int) -> Element:
    """The sum of the elements; 0 of none."""
    return tuple([sum(e[i] for e in elements) % P for i in range(degree)])


def dot(a: Sequence[Element], b: Sequence[Element], degree: int) -> Element:
    """sum_i a_i b_i of two sequences of equal length."""
    return total([mul(x, y) for x, y in zip(a, b, strict=True)], degree)


def eq(a: Sequence[Element], b: Sequence[Element], degree: int) -> Element:
    """prod_i (a_i b_i + (1 - a_i)(1 - b_i)): 1 on equal bit vectors, 0 on different ones."""
    result = one(degree)
    for x, y in zip(a, b, strict=True):
        # xy + (1-x)(1-y) = 1 - x - y + 2xy
        factor = sub(sub(add(one(degree), scale(mul(x, y), 2)), x), y)
        result = mul(result, factor)
    return result


def eq_table(point: Sequence[Element], degree: int) -> list[Element]:
    """eq(point, x) for every x of 2^len(point), the most significant bit first."""
    table = [one(degree)]
    for z in point:
        high = [mul(t, z) for t in table]
        table = [e for t, h in zip(table, high, strict=True) for e in (sub(t, h), h)]
    return table
