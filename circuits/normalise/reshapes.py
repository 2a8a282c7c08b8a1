"""Reshape to numbers: -1 and 0 in the target become the dimension they stand for.

ezkl's parser infers -1 in fewer cases than ONNX: an expanded GroupNormalization fails without this.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.normalise.surgery import add_constant, constant, static_shape


def apply(model: ir.Model) -> None:
    """Give every Reshape of known result a constant target that states it."""
    for node in model.graph:
        if node.op_type != "Reshape" or node.domain:
            continue
        shape = static_shape(node.outputs[0])
        target = constant(node.inputs[1])
        if shape is None or 0 in shape or (target is not None and tuple(target) == shape):
            continue
        stated = np.array(shape, dtype=np.int64)
        node.replace_input_with(1, add_constant(model.graph, f"{node.name}/target", stated))
