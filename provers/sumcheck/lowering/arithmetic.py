"""Add, Mul, Div and the like: affine combinations, norms, masks, products, and curves.

Each rule tries what has a better proof than a table: a bias goes into its product, a mask into its
attention, a factor into its weights.  Then nodes over one variable become a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zkdps.provers.sumcheck.lowering import emit, masks, norms
from zkdps.provers.sumcheck.lowering.block import Block
from zkdps.provers.sumcheck.lowering.curves import curve, scalar_of
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    Constant,
    Contraction,
    Curve,
    Float64s,
    Masked,
    MaskedEntries,
    MaskedTotal,
    Projection,
    Sum,
    Term,
    Value,
    plain,
    same_wire,
    times,
)
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.operators.product import Product
from zkdps.provers.sumcheck.wires import concatenate, reads_all, whole


def add(node: Node, block: Block) -> Value:
    """Add, Sub, Sum, Neg."""
    operands = _given(node, block)
    shape = np.broadcast_shapes(*(value.shape for value in operands))
    signs = [-1.0 if node.operator == "Sub" and place else 1.0 for place in range(len(operands))]
    if node.operator == "Neg":
        signs = [-1.0]
    if len(operands) == 2:
        for here, there in ((0, 1), (1, 0)):
            found = _added(operands[here], operands[there], signs[here], signs[there], shape)
            if found is not None:
                return found
    found = norms.centred(operands, node.operator)
    if found is None and any(isinstance(value, Curve) for value in operands):
        found = curve(node, block)
    if found is not None:
        return found
    total = Sum(shape, ())
    for tensor, sign in zip(node.inputs, signs, strict=True):
        total = plus(total, times(broadcast(block.sum(tensor, node), shape), sign))
    return total


def _added(
    value: Value, other: Value, sign: float, other_sign: float, shape: tuple[int, ...]
) -> Value | None:
    """A constant or a mask that a value takes in."""
    if isinstance(value, Contraction) and isinstance(other, Constant | Masked):
        if sign < 0 or other_sign < 0 or value.shape != shape:
            return None
        mask = masks.of_numbers(other, shape)
        return None if mask is None else masks.both(value, mask)
    if not isinstance(other, Constant) or value.shape != shape:
        return None
    constant = np.broadcast_to(np.asarray(other.array, dtype=np.float64), shape)
    if isinstance(value, Projection):
        return biased(value, other_sign * constant, sign)
    return norms.shifted(value, constant, other_sign) if sign > 0 else None


def biased(value: Projection, constant: Float64s, sign: float = 1.0) -> Projection | None:
    """A product with a constant added, if that is the same for all rows of the product."""
    if not reads_all(value.arrange, int(np.prod(value.product_shape))):
        return None
    laid = np.empty(int(np.prod(value.product_shape)))
    laid[value.arrange.reshape(-1)] = constant.reshape(-1)
    rows = laid.reshape(-1, *value.bias_shape)
    if not value.bias_shape or np.any(rows != rows[0]):
        return None
    before = 0.0 if value.bias is None else value.bias
    return replace(value, weight=value.weight * sign, bias=before * sign + rows[0])


def multiply(node: Node, block: Block) -> Value:
    """Mul."""
    operands = _given(node, block)
    shape = np.broadcast_shapes(*(value.shape for value in operands))
    if len(operands) == 2:
        for here, there in ((0, 1), (1, 0)):
            found = _multiplied(node, block, here, there, shape)
            if found is not None:
                return found
    found = norms.multiplied(operands) or curve(node, block)
    if found is not None:
        return found
    first, second = (block.wire(tensor, node).broadcast_to(shape) for tensor in node.inputs)
    name = block.fresh(node.outputs[0])
    block.add(Product(name, first, second))
    return plain(whole(name, shape))


def _multiplied(
    node: Node, block: Block, here: int, there: int, shape: tuple[int, ...]
) -> Value | None:
    value, other = block.values[node.inputs[here]], block.values[node.inputs[there]]
    if isinstance(other, Masked) and other.is_plain and not isinstance(value, Constant | Masked):
        wire = block.wire(node.inputs[here], node).broadcast_to(shape)
        return MaskedEntries(wire, other.source, np.broadcast_to(other.index, shape))
    if not isinstance(other, Constant):
        return None
    return scaled(node, block, node.inputs[here], np.asarray(other.array, np.float64), shape)


def scaled(
    node: Node, block: Block, tensor: str, factor: Float64s, shape: tuple[int, ...]
) -> Value | None:
    """A tensor times a constant; `None` where a curve can take it in."""
    value = block.values[tensor]
    number = float(factor.reshape(-1)[0]) if np.all(factor == factor.reshape(-1)[0]) else None
    if value.shape == shape:
        if isinstance(value, Contraction) and number is not None and value.mask is None:
            return replace(value, factor=value.factor * number)
        if isinstance(value, Projection) and number is not None:
            bias = None if value.bias is None else value.bias * number
            return replace(value, weight=value.weight * number, bias=bias)
        found = norms.scaled(value, np.broadcast_to(factor, shape), number)
        if found is not None:
            return found
    if isinstance(value, Sum) or number is None:
        held = broadcast(block.sum(tensor, node), shape)
        return times(held, number if number is not None else np.broadcast_to(factor, shape))
    return None


def divide(node: Node, block: Block) -> Value:
    """Div."""
    left, right = _given(node, block)
    shape = np.broadcast_shapes(left.shape, right.shape)
    if isinstance(right, Constant):
        found = scaled(node, block, node.inputs[0], 1.0 / right.array.astype(np.float64), shape)
        if found is not None:
            return found
    found = norms.divided(left, right, block) or curve(node, block)
    if found is not None:
        return found
    if isinstance(left, MaskedTotal) and isinstance(right, MaskedTotal) and right.wire is None:
        return emit.masked_mean(block, left, right, node)
    raise node.refused(
        "it divides by a tensor that depends on the input",
        "only norms, softmax and masked means divide; write it as one of them",
    )


def power(node: Node, block: Block) -> Value:
    """Pow, Sqrt, Reciprocal."""
    (value, *_) = _given(node, block)
    exponent: float | None = {"Sqrt": 0.5, "Reciprocal": -1.0}.get(node.operator)
    if node.operator == "Pow":
        exponent = scalar_of(block.values[node.inputs[1]])
    found = None if exponent is None else norms.raised(value, exponent)
    found = found or curve(node, block)
    if found is None:
        raise node.refused("its exponent is not one number", "use a constant exponent")
    return found


def clip(node: Node, block: Block) -> Value:
    """Clip, and Max with a number: also what keeps a divisor from 0."""
    operands = block.operands(node)
    value = operands[0]
    lowest = scalar_of(operands[1]) if len(operands) > 1 else None
    is_open = len(operands) < 3 or operands[2] is None or (scalar_of(operands[2]) or 0.0) > 1e30
    if lowest is not None and is_open:
        if isinstance(value, MaskedTotal) and value.wire is None and lowest <= 1.0:
            return value
        found = norms.kept_from_zero(value, lowest)
        if found is not None:
            return found
    found = curve(node, block)
    if found is None:
        raise node.refused("its bounds are not numbers", "clip to constant numbers")
    return found


def extremum(node: Node, block: Block) -> Value:
    """Max, Min of several tensors."""
    operands = _given(node, block)
    if node.operator == "Max" and len(operands) == 2 and scalar_of(operands[1]) is not None:
        return clip(node, block)
    found = curve(node, block)
    if found is not None:
        return found
    shape = np.broadcast_shapes(*(value.shape for value in operands))
    sign = 1.0 if node.operator == "Max" else -1.0
    wires = []
    for place, tensor in enumerate(node.inputs):
        value = times(broadcast(block.sum(tensor, node), shape), sign)
        if not value.terms:
            raise node.refused("it compares with an array of constants", "compare with a number")
        wires.append(emit.made(block, value, f"{node.outputs[0]}/{place}", node))
    name = block.fresh(node.outputs[0])
    stacked = concatenate([wire.reshape((*shape, 1)) for wire in wires], len(shape))
    block.add(Maximum(name, stacked))
    return times(plain(whole(name, shape)), sign)


def broadcast(value: Sum, shape: tuple[int, ...]) -> Sum:
    """The same numbers under numpy's broadcasting."""
    if value.shape == shape:
        return value
    terms = tuple(
        Term(
            term.wire.broadcast_to(shape),
            term.factor if isinstance(term.factor, float) else np.broadcast_to(term.factor, shape),
        )
        for term in value.terms
    )
    held = value.constant
    constant = held if isinstance(held, float) else np.broadcast_to(np.asarray(held), shape)
    return Sum(shape, terms, constant)


def plus(left: Sum, right: Sum) -> Sum:
    """Two sums of one shape; wires that occur in both are counted together."""
    terms = list(left.terms)
    for term in right.terms:
        for place, held in enumerate(terms):
            if same_wire(held.wire, term.wire):
                terms[place] = Term(held.wire, held.factor + term.factor)
                break
        else:
            terms.append(term)
    constant = left.constant + right.constant
    if not isinstance(constant, float) and not np.any(constant):
        constant = 0.0
    return Sum(left.shape, tuple(terms), constant)


def _given(node: Node, block: Block) -> Sequence[Value]:
    return [block.values[name] for name in node.inputs if name]
