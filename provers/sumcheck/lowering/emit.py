"""From a value that is still to be computed to the operators that compute it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.lowering.masks import LOWEST_KEPT
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    Centred,
    Contraction,
    Curve,
    Float64s,
    Masked,
    MaskedEntries,
    MaskedTotal,
    Normalised,
    Projection,
    Rows,
    Statistic,
    Sum,
    Term,
    Value,
    Weights,
    plain,
)
from zkdps.provers.sumcheck.operators.addition import Addition
from zkdps.provers.sumcheck.operators.combination import Combination
from zkdps.provers.sumcheck.operators.contraction import Contraction as ContractionOperator
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.mean import Mean
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.product import Product
from zkdps.provers.sumcheck.operators.ratio import WeightedMean
from zkdps.provers.sumcheck.operators.scaling import Scaling
from zkdps.provers.sumcheck.operators.softmax import Softmax
from zkdps.provers.sumcheck.operators.table import Table
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.lowering.block import Block


def made(block: Block, value: Value, tensor: str, node: Node) -> Wire:
    """A wire that reads the value.

    Args:
        block: gets the operators.
        value: of the tensor.
        tensor: operators are named after it.
        node: who wants the numbers.

    Raises:
        UnsupportedOperator: the value is none that can be committed.
    """
    match value:
        case Sum() if value.terms:
            return _sum(block, value, tensor)
        case Curve():
            name = block.fresh(tensor)
            block.add(Table(name, value.wire, value.expression))
            return whole(name, value.shape)
        case Projection():
            return _projection(block, value, tensor)
        case Contraction():
            return _contraction(block, value, tensor, node)
        case Weights():
            scores = _contraction(block, value.scores, tensor, node)
            return softmax(block, scores, len(scores.shape) - 1, tensor)
        case Statistic() if value.is_mean:
            return _mean(block, value, tensor)
        case Normalised():
            return _normalised(block, value, tensor)
        case Centred() if not value.is_squared:
            return _centred(block, value, tensor)
        case Masked() if value.is_plain:
            return places(value.source, value.index, value.shape)
        case Masked() if is_number(value):
            return _sum(block, in_numbers(value), tensor)
        case MaskedEntries():
            name = block.fresh(tensor)
            block.add(Product(name, value.wire, mask_wire(value.source, value.index)))
            return whole(name, value.shape)
        case _:
            raise refused(value, node)


def refused(value: Value, node: Node) -> Exception:
    """The error for a value in a place where numbers are needed."""
    reasons = {
        "Constant": ("it computes with constants alone", "simplify the model first"),
        "Ids": ("integers that pick rows are used as numbers", "give numbers as a float input"),
        "Masked": ("a very negative mask is used as numbers", "add it to scores before softmax"),
    }
    reason, remedy = reasons.get(
        type(value).__name__,
        (
            "statistics of rows are used outside of a norm or a mean",
            "write it as LayerNormalization, or as x / sqrt(mean(x^2) + epsilon)",
        ),
    )
    return node.refused(reason, remedy)


def is_number(value: Masked) -> bool:
    """Whether both values are numbers, not so negative that they mean minus infinity."""
    sizes = [np.abs(np.asarray(array, dtype=np.float64)) for array in (value.zero, value.one)]
    return all(bool(np.all(size < -LOWEST_KEPT)) for size in sizes)


def in_numbers(value: Masked) -> Sum:
    """zero + (one - zero) * entry."""
    zero, one = (np.asarray(array, dtype=np.float64) for array in (value.zero, value.one))
    term = Term(mask_wire(value.source, value.index), one - zero)
    return Sum(value.shape, (term,), zero)


def places(source: str, index: np.ndarray, shape: tuple[int, ...]) -> Wire:
    """Entries of an input."""
    size = int(index.max(initial=0)) + 1
    return whole(source, (size,)).indexed(index.reshape(shape))


def mask_wire(source: str, index: np.ndarray) -> Wire:
    """Entries of a 0/1 input at flat places."""
    return places(source, index, index.shape)


def _sum(block: Block, value: Sum, tensor: str) -> Wire:
    if value.wire is not None:
        return value.wire
    name = block.fresh(tensor)
    constant = compact(value.constant, value.shape)
    term = value.terms[0]
    if len(value.terms) == 1 and not (isinstance(term.factor, float) and abs(term.factor) == 1.0):
        block.add(Scaling(name, term.wire, compact(term.factor, value.shape), constant))
        return whole(name, value.shape)
    if all(isinstance(term.factor, float) for term in value.terms):
        operands = tuple((float(term.factor), term.wire) for term in value.terms)
        block.add(Addition(name, operands, constant))
    else:
        factors = tuple((_array(term.factor, value.shape), term.wire) for term in value.terms)
        block.add(Combination(name, factors, constant))
    return whole(name, value.shape)


def _array(factor: float | Float64s, shape: tuple[int, ...]) -> Float64s:
    """A factor as an array that broadcasts to the shape, as small as it can be."""
    return np.atleast_1d(np.asarray(compact(factor, shape), dtype=np.float64))


def compact(array: float | Float64s, shape: tuple[int, ...]) -> float | Float64s:
    """The smallest array that broadcasts to the same numbers; a number where one is enough."""
    if isinstance(array, float):
        return float(array)
    full = np.broadcast_to(np.asarray(array, dtype=np.float64), shape)
    for axis in range(full.ndim):
        first = np.take(full, [0], axis)
        if np.array_equal(np.broadcast_to(first, full.shape), full):
            full = first
    return float(full.reshape(())) if full.size == 1 else np.ascontiguousarray(full)


def _projection(block: Block, value: Projection, tensor: str) -> Wire:
    name = block.fresh(tensor)
    block.add(Linear(name, value.wire, value.weight, value.bias, value.letters))
    return whole(name, value.product_shape).indexed(value.arrange)


def _contraction(block: Block, value: Contraction, tensor: str, node: Node) -> Wire:
    if value.mask is not None:
        raise node.refused(
            "masked scores are used outside of an attention",
            "multiply softmax(scores) with values, and return nothing in between",
        )
    batch = "abcdefgh"[: len(value.left.shape) - 2]
    letters = (f"{batch}ix", f"{batch}jx", f"{batch}ij")
    name = block.fresh(tensor)
    block.add(ContractionOperator(name, value.left, value.right, letters, value.factor))
    return whole(name, value.shape)


def masked_mean(block: Block, total: MaskedTotal, count: MaskedTotal, node: Node) -> Sum:
    """Masked entries summed, over how many there are.

    Raises:
        UnsupportedOperator: the count is not of the entries that are summed.
    """
    shape = total.shape
    places_of = np.broadcast_to(count.index, (*shape, count.index.shape[-1]))
    if (
        total.wire is None
        or total.source != count.source
        or not np.array_equal(places_of, total.index)
    ):
        raise node.refused(
            "it divides a masked sum by another count than of the entries summed",
            "divide by the sum of the same mask",
        )
    tensor = node.outputs[0]
    last = shape[-1] if shape else 1
    rows = total.index.reshape(-1, last, total.index.shape[-1])
    if not np.array_equal(np.broadcast_to(rows[:, :1], rows.shape), rows):
        raise node.refused("its mask differs along the last axis", "mask whole tokens")
    wire = total.wire.reshape(rows.shape).transpose((0, 2, 1))
    name = block.fresh(tensor)
    block.add(WeightedMean(name, wire, mask_wire(total.source, rows[:, 0])))
    return plain(whole(name, shape))


def softmax(block: Block, wire: Wire, axis: int, tensor: str) -> Wire:
    """Softmax along an axis."""
    rows = Rows(wire, (axis,))
    name = block.fresh(tensor)
    block.add(Softmax(name, rows.laid))
    return rows.back(whole(name, rows.laid.shape))


def _mean(block: Block, value: Statistic, tensor: str) -> Wire:
    laid = value.rows.laid
    last = len(laid.shape) - 1
    name = block.fresh(tensor)
    source = laid if last else laid.reshape((1, *laid.shape))
    block.add(Mean(name, source, (max(last, 1),), value.scale / value.rows.length))
    return whole(name, source.shape[:-1]).indexed(value.index)


def _normalised(block: Block, value: Normalised, tensor: str) -> Wire:
    summands = tuple(replace(value.rows, wire=wire).laid for wire in value.summands)
    name = block.fresh(tensor)
    block.add(Norm(name, summands, value.gain, value.bias, value.epsilon, value.is_centred))
    return value.rows.back(whole(name, summands[0].shape))


def _centred(block: Block, value: Centred, tensor: str) -> Wire:
    rows = value.rows
    mean = Statistic(rows, rows.index, is_mean=True)
    terms = ((1.0, rows.wire), (-1.0, _mean(block, mean, f"{tensor}/mean")))
    name = block.fresh(tensor)
    block.add(Addition(name, terms))
    return whole(name, value.shape)
