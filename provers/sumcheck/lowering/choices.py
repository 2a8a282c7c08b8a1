"""Where and Trilu: masks of scores, constant choices, and functions with cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zkdps.provers.sumcheck.lowering import masks
from zkdps.provers.sumcheck.lowering.arithmetic import broadcast, plus
from zkdps.provers.sumcheck.lowering.block import Block
from zkdps.provers.sumcheck.lowering.curves import curve
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import Constant, Contraction, Masked, Value, times


def choose(node: Node, block: Block) -> Value:
    """Where."""
    condition, chosen, other = (block.values[name] for name in node.inputs)
    shape = np.broadcast_shapes(condition.shape, chosen.shape, other.shape)
    if isinstance(condition, Constant | Masked):
        found = _masked(node, condition, chosen, other, shape)
        if found is not None:
            return found
    if isinstance(condition, Constant):
        if np.all(condition.array) and chosen.shape == shape:
            return chosen
        if not np.any(condition.array) and other.shape == shape:
            return other
        kept = np.broadcast_to(condition.array.astype(bool), shape)
        sums = [broadcast(block.sum(tensor, node), shape) for tensor in node.inputs[1:]]
        return plus(times(sums[0], kept * 1.0), times(sums[1], ~kept * 1.0))
    found = curve(node, block)
    if found is None:
        raise node.refused(
            "its condition depends on other tensors than its branches",
            "choose by a constant, by an attention mask before softmax, or by the tensor itself",
        )
    return found


def _masked(
    node: Node,
    condition: Constant | Masked,
    chosen: Value,
    other: Value,
    shape: tuple[int, ...],
) -> Value | None:
    """Where(mask, scores, -inf) and Where(mask, -inf, scores)."""
    if isinstance(chosen, Contraction) and isinstance(other, Constant | Masked):
        scores, closing, kept = chosen, other, condition
    elif isinstance(other, Contraction) and isinstance(chosen, Constant | Masked):
        scores, closing = other, chosen
        if isinstance(condition, Constant):
            kept = Constant(~condition.array.astype(bool))
        else:
            kept = replace(
                condition, zero=~condition.zero.astype(bool), one=~condition.one.astype(bool)
            )
    else:
        return None
    mask = masks.of_truth(kept, shape) if masks.closes(closing) and scores.shape == shape else None
    return None if mask is None else masks.both(scores, mask)


def triangle(node: Node, block: Block) -> Value:
    """Trilu: ones and zeros to multiply with."""
    shape = block.values[node.inputs[0]].shape
    offset = block.values[node.inputs[1]] if len(node.inputs) > 1 else None
    if not isinstance(offset, Constant | None):
        raise node.refused("its diagonal depends on the input", "use a constant")
    diagonal = 0 if offset is None else int(offset.array.reshape(-1)[0])
    whole_square = np.ones(shape)
    is_upper = node.integer("upper", 1)
    kept = np.triu(whole_square, diagonal) if is_upper else np.tril(whole_square, diagonal)
    return times(block.sum(node.inputs[0], node), kept)
