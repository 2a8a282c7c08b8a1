"""Outputs that repeat a tensor → a copy that ezkl keeps apart.

tract drops an Identity between two outputs, or between an input and two outputs, and ezkl then
fails; a Gather of everything in order is a copy that costs no rows.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import Patch, argument, dims, label
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Replace every Identity that makes a graph output."""
    made = []
    for node in list(model.graph):
        if node.op_type != "Identity" or not dims(node.outputs[0]):
            continue
        if argument(node, 0).is_initializer():
            continue
        patch = Patch(model, node)
        order = patch.indices(np.arange(dims(node.outputs[0])[0]), "order")
        name = label(node)
        copy = patch.node("Gather", [argument(node, 0), order], "copy", axis=0)
        patch.replace(copy)
        made.append(Rewrite("identities", name, "a copy that stays a node"))
    return made
