"""Constants of a model as integers: as fine as the static bounds allow, at most 13 bits wide."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operators.interface import Reals
from zkdps.provers.sumcheck.system import Int32s, Int64s

MAX_CONSTANT = (1 << 12) - 1
"""Largest magnitude of a constant: 13 bits with the sign.  More gains no accuracy (facts, §6)."""
_PART = 1 << 16
MIN_BITS = 4
"""A constant that only fits with fewer bits is refused: it would not be the model's any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """real = integers / 2**scale_bits."""

    integers: Int32s | Int64s
    """Those that a compiled circuit keeps are int32, and mapped from disk."""
    scale_bits: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.integers.shape


Weights = Reals | Constant
"""Weights of a model before a circuit is compiled, and after."""


def integers_of(reals: Reals, scale_bits: int) -> Int64s:
    """Nearest integers to reals * 2**scale_bits; halves to even."""
    # An array even where the constant is one number: a product of a scalar is no array.
    scaled = np.array(reals, dtype=np.float64)
    scaled *= 2.0**scale_bits
    return np.rint(scaled).astype(np.int64)


def absolute_sums(integers: Int32s | Int64s, axes: tuple[int, ...]) -> Int64s:
    """Sums of absolute values over some axes, without a second array of the integers' size."""
    step = max(_PART // max(integers[:1].size, 1), 1)
    parts = [
        np.abs(integers[start : start + step]).sum(axis=axes, dtype=np.int64)
        for start in range(0, len(integers), step)
    ]
    return np.asarray(np.sum(parts, axis=0) if 0 in axes else np.concatenate(parts))


def quantise_constant(
    builder: Builder,
    name: str,
    reals: Weights,
    scale_bits: int,
    magnitude: Callable[[Constant], int],
) -> Constant:
    """The finest integers for a constant that is multiplied into an accumulator.

    A constant that is quantised already stays what it is: rules U and Z are checked where it is
    used, here or there.  An exact dyadic constant of few bits stays exact.  Where the product
    would be coarser than the result, the integers are multiplied by the power of two that is
    missing.

    Args:
        name: the value that the accumulator is rounded to.
        reals: the constant, finite.
        scale_bits: of what it is multiplied with.
        magnitude: static bound of the accumulator for a choice.

    Raises:
        LayoutFailed: no choice with at least `MIN_BITS` satisfies rules U and Z.
    """
    if isinstance(reals, Constant):
        return reals
    largest = float(np.abs(reals).max(initial=0.0))
    if not math.isfinite(largest):
        raise builder.failed(f"{name}: a constant of the model is not finite")
    finest = _exact_bits(reals)
    if finest is None:
        finest = math.floor(math.log2(MAX_CONSTANT / largest))
    coarsest = finest
    if largest > 0.0:
        coarsest = min(finest, math.ceil(math.log2((1 << MIN_BITS - 1) / largest)))
    wanted = builder.width(name).scale_bits - scale_bits
    bits = finest
    tried = _raised(Constant(integers_of(reals, bits), bits), wanted)
    while not builder.fits(name, scale_bits + bits, magnitude(tried)):
        if bits == coarsest:
            builder.prove_rounding(name, scale_bits + tried.scale_bits, magnitude(tried))
            return tried
        bits -= 1
        tried = _raised(Constant(integers_of(reals, bits), bits), wanted)
    return tried


def _raised(chosen: Constant, scale_bits: int) -> Constant:
    """The same number at `scale_bits` or finer: what is added to the product is rounded there."""
    missing = max(scale_bits - chosen.scale_bits, 0)
    return Constant(chosen.integers << missing, chosen.scale_bits + missing)


def _exact_bits(reals: Reals) -> int | None:
    """Fewest fraction bits that hold the constant exactly in at most 13 bits, if any do."""
    largest = float(np.abs(reals).max(initial=0.0))
    if largest == 0.0:
        return 0
    finest = math.floor(math.log2(MAX_CONSTANT / largest))
    flat = np.asarray(reals, dtype=np.float64).reshape(-1)
    for start in range(0, len(flat), _PART):
        # Trained weights end this in the first part.
        scaled = flat[start : start + _PART] * 2.0**finest
        if not np.array_equal(np.rint(scaled), scaled):
            return None
    whole = integers_of(reals, finest)
    common = int(np.bitwise_or.reduce(np.abs(whole).reshape(-1)))
    return finest - ((common & -common).bit_length() - 1)
