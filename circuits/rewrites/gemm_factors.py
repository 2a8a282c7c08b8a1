"""Gemm's alpha and beta → into its constants, or out as products.

tract multiplies by alpha apart (a second rebase per element), and by a power of two it raises the
scale.  transA is left alone: ezkl transposes for nothing.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    Patch,
    argument,
    dims,
    each,
    known,
    label,
    optional,
    real,
)
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Make alpha and beta 1."""
    return each(model, ("Gemm",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    alpha, beta = real(node, "alpha", 1.0), real(node, "beta", 1.0)
    if alpha == 1.0 and (beta == 1.0 or optional(node, 2) is None):
        return None
    patch = Patch(model, node)
    if alpha != 1.0:
        index = 1 if known(node.inputs[1]) is not None else 0
        _scale_operand(patch, node, index, alpha)
    if beta != 1.0 and optional(node, 2) is not None:
        _scale_operand(patch, node, 2, beta)
    for name in ("alpha", "beta"):
        node.attributes[name] = ir.AttrFloat32(name, 1.0)
    return Rewrite("gemm_factors", label(node), f"alpha {alpha:g}, beta {beta:g} into the operands")


def _scale_operand(patch: Patch, node: ir.Node, index: int, factor: float) -> None:
    operand = argument(node, index)
    array = known(operand)
    if array is not None and (index == 2 or abs(factor) >= 0.5):
        node.replace_input_with(index, patch.floats(array.astype(np.float64) * factor, "scaled"))
        return
    # Small factors would take bits from the weights; on the data they cost none (see `scales`).
    index = 0 if index < 2 else index
    operand = argument(node, index)
    number = patch.floats(factor, f"factor_{index}")
    scaled = patch.node("Mul", [operand, number], f"scaled_{index}", shape=dims(operand))
    node.replace_input_with(index, scaled)
