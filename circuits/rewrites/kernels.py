"""Dilations → zeros in the kernel; ConvTranspose with groups → one node per group.

ezkl fails on a dilation other than 1, and on many a ConvTranspose with groups (depthwise ones).
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    Array,
    Patch,
    argument,
    dims,
    each,
    integer,
    integers,
    known,
    label,
    optional,
)
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Stuff kernels first, then split groups."""
    stuffed = each(model, ("Conv", "ConvTranspose"), lambda node: _stuff(model, node))
    return stuffed + each(model, ("ConvTranspose",), lambda node: _split(model, node))


def _stuff(model: ir.Model, node: ir.Node) -> Rewrite | None:
    kernel = known(node.inputs[1])
    if kernel is None:
        return None
    dilations = integers(node, "dilations", [1] * (kernel.ndim - 2))
    if all(step == 1 for step in dilations):
        return None
    wide = zero_stuffed(kernel, dilations)
    patch = Patch(model, node)
    attributes = {key: value.value for key, value in node.attributes.items()}
    attributes["dilations"] = [1] * len(dilations)
    attributes["kernel_shape"] = list(wide.shape[2:])
    inputs = [argument(node, 0), patch.constant(wide, "stuffed"), *node.inputs[2:]]
    name = label(node)
    patch.replace(patch.node(node.op_type, inputs, "undilated", **attributes))
    return Rewrite("kernels", name, f"dilations {list(dilations)} as zeros in the kernel")


def zero_stuffed(kernel: Array, dilations: tuple[int, ...]) -> Array:
    """The undilated kernel (out, in, spatial...) that does what a dilated one does."""
    spatial = [
        (size - 1) * step + 1 for size, step in zip(kernel.shape[2:], dilations, strict=True)
    ]
    wide = np.zeros((*kernel.shape[:2], *spatial), dtype=kernel.dtype)
    wide[(slice(None), slice(None), *(slice(None, None, step) for step in dilations))] = kernel
    return wide


def _split(model: ir.Model, node: ir.Node) -> Rewrite | None:
    groups = integer(node, "group", 1)
    kernel, bias = known(node.inputs[1]), known(optional(node, 2))
    if groups == 1 or kernel is None or (bias is None) != (optional(node, 2) is None):
        return None
    patch = Patch(model, node)
    source, result = dims(argument(node, 0)), dims(node.outputs[0])
    taken, given = source[1] // groups, result[1] // groups
    attributes = {key: value.value for key, value in node.attributes.items()} | {"group": 1}
    parts = []
    for group in range(groups):
        channels = patch.indices(range(group * taken, (group + 1) * taken), f"channels_{group}")
        data = patch.node(
            "Gather",
            [argument(node, 0), channels],
            f"pick_{group}",
            shape=(source[0], taken, *source[2:]),
            axis=1,
        )
        own = patch.constant(kernel[group * taken : (group + 1) * taken], f"weights_{group}")
        inputs = [data, own]
        if bias is not None:
            inputs.append(
                patch.constant(bias[group * given : (group + 1) * given], f"bias_{group}")
            )
        shape = (result[0], given, *result[2:])
        parts.append(patch.node(node.op_type, inputs, f"group_{group}", shape=shape, **attributes))
    name = label(node)
    patch.replace(patch.node("Concat", parts, "joined", axis=1))
    return Rewrite("kernels", name, f"{groups} groups as {groups} nodes")
