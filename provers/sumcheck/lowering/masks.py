"""0/1 inputs followed through the nodes that make masks of them.

`(1 - mask) * -3e38`, `where(mask == 0, -inf, causal)` and `kept.unsqueeze(-1).expand(...).float()`
are all functions of single entries of one input: two arrays, what comes out where the entry is 0
and where it is 1, and which entry it is, say all there is to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    CLOSED,
    OPEN,
    Array,
    AttentionMask,
    Constant,
    Contraction,
    Int64s,
    Masked,
)

LOWEST_KEPT = -1000.0
"""A number below, added to a score or put in its place, closes the place: exp(-1000) is nothing."""


def elementwise(node: Node, operands: Sequence[Constant | Masked | None]) -> Masked | None:
    """The node's value, if each place of it depends on one entry of one input."""
    masked = [value for value in operands if isinstance(value, Masked)]
    if len({value.source for value in masked}) != 1:
        return None
    zeros, ones = _both(node, operands)
    index: Int64s = np.full(zeros.shape, OPEN, dtype=np.int64)
    for value in masked:
        other = np.broadcast_to(value.index, index.shape)
        if np.any((index >= 0) & (other >= 0) & (index != other)):
            return None
        index = np.maximum(index, other)
    return _tidied(Masked(masked[0].source, index, zeros, ones))


def moved(node: Node, operands: Sequence[Constant | Masked | None]) -> Masked:
    """The value of a node that only moves entries of its operands about."""
    sources = [value.source for value in operands if isinstance(value, Masked)]
    zeros, ones = _both(node, operands)
    indices = [
        value.index
        if isinstance(value, Masked)
        else value.array
        if value is None or value.array.dtype.kind == "i"
        else np.full(value.shape, OPEN, dtype=np.int64)
        for value in (operand or _ABSENT for operand in operands)
    ]
    given = [
        None if operand is None else index for operand, index in zip(operands, indices, strict=True)
    ]
    return Masked(sources[0], node.evaluate(given)[0].astype(np.int64), zeros, ones)


_ABSENT = Constant(np.zeros(0, dtype=np.int64))


def _both(node: Node, operands: Sequence[Constant | Masked | None]) -> tuple[Array, Array]:
    def of(which: str) -> list[Array | None]:
        return [
            None
            if value is None
            else value.array
            if isinstance(value, Constant)
            else getattr(value, which)
            for value in operands
        ]

    return node.evaluate(of("zero"))[0], node.evaluate(of("one"))[0]


def _tidied(value: Masked) -> Masked:
    """Places where both values agree depend on nothing."""
    return replace(value, index=np.where(value.zero == value.one, OPEN, value.index))


def of_numbers(value: Constant | Masked, shape: tuple[int, ...]) -> AttentionMask | None:
    """The mask that numbers make which are added to scores or stand in their place.

    Args:
        value: 0 keeps a place, very negative numbers close it.
        shape: of the scores.

    Returns:
        `None` where some number does neither.
    """
    if isinstance(value, Constant):
        return of_truth(Constant(value.array == 0), shape) if _is_mask(value.array) else None
    if not (_is_mask(value.zero) and _is_mask(value.one)):
        return None
    return of_truth(replace(value, zero=value.zero == 0, one=value.one == 0), shape)


def of_truth(value: Constant | Masked, shape: tuple[int, ...]) -> AttentionMask | None:
    """The mask that keeps places where the value is true; `None` where a 1 closes a place."""
    if isinstance(value, Constant):
        index = np.where(value.array, OPEN, CLOSED).astype(np.int64)
        return AttentionMask(None, index) if _fits(index, shape) else None
    if np.any((value.index >= 0) & value.zero.astype(bool) & ~value.one.astype(bool)):
        return None
    kept, ever = value.zero.astype(bool), value.one.astype(bool)
    index = np.where(kept, OPEN, np.where(ever, value.index, CLOSED)).astype(np.int64)
    return AttentionMask(value.source, index) if _fits(index, shape) else None


def both(scores: Contraction, more: AttentionMask) -> Contraction | None:
    """Scores that a second mask closes places of too; `None` where two entries decide one place."""
    if scores.mask is None:
        return replace(scores, mask=more)
    first = scores.mask
    if first.source and more.source and first.source != more.source:
        return None
    one, two = np.broadcast_arrays(first.index, more.index)
    if np.any((one >= 0) & (two >= 0) & (one != two)):
        return None
    index = np.where((one == CLOSED) | (two == CLOSED), CLOSED, np.maximum(one, two))
    return replace(scores, mask=AttentionMask(first.source or more.source, index))


def closes(value: Constant | Masked) -> bool:
    """Whether all its numbers are so negative that softmax gives them no weight."""
    arrays = [value.array] if isinstance(value, Constant) else [value.zero, value.one]
    return all(array.dtype.kind == "f" and np.all(array <= LOWEST_KEPT) for array in arrays)


def _is_mask(array: Array) -> bool:
    return array.dtype.kind == "f" and bool(np.all((array == 0) | (array <= LOWEST_KEPT)))


def _fits(index: Int64s, shape: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(index.shape, shape) == shape
    except ValueError:
        return False
