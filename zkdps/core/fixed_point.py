"""Fixed point: integers with `scale_bits`; the real value is `integer / 2**scale_bits`.

Rounding is to the nearest integer, halves away from zero: the rule ezkl applies to inputs, so a
tensor quantised here and one quantised there are the same integers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zkdps.core.errors import MalformedTensor, ShapeMismatch
from zkdps.core.plan import TensorSpec

MAX_ABS_INTEGER = 1 << 52
"""Largest magnitude that crosses the protocol: exact in float64 with a bit to spare."""

_TYPE_RANGES = {"bool": (0, 1), "int32": (-(1 << 31), (1 << 31) - 1)}


@dataclass(frozen=True, slots=True, eq=False)
class FixedTensor:
    """A tensor as integers."""

    integers: NDArray[np.int64]
    """int64, the tensor's shape."""
    scale_bits: int
    """The real value is `integers / 2**scale_bits`; 0 for tensors that are integers by nature."""

    def __post_init__(self) -> None:
        # Records are frozen: nobody changes a tensor that something was committed to.
        self.integers.setflags(write=False)

    @property
    def reals(self) -> NDArray[np.float64]:
        """The real values, float64, exact."""
        return self.integers / float(1 << self.scale_bits)

    @property
    def max_abs(self) -> int:
        """Largest magnitude; 0 for an empty tensor."""
        return int(np.abs(self.integers).max(initial=0))

    def to_bytes(self) -> bytes:
        """Row-major little-endian int64; shape and scale are the reader's to know."""
        return self.integers.astype("<i8").tobytes()

    @property
    def sha256(self) -> str:
        """SHA-256 of `to_bytes()`, as hex: the claimed digest of a run's input or output."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def equals(self, other: FixedTensor) -> bool:
        """Same scale, shape and integers."""
        return self.scale_bits == other.scale_bits and np.array_equal(self.integers, other.integers)


def quantise(values: ArrayLike, spec: TensorSpec) -> FixedTensor:
    """Real values to the integers of `spec`.

    Args:
        values: numbers of shape `spec.shape`; for an integer tensor (`scale_bits` 0) integers.
        spec: shape, dtype and scale of the tensor.

    Raises:
        ShapeMismatch: another shape.
        MalformedTensor: NaN, infinity, not numbers, fractions in an integer tensor, too large, or
            no value of the tensor's type.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise MalformedTensor(spec.name, f"holds {array.dtype}, not numbers")
    if array.dtype.itemsize > 8:
        raise MalformedTensor(spec.name, f"holds {array.dtype}, wider than float64")
    if array.shape != spec.shape:
        raise ShapeMismatch(spec.name, spec.shape, array.shape)
    reals = array.astype(np.float64)
    if not np.isfinite(reals).all():
        raise MalformedTensor(spec.name, "holds NaN or infinity")
    scaled = reals * float(1 << spec.scale_bits)
    if scaled.size and np.abs(scaled).max() > MAX_ABS_INTEGER:
        raise MalformedTensor(
            spec.name, f"holds {np.abs(reals).max():g}, too large for fixed point"
        )
    rounded = round_half_away(scaled)
    if spec.scale_bits == 0 and not np.array_equal(rounded, scaled):
        raise MalformedTensor(spec.name, "takes integers, got fractions")
    if spec.dtype in _TYPE_RANGES and rounded.size:
        low, high = _TYPE_RANGES[spec.dtype]
        if rounded.min() < low or rounded.max() > high:
            # Circuits have integers only: what they make of a 2 where a truth value stands is
            # nothing that the model says.
            raise MalformedTensor(spec.name, f"takes {spec.dtype}, {low} to {high}")
    return FixedTensor(rounded.astype(np.int64), spec.scale_bits)


def exact_integers(values: ArrayLike, spec: TensorSpec) -> FixedTensor:
    """Like `quantise`, for claimed outputs: every value must be an exact multiple of the step.

    Raises:
        ShapeMismatch, MalformedTensor: as `quantise`, and for a value between two steps.
    """
    tensor = quantise(values, spec)
    if not np.array_equal(tensor.reals, np.asarray(values, dtype=np.float64)):
        raise MalformedTensor(spec.name, f"holds values between the steps of 2**-{spec.scale_bits}")
    return tensor


def from_bytes(data: bytes, spec: TensorSpec) -> FixedTensor:
    """Inverse of `FixedTensor.to_bytes` for a tensor of `spec`.

    Raises:
        MalformedTensor: the length is not that of the shape, or a value is too large.
    """
    if len(data) != 8 * spec.size:
        raise MalformedTensor(spec.name, f"has {len(data)} bytes, expected {8 * spec.size}")
    integers = np.frombuffer(data, dtype="<i8").reshape(spec.shape).astype(np.int64)
    if integers.size and (
        int(integers.max()) > MAX_ABS_INTEGER or int(integers.min()) < -MAX_ABS_INTEGER
    ):
        raise MalformedTensor(spec.name, "holds an integer too large for fixed point")
    return FixedTensor(integers, spec.scale_bits)


def round_half_away(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nearest integer, halves away from zero, exact for magnitudes below 2**52."""
    whole = np.trunc(values)
    steps: NDArray[np.float64] = np.sign(values) * (np.abs(values - whole) >= 0.5)
    return whole + steps
