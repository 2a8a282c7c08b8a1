"""Signed integers as BN254 scalars in ezkl's notation: 64 hex digits, little-endian."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from zkdps.core.bn254 import ORDER
from zkdps.core.errors import OutOfRange
from zkdps.core.fixed_point import MAX_ABS_INTEGER, FixedTensor
from zkdps.core.plan import TensorSpec


def felt(value: int) -> str:
    """One signed integer."""
    return (value % ORDER).to_bytes(32, "little").hex()


def felts(tensor: FixedTensor) -> list[str]:
    """A tensor, row-major."""
    return [felt(value) for value in tensor.integers.ravel().tolist()]


def integer(text: str) -> int:
    """The signed integer nearest to zero that a scalar stands for."""
    value = int.from_bytes(bytes.fromhex(text), "little")
    return value - ORDER if value > ORDER // 2 else value


def integers(texts: Iterable[str]) -> list[int]:
    """Many of them."""
    return [integer(text) for text in texts]


def tensor_of(texts: Sequence[str], spec: TensorSpec, block: int) -> FixedTensor:
    """Scalars to a tensor of `spec`.

    Raises:
        OutOfRange: a value is too large to be fixed point; it wrapped around the field, or nearly.
    """
    values = integers(texts)
    low, high = min(values, default=0), max(values, default=0)
    if low < -MAX_ABS_INTEGER or high > MAX_ABS_INTEGER:
        limits = (-MAX_ABS_INTEGER, MAX_ABS_INTEGER)
        raise OutOfRange(block, f"tensor {spec.name!r}", limits, (low, high))
    return FixedTensor(np.array(values, dtype=np.int64).reshape(spec.shape), spec.scale_bits)
