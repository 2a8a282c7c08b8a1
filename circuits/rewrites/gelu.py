"""GELU in any spelling → u * (1 + erf(u)) * sqrt(1/2) with u = x * sqrt(1/2).

Both factors are lone numbers that `folds` moves into the weights around, which saves two of the
three products (a third of the rows of a transformer's up block).  What counts as a GELU is decided
by its values: the elementwise region around an Erf or Tanh is evaluated on a grid and compared, so
that every exporter's order of factors is found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    FLOAT,
    Array,
    Patch,
    argument,
    dims,
    each,
    label,
    scalar,
    sole_user,
    users,
)
from zkdps.circuits.rewrites.record import Rewrite

TANH_BOUND = 5e-4
"""Largest distance of the tanh form from GELU (4.73e-4, near |x| = 2.3)."""

EXACT_BOUND = 2e-6
"""Constants such as 1.4142 are stored as float32; seven digits of sqrt(2) stay below this."""

ELEMENTWISE = ("Mul", "Add", "Sub", "Div", "Pow", "Erf", "Tanh")
LONGEST_REGION = 12
GRID = np.linspace(-8.0, 8.0, 1601)
_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True)
class _Region:
    source: ir.Value
    nodes: frozenset[ir.Node]
    distance: float


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Bring every GELU to the form that folds."""
    return each(model, ("Erf", "Tanh"), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, curve: ir.Node) -> Rewrite | None:
    if curve.outputs[0].dtype != FLOAT or _is_canonical(curve):
        return None
    for end in _ends(curve):
        region = _region(curve, end)
        if region is None:
            continue
        name = label(end)
        _build(model, end, region.source)
        exact = region.distance <= EXACT_BOUND
        detail = "GELU as u (1 + erf u) / sqrt 2"
        if not exact:
            detail += f"; was the tanh form, which differs by <= {TANH_BOUND:g}"
        return Rewrite("gelu", name, detail, exact=exact)
    return None


def _build(model: ir.Model, end: ir.Node, source: ir.Value) -> None:
    patch = Patch(model, end)
    shape = dims(source)
    root = patch.floats(math.sqrt(0.5), "root_half")
    inner = patch.node("Mul", [source, root], "inner", shape=shape)
    curve = patch.node("Erf", [inner], "erf", shape=shape)
    one = patch.node("Add", [curve, patch.floats(1.0, "one")], "cdf", shape=shape)
    product = patch.node("Mul", [inner, one], "product", shape=shape)
    again = patch.floats(math.sqrt(0.5), "root_half")
    patch.replace(patch.node("Mul", [product, again], "gelu", shape=shape))


def _is_canonical(curve: ir.Node) -> bool:
    """Whether u feeds both erf(u) and the product u * (1 + erf(u))."""
    after = sole_user(curve.outputs[0])
    product = sole_user(after.outputs[0]) if after is not None else None
    return product is not None and product.op_type == "Mul" and curve.inputs[0] in product.inputs


def _ends(curve: ir.Node) -> Iterator[ir.Node]:
    """Nodes where a GELU around this curve may end, the last first."""
    found: list[ir.Node] = []
    node: ir.Node | None = curve
    for _ in range(4):
        node = sole_user(node.outputs[0]) if node is not None else None
        if node is None or node.op_type not in ("Mul", "Add", "Div"):
            break
        found.append(node)
    yield from reversed(found[1:])


def _region(curve: ir.Node, end: ir.Node) -> _Region | None:
    """The elementwise region from one source tensor to `end` that computes a GELU, if any."""
    for source in _sources(curve):
        if dims(source) != dims(end.outputs[0]):
            continue
        nodes: set[ir.Node] = set()
        values = _evaluate(end.outputs[0], source, nodes, LONGEST_REGION)
        if values is None or curve not in nodes or _leaks(nodes, end):
            continue
        distance = float(np.abs(values - 0.5 * GRID * (1 + _erf(GRID / math.sqrt(2)))).max())
        if distance <= (TANH_BOUND if curve.op_type == "Tanh" else EXACT_BOUND):
            return _Region(source, frozenset(nodes), distance)
    return None


def _sources(curve: ir.Node) -> list[ir.Value]:
    """Tensors that the curve depends on, near ones first."""
    found: list[ir.Value] = []
    layer = [argument(curve, 0)]
    for _ in range(6):
        found += [value for value in layer if value not in found]
        nodes = [value.producer() for value in layer]
        layer = [
            operand
            for node in nodes
            if node is not None and node.op_type in ELEMENTWISE
            for operand in node.inputs
            if operand is not None and not operand.is_initializer()
        ]
    return found


def _evaluate(value: ir.Value, source: ir.Value, nodes: set[ir.Node], depth: int) -> Array | None:
    """The value on the grid as a function of the source; None if it depends on more than that."""
    if value is source:
        return GRID
    number = scalar(value)
    if number is not None:
        return np.full_like(GRID, number)
    node = value.producer()
    if node is None or node.op_type not in ELEMENTWISE or depth == 0:
        return None
    nodes.add(node)
    operands = [
        _evaluate(argument(node, i), source, nodes, depth - 1) for i in range(len(node.inputs))
    ]
    known_operands = [operand for operand in operands if operand is not None]
    return _compute(node.op_type, known_operands) if len(known_operands) == len(operands) else None


def _compute(operator: str, operands: list[Array]) -> Array | None:
    with np.errstate(all="ignore"):
        if operator in ("Erf", "Tanh"):
            return np.asarray(_erf(operands[0]) if operator == "Erf" else np.tanh(operands[0]))
        binary = {
            "Mul": np.multiply,
            "Add": np.add,
            "Sub": np.subtract,
            "Div": np.divide,
            "Pow": np.power,
        }
        result = np.asarray(binary[operator](*operands))
    return result if np.all(np.isfinite(result)) else None


def _leaks(nodes: set[ir.Node], end: ir.Node) -> bool:
    """Whether a tensor inside the region is read outside it."""
    inner = [node.outputs[0] for node in nodes if node is not end]
    return any(
        value.is_graph_output() or any(user not in nodes for user in users(value))
        for value in inner
    )
