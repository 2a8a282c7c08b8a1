"""Norms written out: mean, deviation, root and quotient become one operator again.

LayerNorm    d = x - mean(x);  d / sqrt(mean(d * d) + epsilon) * gain + bias
RMSNorm      x * rsqrt(mean(x * x) + epsilon) * gain
unit length  x / sqrt(sum(x * x)), the same with a gain of 1 / sqrt(n)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.lowering.curves import scalar_of
from zkdps.provers.sumcheck.lowering.values import (
    Centred,
    Curve,
    Float64s,
    Normalised,
    Rows,
    Statistic,
    Sum,
    Value,
    same_wire,
)
from zkdps.provers.sumcheck.operators.expressions import Expression, X

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.lowering.block import Block

LEAST_ROOT = 1e-5
"""A bound below a root of a mean square that only guards against a division by 0."""

SQUARES = (Expression("Mul", (X, X)), Expression("Pow", (X, 2.0)))


def square_mean(value: Value, axes: tuple[int, ...], keep: tuple[int, ...]) -> Statistic | None:
    """The mean of a value that is a square.

    Args:
        value: what is averaged.
        axes: ascending.
        keep: shape of the result.
    """
    if isinstance(value, Centred) and value.is_squared and value.rows.axes == axes:
        return Statistic(value.rows, of_rows(value.rows, keep), is_centred=True)
    if isinstance(value, Curve) and value.expression in SQUARES:
        rows = Rows(value.wire, axes)
        return Statistic(rows, of_rows(rows, keep))
    return None


def of_rows(rows: Rows, shape: tuple[int, ...]) -> np.ndarray:
    """Which row each entry of a reduced tensor speaks of."""
    return np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)


def centred(operands: Sequence[Value], operator: str) -> Value | None:
    """x - mean(x)."""
    if operator != "Sub" or len(operands) != 2:
        return None
    value, mean = operands
    if not isinstance(mean, Statistic) or not mean.is_mean or mean.scale != 1.0:
        return None
    wire = value.wire if isinstance(value, Sum) else None
    if wire is None or not same_wire(wire, mean.rows.wire) or not _speaks_of(mean, mean.rows):
        return None
    return Centred(mean.rows)


def shifted(value: Value, constant: Float64s, sign: float) -> Value | None:
    """A constant added to a norm (its bias) or to a mean square (its epsilon)."""
    if isinstance(value, Statistic) and not value.is_mean and value.power == 1.0:
        number = constant.reshape(-1)[0]
        if np.all(constant == number):
            return replace(value, epsilon=value.epsilon + sign * float(number) / value.scale)
    if isinstance(value, Normalised):
        row = _row(value.rows, constant)
        if row is not None:
            before = 0.0 if value.bias is None else value.bias
            return replace(value, bias=before + sign * row)
    return None


def scaled(value: Value, factor: Float64s, number: float | None) -> Value | None:
    """A norm times its gain, or a statistic times a number."""
    if isinstance(value, Statistic) and number is not None:
        return replace(value, scale=value.scale * number)
    if isinstance(value, Normalised):
        row = _row(value.rows, factor)
        if row is not None:
            bias = None if value.bias is None else value.bias * row
            return replace(value, gain=value.gain * row, bias=bias)
    return None


def multiplied(operands: Sequence[Value]) -> Value | None:
    """d * d, and x * (1 / root)."""
    if len(operands) != 2:
        return None
    left, right = operands
    if isinstance(left, Centred) and isinstance(right, Centred) and not left.is_squared:
        return replace(left, is_squared=True) if left.rows.equals(right.rows) else None
    for value, statistic in ((left, right), (right, left)):
        if isinstance(statistic, Statistic) and statistic.power == -0.5:
            return _normalised(value, statistic, statistic.scale)
    return None


def divided(left: Value, right: Value, block: Block) -> Value | None:
    """x / root, and number / root."""
    if not isinstance(right, Statistic) or right.is_mean:
        return None
    number = scalar_of(left)
    if number is not None:
        return replace(right, scale=number / right.scale, power=-right.power)
    if right.power == 0.5:
        return _normalised(left, right, 1.0 / right.scale)
    return None


def raised(value: Value, exponent: float) -> Value | None:
    """Powers of a statistic, and the square of centred rows."""
    if isinstance(value, Statistic) and not value.is_mean and value.scale > 0:
        return replace(value, scale=value.scale**exponent, power=value.power * exponent)
    if isinstance(value, Centred) and exponent == 2.0 and not value.is_squared:
        return replace(value, is_squared=True)
    return None


def kept_from_zero(value: Value | None, lowest: float) -> Value | None:
    """max(root, tiny): the tiny number becomes the epsilon below the root."""
    if not isinstance(value, Statistic) or value.power != 0.5 or not 0 <= lowest <= LEAST_ROOT:
        return None
    return replace(value, epsilon=max(value.epsilon, (lowest / value.scale) ** 2))


def _normalised(value: Value, statistic: Statistic, gain: float) -> Value | None:
    rows = statistic.rows
    if not _speaks_of(statistic, rows):
        return None
    if statistic.is_centred:
        fits = isinstance(value, Centred) and not value.is_squared and value.rows.equals(rows)
    else:
        fits = isinstance(value, Sum) and value.wire is not None
        fits = fits and isinstance(value, Sum) and same_wire(value.wire or rows.wire, rows.wire)
    if not fits:
        return None
    return Normalised(
        rows,
        (rows.wire,),
        statistic.is_centred,
        statistic.epsilon,
        np.full(rows.length, gain),
    )


def _speaks_of(statistic: Statistic, rows: Rows) -> bool:
    """Whether broadcasting gives every entry the statistic of its own row."""
    try:
        spread = np.broadcast_to(statistic.index, rows.wire.shape)
    except ValueError:
        return False
    return np.array_equal(spread, rows.index)


def _row(rows: Rows, constant: Float64s) -> Float64s | None:
    """A constant of the tensor's shape as one number an entry of a row, if all rows agree."""
    laid = constant.transpose(rows.order).reshape(-1, rows.length)
    return laid[0].copy() if np.array_equal(np.broadcast_to(laid[0], laid.shape), laid) else None
