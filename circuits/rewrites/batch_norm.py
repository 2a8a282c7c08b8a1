"""BatchNormalization (inference) → into the convolution or Gemm before it, else Mul and Add."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites import affine
from zkdps.circuits.rewrites.editing import (
    Array,
    Patch,
    argument,
    dims,
    each,
    integer,
    known,
    label,
    real,
    sole_user,
)
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Remove every BatchNormalization with constant statistics."""
    return each(model, ("BatchNormalization",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    statistics = [known(value) for value in node.inputs[1:5]]
    if integer(node, "training_mode", 0):
        return None
    gain, bias, mean, variance = (
        None if array is None else array.astype(np.float64) for array in statistics
    )
    if gain is None or bias is None or mean is None or variance is None:
        return None
    factor = gain / np.sqrt(variance + real(node, "epsilon", 1e-5))
    shift = bias - mean * factor
    name = label(node)
    if _fold(model, node, factor, shift):
        return Rewrite("batch_norm", name, "into the weights before it")
    patch = Patch(model, node)
    shape = [-1, *[1] * (len(dims(argument(node, 0))) - 2)]
    product = [argument(node, 0), patch.floats(factor.reshape(shape), "factor")]
    scaled = patch.node("Mul", product, "scaled")
    patch.replace(patch.node("Add", [scaled, patch.floats(shift.reshape(shape), "shift")], "moved"))
    return Rewrite("batch_norm", name, "as one product and one sum")


def _fold(model: ir.Model, node: ir.Node, factor: Array, shift: Array) -> bool:
    data = argument(node, 0)
    before = data.producer()
    if before is None or sole_user(data) is not node or affine.weights(before) is None:
        return False
    if not affine.can_shift(before) or affine.output_channels(before) != len(factor):
        return False
    bias = known(before.inputs[2]) if len(before.inputs) > 2 else None
    if before.op_type == "Gemm" and bias is not None and bias.ndim > 1 and bias.shape[0] > 1:
        return False
    affine.scale_output(Patch(model, before), before, factor, shift)
    data.name = f"{label(before)}/unnormalised"
    Patch(model, node).replace(data)
    return True
