"""Whole powers → products, where ezkl would get them wrong or overflow.

ezkl reads a negative exponent as 0, leaves x**0 at scale 0, and takes x**n at n times the scale in
one go: past 2**20 of scale to remove, the rebase leaves the decomposition.
"""

from __future__ import annotations

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import FLOAT, Patch, argument, dims, each, label, uniform
from zkdps.circuits.rewrites.record import Rewrite
from zkdps.circuits.rewrites.scales import HEADROOM_BITS

LARGEST = 64


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every Pow with a whole exponent that ezkl does not take as it is."""
    return each(model, ("Pow",), lambda node: _rewrite(model, node, scale_bits))


def _rewrite(model: ir.Model, node: ir.Node, scale_bits: int) -> Rewrite | None:
    exponent = uniform(node.inputs[1])
    data = argument(node, 0)
    if exponent is None or exponent != int(exponent) or node.outputs[0].dtype != FLOAT:
        return None
    power = int(exponent)
    fits = power >= 1 and (power <= 2 or (power - 1) * scale_bits <= HEADROOM_BITS)
    if fits or power == 0 or abs(power) > LARGEST or dims(data) != dims(node.outputs[0]):
        return None
    patch = Patch(model, node)
    value = _power(patch, data, abs(power))
    if power < 0:
        value = patch.node("Reciprocal", [value], "inverse")
    name = label(node)
    patch.replace(value)
    return Rewrite("powers", name, f"power {power} as products")


def _power(patch: Patch, data: ir.Value, power: int) -> ir.Value:
    """x**power by squaring; every product is rebased on its own."""
    if power == 1:
        return data
    half = _power(patch, data, power // 2)
    square = patch.node("Mul", [half, half], f"power_{power // 2 * 2}")
    return square if power % 2 == 0 else patch.node("Mul", [square, data], f"power_{power}")
