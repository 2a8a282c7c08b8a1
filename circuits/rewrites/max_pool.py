"""MaxPool → a tree of maxima, one axis after the other.

ezkl pads a MaxPool with 0 (wrong below 0), drops dilations and fails on ceil_mode; where it is
right, it sorts every window through a shuffle, which doubles the extended domain of the whole
circuit.  A maximum of two is `b + relu(a - b)`, exact in fixed point.  The operands are gathered
at constant indices, which costs no rows; a position in the padding is replaced by one inside the
same window, which changes no maximum, so nothing is ever padded.
"""

from __future__ import annotations

import onnx_ir as ir

from zkdps.circuits.rewrites import pools
from zkdps.circuits.rewrites.editing import Patch, argument, dims, each, label
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every MaxPool that returns no indices."""
    return each(model, ("MaxPool",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    if any(output.uses() or output.is_graph_output() for output in node.outputs[1:]):
        return None
    patch = Patch(model, node)
    value = argument(node, 0)
    for axis in pools.axes(node):
        value = _reduce(patch, value, axis)
    kernel = "x".join(str(axis.kernel) for axis in pools.axes(node))
    name = label(node)
    patch.replace(value)
    return Rewrite("max_pool", name, f"{kernel} windows as a tree of b + relu(a - b)")


def _reduce(patch: Patch, value: ir.Value, axis: pools.Axis) -> ir.Value:
    shape = list(dims(value))
    shape[axis.axis] = axis.out
    columns = _columns(axis)
    if columns == [list(range(axis.size))]:
        return value
    level = [
        patch.node(
            "Gather",
            [value, patch.indices(column, f"at_{axis.axis}_{step}")],
            f"pick_{axis.axis}_{step}",
            shape=shape,
            axis=axis.axis,
        )
        for step, column in enumerate(columns)
    ]
    while len(level) > 1:
        pairs = [
            maximum(patch, level[i], level[i + 1], f"max_{axis.axis}")
            for i in range(0, len(level) - 1, 2)
        ]
        level = pairs + level[2 * len(pairs) :]
    return level[0]


def maximum(patch: Patch, a: ir.Value, b: ir.Value, part: str) -> ir.Value:
    """max(a, b) of two tensors, b of the shape of the result, as b + relu(a - b)."""
    shape = dims(a) if len(dims(a)) > len(dims(b)) else dims(b)
    gap = patch.node("Sub", [a, b], f"{part}_gap", shape=shape)
    over = patch.node("Relu", [gap], f"{part}_over", shape=shape)
    return patch.node("Add", [over, b], part, shape=shape)


def _columns(axis: pools.Axis) -> list[list[int]]:
    """Per place in the window, the input position that each output position reads there."""
    windows = [axis.inside(position) for position in range(axis.out)]
    width = max(len(window) for window in windows)
    padded = [window + [window[-1]] * (width - len(window)) for window in windows]
    columns = [[window[step] for window in padded] for step in range(width)]
    return [column for i, column in enumerate(columns) if column not in columns[:i]]
