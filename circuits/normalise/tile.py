"""Tile with known repeats becomes Concat of copies: ezkl has Concat and no Tile."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from zkdps.circuits.normalise.surgery import constant, replace

MAX_COPIES = 4096
"""Along one axis; more inputs to one Concat would be a graph that nobody can prove."""


def apply(model: ir.Model) -> bool:
    """Rewrite what can be; a Tile with computed repeats stays and is refused by name."""
    changed = False
    for node in list(model.graph):
        if node.op_type != "Tile" or node.domain:
            continue
        repeats = constant(node.inputs[1])
        if repeats is None or not all(1 <= int(count) <= MAX_COPIES for count in repeats):
            continue
        _concatenate(node, [int(count) for count in repeats])
        changed = True
    return changed


def _concatenate(node: ir.Node, repeats: list[int]) -> None:
    def build(tape: Tape) -> Sequence[ir.Value | None]:
        value = node.inputs[0]
        for axis, count in enumerate(repeats):
            if count != 1:
                value = tape.op("Concat", [value] * count, {"axis": axis})
        return [value if tape.nodes else tape.op("Identity", [value])]

    replace(node, build)
