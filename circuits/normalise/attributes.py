"""Write out every attribute that has a default, and turn `auto_pad` into pads.

ezkl fails on a Conv without `strides`.  The defaults of strides, pads, dilations and kernel_shape
are not in ONNX's schemas but in their prose, since they depend on the rank.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.passes.common import AddDefaultAttributesPass

from zkdps.circuits.normalise.surgery import static_shape
from zkdps.core.errors import UnsupportedOperator

WINDOWED = frozenset({"Conv", "ConvTranspose", "MaxPool", "AveragePool"})


def apply(model: ir.Model) -> None:
    """Make windows explicit, then add the defaults that schemas know.

    Raises:
        UnsupportedOperator: an auto_pad of ConvTranspose that would need negative padding, or any
            auto_pad with dilations.
    """
    version = model.opset_imports[""]
    for node in model.graph:
        if node.op_type in WINDOWED and not node.domain:
            _explicit_window(node, version)
    AddDefaultAttributesPass()(model)


def _explicit_window(node: ir.Node, version: int) -> None:
    kernel = _kernel(node)
    size = static_shape(node.inputs[0])
    if kernel is None or size is None:
        return  # a shape that stays unknown is refused after the last inference
    spatial = size[2:]
    rank = len(kernel)
    strides = _ints(node, "strides", [1] * rank)
    dilations = _ints(node, "dilations", [1] * rank)
    window = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if node.op_type == "ConvTranspose":
        pads = _transposed_pads(node, spatial, window, strides)
        node.attributes["output_padding"] = ir.AttrInt64s(
            "output_padding", _ints(node, "output_padding", [0] * rank)
        )
        node.attributes.pop("output_shape", None)
    else:
        pads = _pads(node, spatial, window, strides)
    written = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    if node.op_type != "AveragePool" or version >= 19:  # which got dilations in opset 19
        written["dilations"] = dilations
    for key, numbers in written.items():
        node.attributes[key] = ir.AttrInt64s(key, numbers)
    node.attributes["auto_pad"] = ir.AttrString("auto_pad", "NOTSET")


def _kernel(node: ir.Node) -> list[int] | None:
    if "kernel_shape" in node.attributes:
        return list(node.attributes["kernel_shape"].as_ints())
    weight = static_shape(node.inputs[1]) if len(node.inputs) > 1 else None
    return None if weight is None else list(weight[2:])


def _ints(node: ir.Node, key: str, default: list[int]) -> list[int]:
    return list(node.attributes.get_ints(key, default) or default)


def _pads(
    node: ir.Node, spatial: Sequence[int], window: list[int], strides: list[int]
) -> list[int]:
    mode = node.attributes.get_string("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return _ints(node, "pads", [0] * 2 * len(window))
    if mode == "VALID":
        return [0] * 2 * len(window)
    if any(span != size for span, size in zip(window, _kernel(node) or [], strict=True)):
        raise UnsupportedOperator(
            operator=node.op_type,
            node=node.name or "",
            reason=f"auto_pad {mode} with dilations is read in different ways by runtimes",
            remedy="state pads instead of auto_pad",
        )
    totals = [
        max((-(-size // stride) - 1) * stride + span - size, 0)
        for size, span, stride in zip(spatial, window, strides, strict=True)
    ]
    smaller, larger = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return smaller + larger if mode == "SAME_UPPER" else larger + smaller


def _transposed_pads(
    node: ir.Node, spatial: Sequence[int], window: list[int], strides: list[int]
) -> list[int]:
    """The formulas of ConvTranspose-11: pads follow from the wanted output shape."""
    rank = len(window)
    mode = node.attributes.get_string("auto_pad", "NOTSET")
    wanted = node.attributes.get_ints("output_shape")
    if not wanted and mode == "NOTSET":
        return _ints(node, "pads", [0] * 2 * rank)
    if not wanted and mode == "VALID":
        return [0] * 2 * rank
    if not wanted:
        wanted = [size * stride for size, stride in zip(spatial, strides, strict=True)]
    extra = _ints(node, "output_padding", [0] * rank)
    totals = [
        stride * (size - 1) + more + span - out
        for size, span, stride, more, out in zip(
            spatial, window, strides, extra, list(wanted)[-rank:], strict=True
        )
    ]
    if min(totals) < 0:
        raise UnsupportedOperator(
            operator="ConvTranspose",
            node=node.name or "",
            reason="its output_shape or auto_pad asks for more than the kernel covers",
            remedy="state pads and output_padding instead",
        )
    smaller, larger = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return smaller + larger if mode == "SAME_UPPER" else larger + smaller
