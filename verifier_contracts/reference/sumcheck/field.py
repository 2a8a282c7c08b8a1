"""The field F = F_p[x]/(f), each element held in one Python integer (`docs/sumcheck.md` §1).

The element a_0 + a_1 x + ... is the integer a(X) at X = 2^96.  So `+`, `-` and `*` of Python are
the ring's own, integers are elements, an inner product is `sum(map(mul, a, b))`, and `reduce`
brings a result back to limbs below p.  Limbs may be negative on the way: there is room for ±2^88 in
each, which is 2^23 products of reduced elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import mul

P = 2**31 - 2**24 + 1
"""KoalaBear."""
GENERATOR = 3
"""Of F_p^*."""
TWO_ADICITY = 24
LIMB_BYTES = 4
MAX_PRODUCTS = 1 << 23
"""Terms of one inner product."""

_SHIFT = 96
_MASK = (1 << _SHIFT) - 1
_2, _3, _4 = 2 * _SHIFT, 3 * _SHIFT, 4 * _SHIFT
_TAILS = {4: 3, 5: 1 - (1 << 2 * _SHIFT)}
"""What x^D equals."""
_OVERFLOWS = {4: (7,), 5: (9, 6)}
"""Limbs before each folding of x^D, x^(D+1), ... into the lower ones."""


def root_of_unity(order_bits: int) -> int:
    """omega_n = 3^((p-1)/n) for n = 2^order_bits."""
    return pow(GENERATOR, (P - 1) >> order_bits, P)


class Field:
    """F of degree 4 (x^4 = 3) or 5 (x^5 = 1 - x^2)."""

    def __init__(self, degree: int) -> None:
        self.degree = degree
        self._tail = _TAILS[degree]
        self._shifts = [_SHIFT * k for k in range(degree)]
        self._top = _SHIFT * degree
        self._low = (1 << self._top) - 1
        # Multiples of p, larger than any limb: all limbs become positive, so that shifts and masks
        # cut between limbs.
        folds = enumerate(_OVERFLOWS[degree])
        self._biases = [_in_each_limb(P << 58 + 3 * i, count) for i, count in folds]
        self._last_bias = _in_each_limb(P << 62, degree)

    def limbs(self, a: int) -> list[int]:
        """The limbs of the element, low degree first, each below p."""
        a = self._folded(a)
        return [(a >> shift & _MASK) % P for shift in self._shifts]

    def element(self, limbs: Sequence[int]) -> int:
        """The element with these limbs, low degree first."""
        return sum(limb << shift for limb, shift in zip(limbs, self._shifts, strict=True))

    def reduce(self, a: int) -> int:
        """The same element with limbs below p: equal elements become equal integers."""
        # `element(limbs(a))`, spelled out: nearly all time is spent here.
        a = self._folded(a)
        reduced = (a & _MASK) % P | (a >> _SHIFT & _MASK) % P << _SHIFT
        reduced |= (a >> _2 & _MASK) % P << _2 | (a >> _3 & _MASK) % P << _3
        return reduced if self.degree == 4 else reduced | (a >> _4) % P << _4

    def _folded(self, a: int) -> int:
        """The same element with D limbs, all positive."""
        for bias in self._biases:
            a += bias
            a = (a & self._low) + (a >> self._top) * self._tail
        return a + self._last_bias

    def dot(self, a: Sequence[int], b: Sequence[int]) -> int:
        """Inner product of two vectors of reduced elements or 32-bit integers."""
        return self.reduce(sum(map(mul, a, b)))

    def product(self, factors: Iterable[int]) -> int:
        """Product of reduced elements; 1 of none."""
        result = 1
        for factor in factors:
            result = self.reduce(result * factor)
        return result

    def inverse(self, a: int) -> int:
        """1/a of a reduced element other than 0.

        The product of a with its conjugates a^p, a^(p^2), ... is its norm, which lies in F_p.
        """
        conjugates, image = 1, a
        for _ in range(self.degree - 1):
            image = self.dot(self.limbs(image), self._powers_of_x_to_p)
            conjugates = self.reduce(conjugates * image)
        norm = self.reduce(a * conjugates)
        return self.reduce(conjugates * pow(norm, -1, P))

    @cached_property
    def _powers_of_x_to_p(self) -> list[int]:
        """x^(pk): a^p = a_0 + a_1 x^p + a_2 x^2p + ..., since a_k^p = a_k."""
        x_to_p = 1
        for bit in f"{P:b}":
            x_to_p = self.reduce(x_to_p * x_to_p)
            if bit == "1":
                x_to_p = self.reduce(x_to_p << _SHIFT)
        return [self.product([x_to_p] * k) for k in range(self.degree)]


def _in_each_limb(value: int, count: int) -> int:
    return sum(value << _SHIFT * k for k in range(count))
