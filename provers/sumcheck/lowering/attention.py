"""softmax(factor * q k^T + mask) v as one operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.lowering.emit import places
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    CLOSED,
    OPEN,
    AttentionMask,
    Int64s,
    Sum,
    Weights,
    plain,
)
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.lowering.block import Block


def attended(block: Block, weights: Weights, value: Wire, node: Node) -> Sum:
    """Weights times values.

    Args:
        block: gets the operator.
        weights: (batch..., query, key).
        value: (batch..., key, width).
        node: the product.

    Raises:
        UnsupportedOperator: a mask that is neither causal nor an input's.
    """
    scores = weights.scores
    batch, (queries, keys) = scores.shape[:-2], scores.shape[-2:]
    value = value.broadcast_to((*batch, *value.shape[-2:]))
    heads = int(np.prod(batch))
    query = scores.left.reshape((heads, queries, scores.left.shape[-1]))
    turned = value.reshape((heads, keys, value.shape[-1]))
    key = scores.right.reshape((heads, keys, scores.right.shape[-1]))
    if scores.factor <= 0:
        raise node.refused("its scores have a factor that is not positive", "negate the queries")
    is_causal, mask = _read_mask(scores.mask, scores.shape, node)
    repeat = _repeats(key, turned, mask, batch)
    if repeat > 1:
        key = key.take((slice(None, None, repeat),))
        turned = turned.take((slice(None, None, repeat),))
        mask = None if mask is None else mask[::repeat]
    wire = None
    if mask is not None and scores.mask is not None and scores.mask.source is not None:
        if np.array_equal(mask, np.broadcast_to(mask[:1], mask.shape)):
            mask = mask[:1]
        wire = places(scores.mask.source, mask, mask.shape)
        wire = wire.reshape((keys,)) if len(mask) == 1 else wire.reshape((len(mask), 1, keys))
    name = block.fresh(node.outputs[0])
    block.add(Attention(name, query, key, turned, scores.factor, is_causal, wire))
    return plain(whole(name, (*batch, queries, value.shape[-1])))


def _read_mask(
    mask: AttentionMask | None, shape: tuple[int, ...], node: Node
) -> tuple[bool, Int64s | None]:
    """A mask as (causal or not, place in its input of every (head, key))."""
    if mask is None:
        return False, None
    queries, keys = shape[-2:]
    index = np.broadcast_to(mask.index, shape).reshape(-1, queries, keys)
    triangle = np.tri(queries, keys, keys - queries, dtype=bool)
    by_key = index[:, -1, :]  # the last query reads every key, causal or not
    if np.any(by_key == CLOSED) or np.any((by_key == OPEN) & np.any(by_key >= 0)):
        raise _odd(node)
    for is_causal, kept in ((False, np.ones_like(triangle)), (True, triangle)):
        if np.array_equal(np.where(kept, by_key[:, None, :], CLOSED), index):
            return is_causal, None if mask.source is None else by_key
    raise _odd(node)


def _odd(node: Node) -> Exception:
    return node.refused(
        "its mask is neither causal nor one 0/1 input over keys",
        "use a causal mask, an attention mask of one number a key, or both",
    )


def _repeats(key: Wire, value: Wire, mask: Int64s | None, batch: tuple[int, ...]) -> int:
    """How many heads in a row share keys, values and mask: grouped queries."""
    heads = batch[-1] if batch else 1
    for count in range(heads, 1, -1):
        shared = heads % count == 0 and _repeat(key, count) and _repeat(value, count)
        if shared and (mask is None or _rows_repeat(mask, count)):
            return count
    return 1


def _repeat(wire: Wire, count: int) -> bool:
    return all(_rows_repeat(part.index, count) for part in wire.parts)


def _rows_repeat(index: Int64s, count: int) -> bool:
    grouped = index.reshape(-1, count, *index.shape[1:])
    return np.array_equal(np.broadcast_to(grouped[:, :1], grouped.shape), grouped)
