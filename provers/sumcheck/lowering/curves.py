"""Nodes that apply a function of one variable: they compose until somebody needs the numbers."""

from __future__ import annotations

import numpy as np

from zkdps.provers.sumcheck.lowering.block import Block
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    Constant,
    Curve,
    Float64s,
    Sum,
    Value,
    plain,
    same_wire,
)
from zkdps.provers.sumcheck.operators.expressions import FUNCTIONS, Expression, scaled
from zkdps.provers.sumcheck.wires import Wire

DEFAULTS: dict[str, dict[str, float]] = {
    "Celu": {"alpha": 1.0},
    "Elu": {"alpha": 1.0},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "LeakyRelu": {"alpha": 0.01},
    "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    "Shrink": {"lambd": 0.5, "bias": 0.0},
    "ThresholdedRelu": {"alpha": 1.0},
}
"""Parameters of functions, with ONNX's defaults."""

UNBOUNDED = {"Clip": (-3.4e38, 3.4e38)}
"""Operands that may be left out, after the first."""


def univariate(node: Node, block: Block) -> Value:
    """A node that is a function of its one operand: Relu, Tanh, Exp, ..."""
    found = curve(node, block)
    if found is None:
        raise node.refused(
            "it mixes tensors elementwise in a way that has no proof",
            "apply it to one tensor and constant numbers",
        )
    return found


def curve(node: Node, block: Block) -> Curve | None:
    """The node as a function of one wire; `None` where its operands are no such functions.

    A bundle that is affine in more than one wire is computed first, if it is the only operand.
    """
    if node.operator not in FUNCTIONS:
        return None
    tensors = [name for name in node.inputs if name]
    varying = {name for name in tensors if scalar_of(block.values[name]) is None}
    if len(varying) == 1 and _part(block.values[next(iter(varying))]) is None:
        if isinstance(block.values[next(iter(varying))], Constant):
            return None
        block.wire(next(iter(varying)), node)
    wire: Wire | None = None
    operands: list[Expression | float] = []
    for name in node.inputs:
        value = block.values.get(name)
        number = scalar_of(value)
        if number is not None:
            operands.append(number)
            continue
        if value is None:
            operands.append(UNBOUNDED[node.operator][len(operands) - 1])
            continue
        part = _part(value)
        if part is None or (wire is not None and not same_wire(wire, part[0])):
            return None
        wire = part[0]
        operands.append(part[1])
    missing = UNBOUNDED.get(node.operator, ())[len(operands) - 1 :]
    if wire is None:
        return None
    known = DEFAULTS.get(node.operator, {})
    parameters = tuple((key, node.real(key, default)) for key, default in known.items())
    return Curve(wire, Expression(node.operator, (*operands, *missing), parameters))


def parametric_relu(node: Node, block: Block) -> Value:
    """PRelu: relu(x) - slope * relu(-x)."""
    slope = block.values[node.inputs[1]]
    shape = block.values[node.inputs[0]].shape
    if not isinstance(slope, Constant):
        raise node.refused("its slope depends on the input", "use a constant slope")
    number = scalar_of(slope)
    wire = block.wire(node.inputs[0], node)
    x = Expression("x")
    if number is not None:
        return Curve(wire, Expression("LeakyRelu", (x,), (("alpha", number),)))
    sides: list[Wire] = []
    for sign in (1.0, -1.0):
        side = f"{node.outputs[0]}/{len(sides)}"
        block.values[side] = Curve(wire, Expression("Relu", (scaled(sign, 0.0),)))
        sides.append(block.wire(side, node))
    factor: Float64s = np.broadcast_to(np.asarray(slope.array, dtype=np.float64), shape)
    above, below = plain(sides[0]).terms[0], plain(sides[1]).terms[0]
    return Sum(shape, (above, type(below)(below.wire, -factor)))


def scalar_of(value: Value | None) -> float | None:
    """The one number that a constant holds, however often."""
    if not isinstance(value, Constant) or value.array.size == 0:
        return None
    first = value.array.reshape(-1)[0]
    return float(first) if np.all(value.array == first) else None


def _part(value: Value) -> tuple[Wire, Expression] | None:
    """A value as a function of one wire."""
    if isinstance(value, Curve):
        return value.wire, value.expression
    if isinstance(value, Sum) and value.line is not None:
        wire, factor, shift = value.line
        return wire, scaled(factor, shift)
    return None
