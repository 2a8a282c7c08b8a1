"""Nodes that only move entries about: the node itself is run on the places of the entries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zkdps.provers.sumcheck.lowering import masks, segments
from zkdps.provers.sumcheck.lowering.block import Block
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    Array,
    Constant,
    Contraction,
    Curve,
    Ids,
    Int64s,
    Masked,
    MaskedEntries,
    MaskedTotal,
    Statistic,
    Sum,
    Term,
    Value,
    Weights,
    plain,
)
from zkdps.provers.sumcheck.wires import Wire
from zkdps.provers.sumcheck.wires import concatenate as beside

LAYOUT = frozenset(
    {
        *("DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements", "GatherND"),
        *("Identity", "Pad", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose"),
        "Unsqueeze",
    }
)
"""Operators that move entries of their first operand; the others are constants."""

FILLS = frozenset({"Pad"})
"""Those that put constants where no entry is."""


def move(node: Node, block: Block) -> list[Value]:
    """Any operator of `LAYOUT`, and Concat."""
    value, *others = block.operands(node)
    if not all(other is None or isinstance(other, Constant) for other in others):
        raise node.refused("its shape depends on the input", "fix the shapes and export again")
    arguments = [other.array if isinstance(other, Constant) else None for other in others]
    if value is None:
        raise node.refused("it has no operand", "export the model again")
    kept = _kept(node, value, arguments)
    if kept is not None:
        return [kept]
    fill = arguments[1] if node.operator == "Pad" and len(arguments) > 1 else None
    number = 0.0 if fill is None or not fill.size else float(fill.reshape(-1)[0])
    # A curve is computed once: before padding, which no function may change, and for all readers.
    is_made = node.operator in FILLS or block.is_shared(node.inputs[0])
    if not isinstance(value, Sum | Curve) or (is_made and isinstance(value, Curve)):
        value = block.sum(node.inputs[0], node)
    if fill is not None:
        arguments[1] = np.zeros_like(fill, dtype=np.int64)
    places = [
        found.astype(np.int64) - 1
        for found in node.evaluate([_in_order(value.shape) + 1, *arguments])
    ]
    if any(place.size > _size(value) for place in places):
        # Copies are made of what is computed, not computed once each.
        value = _computed(node, block, value)
    moved = []
    for place in places:
        cuts = segments.of_places(place, value.shape)
        taken = _segmented(_taken(value, place, number), cuts)
        if taken is None:
            raise node.refused(
                "it picks or reverses too many entries one by one",
                "pick fewer entries, or keep the order of long axes",
            )
        moved.append(taken)
    return moved


def _segmented(value: Sum | Curve, cuts: list[list[segments.Mask]]) -> Value | None:
    if not cuts:
        return value
    if isinstance(value, Curve):
        wire = segments.split(value.wire, cuts)
        return None if wire is None else replace(value, wire=wire)
    terms = []
    for term in value.terms:
        wire = segments.split(term.wire, cuts)
        if wire is None:
            return None
        terms.append(replace(term, wire=wire))
    return replace(value, terms=tuple(terms))


def _computed(node: Node, block: Block, value: Sum | Curve) -> Sum | Curve:
    if isinstance(value, Sum) and (value.line is not None or not value.terms):
        return value
    return plain(block.wire(node.inputs[0], node))


def _size(value: Value) -> int:
    return int(np.prod(value.shape))


def _kept(node: Node, value: Value, arguments: list[Array | None]) -> Value | None:
    """Values that stay what they are when they are moved."""
    match value:
        case Constant():
            return Constant(node.evaluate([value.array, *arguments])[0])
        case Ids():
            places = node.evaluate([_in_order(value.shape), *arguments])
            return Ids(value.wire.indexed(places[0])) if len(places) == 1 else None
        case Masked() if node.operator not in FILLS and len(node.outputs) == 1:
            constants = [None if array is None else Constant(array) for array in arguments]
            return masks.moved(node, [value, *constants])
        case Statistic() if node.operator not in FILLS and len(node.outputs) == 1:
            return replace(value, index=node.evaluate([value.index, *arguments])[0])
        case MaskedTotal() if node.operator in ("Reshape", "Squeeze", "Unsqueeze", "Expand"):
            order = _in_order(value.shape)
            moved = node.evaluate([order, *arguments])[0]
            flat = value.index.reshape(-1, value.index.shape[-1])
            if value.wire is not None and not np.array_equal(moved.reshape(-1), order.reshape(-1)):
                return None
            return replace(value, index=flat[moved])
        case MaskedEntries() if node.operator not in FILLS and len(node.outputs) == 1:
            moved = node.evaluate([_in_order(value.shape), *arguments])[0]
            index = value.index.reshape(-1)[moved]
            return replace(value, wire=value.wire.indexed(moved), index=index)
        case Contraction() | Weights():
            return _regrouped(node, value, arguments)
        case _:
            return None


def _regrouped(
    node: Node, value: Contraction | Weights, arguments: list[Array | None]
) -> Value | None:
    """Scores whose heads are counted otherwise: `(1, h, i, j)` and `(h, i, j)`."""
    scores = value.scores if isinstance(value, Weights) else value
    if node.operator not in ("Reshape", "Squeeze", "Unsqueeze", "Flatten"):
        return None
    moved = node.evaluate([_in_order(scores.shape), *arguments])[0]
    if moved.shape[-2:] != scores.shape[-2:] or moved.ndim < 2:
        return None
    batch = moved.shape[:-2]
    mask = scores.mask
    if mask is not None:
        index = np.broadcast_to(mask.index, scores.shape).reshape(moved.shape)
        mask = replace(mask, index=index)
    moved_scores = replace(
        scores,
        left=scores.left.reshape((*batch, *scores.left.shape[-2:])),
        right=scores.right.reshape((*batch, *scores.right.shape[-2:])),
        mask=mask,
    )
    return Weights(moved_scores) if isinstance(value, Weights) else moved_scores


def _taken(value: Sum | Curve, places: Int64s, fill: float) -> Sum | Curve:
    """Entries of a value at flat places; `fill` where there is none."""
    if isinstance(value, Curve):
        return replace(value, wire=value.wire.indexed(places))
    terms = tuple(
        Term(term.wire.indexed(places), _entries(term.factor, places, value.shape, 0.0))
        for term in value.terms
    )
    constant = value.constant
    if np.any(places < 0) or not isinstance(constant, float):
        constant = _entries(np.asarray(constant, dtype=np.float64), places, value.shape, fill)
        constant = constant if np.any(constant) else 0.0
    return Sum(places.shape, terms, constant)


def _entries(
    held: float | np.ndarray, places: Int64s, shape: tuple[int, ...], fill: float
) -> float | np.ndarray:
    if isinstance(held, float):
        return float(held)
    flat = np.broadcast_to(held, shape).reshape(-1)
    return np.where(places < 0, fill, flat[np.maximum(places, 0)])


def concatenate(node: Node, block: Block) -> Value:
    """Concat: one wire of several parts, with a factor for each place."""
    operands = [value for value in block.operands(node) if value is not None]
    if all(isinstance(value, Constant) for value in operands):
        arrays = [value.array for value in operands if isinstance(value, Constant)]
        return Constant(node.evaluate(arrays)[0])
    if all(isinstance(value, Constant | Masked) for value in operands):
        return masks.moved(node, [v for v in operands if isinstance(v, Constant | Masked)])
    axis = node.integer("axis", 0) % len(operands[0].shape)
    sums = []
    for tensor in node.inputs:
        value = block.sum(tensor, node)
        if len(value.terms) > 1:
            value = Sum(value.shape, (Term(block.wire(tensor, node), 1.0),))
        sums.append(value)
    shapes = [value.shape for value in sums]
    shape = list(shapes[0])
    shape[axis] = sum(extent[axis] for extent in shapes)
    constant = _joined([value.constant for value in sums], shapes, axis)
    some = [
        value.terms[0].factor
        for value in sums
        if value.terms and isinstance(value.terms[0].factor, float)
    ]
    other = some[0] if some else 1.0  # of places that hold no entry
    factors = [value.terms[0].factor if value.terms else other for value in sums]
    wires = [value.terms[0].wire if value.terms else Wire(value.shape, ()) for value in sums]
    joined = Term(beside(wires, axis), _joined(factors, shapes, axis))
    return Sum(tuple(shape), (joined,), constant)


def _joined(
    numbers: list[float | np.ndarray], shapes: list[tuple[int, ...]], axis: int
) -> float | np.ndarray:
    if all(isinstance(number, float) for number in numbers) and len(set(map(float, numbers))) == 1:
        return float(numbers[0])
    arrays = [
        np.broadcast_to(np.asarray(number, dtype=np.float64), shape)
        for number, shape in zip(numbers, shapes, strict=True)
    ]
    return np.concatenate(arrays, axis)


def _in_order(shape: tuple[int, ...]) -> Int64s:
    return np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
