"""Negative constant indices → counted from the start.

ezkl reads -1 in a Gather rightly, and every other negative index as 0, silently.
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
    known,
    label,
)
from zkdps.circuits.rewrites.record import Rewrite

OPERATORS = ("Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND")


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every constant index that is negative."""
    return each(model, OPERATORS, lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    given = known(node.inputs[1])
    if given is None or not np.any(given < 0):
        return None
    sizes = _sizes(node, given)
    patch = Patch(model, node)
    node.replace_input_with(1, patch.indices(np.where(given < 0, given + sizes, given), "indices"))
    return Rewrite("indices", label(node), "negative indices counted from the start")


def _sizes(node: ir.Node, given: Array) -> Array:
    """The size of the dimension that each index runs over, to broadcast against the indices."""
    shape = dims(argument(node, 0))
    if node.op_type == "GatherND":
        first = integer(node, "batch_dims", 0)
        return np.array(shape[first : first + given.shape[-1]])
    if node.op_type == "ScatterND":
        return np.array(shape[: given.shape[-1]])
    return np.array(shape[integer(node, "axis", 0) % len(shape)])
