"""Opset versions: accept 13 to 22, deliver 17 to 20.

ezkl's parser reads stamps up to 20.  The stamp is only moved when every operator of the graph means
the same under both numbers; which do is a table here, read from the change notes in ONNX's
`docs/Changelog.md`, since ONNX itself only says *that* an operator got a new version.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from zkdps.core.errors import MalformedModel, UnsupportedOperator

ACCEPTED = range(13, 23)
DELIVERED = range(17, 21)

_TYPES_ONLY_TO_17 = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "CumSum", "Relu", "PRelu", "LeakyRelu", "Pow", "Where"),
        *("GreaterOrEqual", "LessOrEqual", "Identity", "Trilu", "CastLike"),
        *("Reshape", "Shape"),  # new attributes allowzero, start, end default to the old meaning
        *("ScatterElements", "ScatterND"),  # new attribute reduction defaults to none
        *("GRU", "LSTM", "RNN"),  # new attribute layout defaults to 0, the old layout
        "BatchNormalization",  # the training outputs went; inference is equal
    }
)
_TYPES_ONLY_FROM_22 = frozenset(
    {
        *("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Sin", "Sinh", "Tan"),
        *("AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "LpPool"),
        *("Conv", "ConvTranspose", "InstanceNormalization", "LpNormalization"),
        *("Elu", "HardSigmoid", "HardSwish", "Mish", "Selu", "Softplus", "Softsign"),
        *("ThresholdedRelu", "Round", "Dropout", "EyeLike", "GRU", "LSTM", "RNN"),
        *("Cast", "CastLike", "Constant", "ConstantOfShape", "Flatten", "Identity", "Pad"),
        *("Reshape", "Shape", "Size", "Squeeze", "Transpose", "Unsqueeze"),
    }
)


def check_range(model: onnx.ModelProto, name: str) -> None:
    """Require one opset of ONNX between 13 and 22.

    Raises:
        MalformedModel: none, several, or another one.
    """
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1 or versions[0] not in ACCEPTED:
        found = ", ".join(map(str, versions)) or "none"
        reason = f"its ONNX opset is {found}; zkdps takes {ACCEPTED[0]} to {ACCEPTED[-1]}"
        raise MalformedModel(name, reason)


def raise_stamp(model: ir.Model) -> None:
    """Move a stamp below 17 up to 17.

    Raises:
        UnsupportedOperator: an operator that changed its meaning in between.
    """
    if model.opset_imports[""] < DELIVERED[0]:
        _restamp(model, DELIVERED[0], _TYPES_ONLY_TO_17)


def lower_stamp(model: ir.Model) -> None:
    """Move a stamp above 20 down to 20; element types that 20 did not have must be gone.

    Raises:
        UnsupportedOperator: an operator that changed its meaning in between.
    """
    if model.opset_imports[""] > DELIVERED[-1]:
        _restamp(model, DELIVERED[-1], _TYPES_ONLY_FROM_22)


def _restamp(model: ir.Model, target: int, unchanged: frozenset[str]) -> None:
    version = model.opset_imports[""]
    for node in model.graph:
        if node.domain or node.op_type in unchanged:
            continue
        if _since(node.op_type, version) != _since(node.op_type, target):
            raise UnsupportedOperator(
                operator=node.op_type,
                node=node.name or "",
                reason=f"it means something else in opset {version} than in opset {target}",
                remedy=f"export the model with an opset from {DELIVERED[0]} to {DELIVERED[-1]}",
            )
    model.opset_imports[""] = target


def _since(op_type: str, version: int) -> int | None:
    try:
        since: int = onnx.defs.get_schema(op_type, version, "").since_version
    except onnx.defs.SchemaError:
        return None  # the operator does not exist at that version
    return since
