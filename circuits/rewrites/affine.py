"""Gemm, MatMul, Conv and ConvTranspose with constant weights, as one thing: y = W x + b.

Scaling what such a node puts out, or what it takes in, is a change of its constants.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import Array, Patch, integer, known, label, optional

OPERATORS = ("Gemm", "MatMul", "Conv", "ConvTranspose")


def weights(node: ir.Node) -> Array | None:
    """The constant weights of an affine node that reads its data on input 0."""
    if node.op_type not in OPERATORS or known(node.inputs[0]) is not None:
        return None
    if node.op_type == "Gemm" and not _plain_gemm(node):
        return None
    bias = optional(node, 2)
    if bias is not None and known(bias) is None:
        return None
    found = known(node.inputs[1])
    return found if found is not None and found.ndim > 1 else None


def output_channels(node: ir.Node) -> int:
    """How many channels (features) an affine node puts out."""
    kernel = _kernel(node)
    if node.op_type == "ConvTranspose":
        return int(kernel.shape[1]) * integer(node, "group", 1)
    return int(kernel.shape[_output_axis(node)])


def scale_output(patch: Patch, node: ir.Node, factor: Array, shift: Array | None = None) -> None:
    """Make the node put out `factor * y + shift`.

    Args:
        patch: where new constants go.
        node: an affine node (`weights(node)` is not None).
        factor: (output channels) float64, or () for one factor.
        shift: (output channels) float64, or None for no shift.
    """
    kernel = _kernel(node)
    node.replace_input_with(1, patch.floats(_scaled(node, kernel, factor), "weights"))
    bias = known(optional(node, 2))
    if bias is None and shift is None:
        return
    moved = (np.zeros(1) if bias is None else bias.astype(np.float64)) * factor
    moved = moved if shift is None else moved + shift
    value = patch.floats(moved, "bias")
    if len(node.inputs) < 3:
        node.resize_inputs(3)
    node.replace_input_with(2, value)


def scale_input(patch: Patch, node: ir.Node, factor: float) -> None:
    """Make the node put out what it did when it read `factor * x` (its input stays x)."""
    kernel = _kernel(node)
    node.replace_input_with(1, patch.floats(kernel.astype(np.float64) * factor, "weights"))


def can_shift(node: ir.Node) -> bool:
    """Whether the node has a place for a bias."""
    return node.op_type != "MatMul"


def _kernel(node: ir.Node) -> Array:
    kernel = weights(node)
    if kernel is None:
        raise ValueError(f"{label(node)!r} has no constant weights: ask `weights` first")
    return kernel


def _plain_gemm(node: ir.Node) -> bool:
    alpha, beta = (node.attributes.get_float(name, 1.0) for name in ("alpha", "beta"))
    return alpha == 1.0 and beta == 1.0


def _output_axis(node: ir.Node) -> int:
    if node.op_type == "Conv" or (node.op_type == "Gemm" and integer(node, "transB", 0)):
        return 0
    return -1


def _scaled(node: ir.Node, kernel: Array, factor: Array) -> Array:
    wide = kernel.astype(np.float64)
    if np.ndim(factor) == 0:
        return wide * factor
    if node.op_type == "ConvTranspose":
        # (in, out / group, ...): the inputs of group g feed the outputs of group g.
        groups = integer(node, "group", 1)
        split = wide.reshape(groups, -1, *wide.shape[1:])
        per = factor.reshape(groups, 1, -1, *[1] * (wide.ndim - 2))
        return (split * per).reshape(wide.shape)
    shape = [1] * wide.ndim
    shape[_output_axis(node)] = -1
    return wide * factor.reshape(shape)
