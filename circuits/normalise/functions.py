"""Expand functions: the model's own, and operators that ONNX defines by other operators.

Of the latter only those that ezkl 23.0.5 does not implement; LayerNormalization, Softmax, HardSwish
and the like stay whole, since the prover has cheaper circuits for them.
"""

from __future__ import annotations

import onnx
import onnx.inliner

from zkdps.circuits.load import check_counts
from zkdps.core.errors import MalformedModel

EXPANDED = (*("CenterCropPad", "Gelu", "GroupNormalization", "MeanVarianceNormalization", "Mish"),)
"""Operators without an ezkl circuit but with a function body.

Found by running `gen_settings` of ezkl 23.0.5 on ONNX's node test cases.  AffineGrid is not here:
its body holds an If.
"""


def inline_local(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Replace calls to the model's own functions by their bodies.

    Raises:
        MalformedModel: a function needs another opset than the model, or cannot be inlined.
    """
    if not model.functions:
        return model
    try:
        inlined: onnx.ModelProto = onnx.inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, IndexError) as error:
        raise MalformedModel(name, f"its local functions cannot be expanded: {error}") from error
    if inlined.functions:
        stuck = inlined.functions[0]
        versions = {entry.domain: entry.version for entry in stuck.opset_import}
        reason = f"its function {stuck.domain}::{stuck.name} is for opset {versions}"
        raise MalformedModel(name, reason)
    return inlined


def expand_schema_functions(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Replace the operators in `EXPANDED` by the function bodies of the ONNX standard.

    Raises:
        MalformedModel: types are inconsistent, or a body cannot be built for these types.
    """
    called = [n for n in model.graph.node if n.op_type in EXPANDED and not n.domain]
    if not called:
        return model
    _write_defaults(called, model)
    try:
        # Some bodies depend on the element type of the inputs.
        typed = onnx.shape_inference.infer_shapes(model)
        expanded: onnx.ModelProto = onnx.inliner.inline_selected_functions(
            typed, [("", op_type) for op_type in EXPANDED], inline_schema_functions=True
        )
    except (RuntimeError, ValueError, IndexError, onnx.shape_inference.InferenceError) as error:
        raise MalformedModel(name, f"ONNX functions cannot be expanded: {error}") from error
    check_counts(expanded, name)
    return expanded


def _write_defaults(nodes: list[onnx.NodeProto], model: onnx.ModelProto) -> None:
    """ONNX's inliner drops an attribute left out instead of taking the schema's default.

    MeanVarianceNormalization without `axes` would silently be taken over all axes.
    """
    version = next(entry.version for entry in model.opset_import if not entry.domain)
    for node in nodes:
        if not onnx.defs.has(node.op_type, version, ""):
            continue
        given = {attribute.name for attribute in node.attribute}
        for key, attribute in onnx.defs.get_schema(node.op_type, version, "").attributes.items():
            default = attribute.default_value
            if key not in given and default.type != onnx.AttributeProto.UNDEFINED:
                node.attribute.append(default)
