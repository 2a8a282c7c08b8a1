"""Windows of a pooling node along one axis: which input positions each output position reads."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import argument, dims, integers, label
from zkdps.core.errors import UnsupportedOperator


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a pooling node.

    Attributes:
        axis: index of the axis in the tensor.
        size: input positions.
        out: output positions.
        kernel, stride, dilation: as in ONNX.
        before, after: padding.
    """

    axis: int
    size: int
    out: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    def window(self, position: int) -> list[int]:
        """The input positions of a window; padding shows as positions outside [0, size)."""
        start = position * self.stride - self.before
        return [start + step * self.dilation for step in range(self.kernel)]

    def inside(self, position: int) -> list[int]:
        """The positions of a window that are not padding."""
        return [at for at in self.window(position) if 0 <= at < self.size]


def axes(node: ir.Node) -> list[Axis]:
    """The spatial axes of a MaxPool or AveragePool node.

    Raises:
        UnsupportedOperator: a window lies wholly in the padding.
    """
    kernel = integers(node, "kernel_shape", ())
    rank = len(kernel)
    strides = integers(node, "strides", [1] * rank)
    dilations = integers(node, "dilations", [1] * rank)
    pads = integers(node, "pads", [0] * 2 * rank)
    source, result = dims(argument(node, 0)), dims(node.outputs[0])
    found = [
        Axis(
            axis=2 + i,
            size=source[2 + i],
            out=result[2 + i],
            kernel=kernel[i],
            stride=strides[i],
            dilation=dilations[i],
            before=pads[i],
            after=pads[rank + i],
        )
        for i in range(rank)
    ]
    if not all(axis.inside(position) for axis in found for position in range(axis.out)):
        raise UnsupportedOperator(
            node.op_type,
            label(node),
            "a window lies wholly in the padding",
            "use smaller pads, or ceil_mode=0",
        )
    return found
