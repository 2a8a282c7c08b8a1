"""Refuse what the prover cannot do or gets silently wrong, by operator, node and remedy.

`PROVABLE` was found by running `gen_settings` of ezkl 23.0.5 on ONNX's node test cases and on
probes; it agrees with `graph/utilities.rs` of its source, behind its parser for ONNX (tract).
An operator in the list can still fail for some attributes; the rewrites and the prover say so.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zkdps.circuits.dialect import Dialect
from zkdps.circuits.normalise.element_types import KEPT
from zkdps.circuits.normalise.surgery import constant
from zkdps.circuits.untrusted_tensors import type_name
from zkdps.core.errors import MalformedModel, UnsupportedOperator

PROVABLE = frozenset(
    {
        # elementwise
        *("Abs", "Add", "Ceil", "Celu", "Clip", "Div", "Elu", "Erf", "Exp", "Floor"),
        *("HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max", "Mean", "Min", "Mul", "Neg"),
        *("PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign"),
        *("Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tanh", "ThresholdedRelu"),
        *("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Sin", "Sinh", "Tan"),
        # comparison and choice
        *("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or"),
        *("Where", "Xor"),
        # layout
        *("Cast", "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements"),
        *("GatherND", "Identity", "OneHot", "Pad", "Reshape", "Resize", "ScatterElements"),
        *("ScatterND", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Trilu"),
        "Unsqueeze",
        # linear maps
        *("Conv", "ConvTranspose", "CumSum", "Einsum", "Gemm", "MatMul"),
        *("GRU", "LSTM", "RNN"),
        # windows, sums and orders
        *("ArgMax", "ArgMin", "AveragePool", "GlobalAveragePool", "GlobalLpPool"),
        *(
            "GlobalMaxPool",
            "Hardmax",
            "MaxPool",
            "ReduceL1",
            "ReduceL2",
            "ReduceLogSum",
            "ReduceLogSumExp",
        ),
        *("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
        "TopK",
        # normalisation
        *("BatchNormalization", "InstanceNormalization", "LayerNormalization", "LogSoftmax"),
        "Softmax",
    }
)

OPERATORS = {Dialect.EZKL: PROVABLE, Dialect.SUMCHECK: PROVABLE | {"IsNaN"}}
"""By dialect.  Exporters ask with IsNaN whether a mask hid a whole row.  What the sumcheck back end
does not lower, it refuses by name itself."""

_QUANTISED = frozenset(
    {
        *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger"),
        *("MatMulInteger", "QLinearConv", "QLinearMatMul", "QLinearAdd", "QLinearMul"),
        *("DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulNBits", "QGemm"),
        *("QLinearSigmoid", "QLinearLeakyRelu", "QLinearGlobalAveragePool", "QAttention"),
    }
)
_TAKES_MINUS_INFINITY = frozenset({"Add", "Where"})
"""A mask is added or chosen; anywhere else an infinite constant makes values infinite."""


def apply(model: ir.Model, name: str, dialect: Dialect = Dialect.EZKL) -> None:
    """Look at every node, value and weight of an otherwise normal model.

    Raises:
        UnsupportedOperator: the first thing that cannot be proven.
        MalformedModel: an output that depends on no input, or an infinite weight.
    """
    for node in model.graph:
        _operator(node, dialect)
        _values(node)
    for value in model.graph.inputs:
        if value.dtype not in KEPT:
            raise _refused_type(value, "graph input")
    for value in model.graph.initializers.values():
        _infinity(value, name)
    _constant_outputs(model, name)


def quantised(model: ir.Model) -> None:
    """Look for 8-bit arithmetic on computed values, before integers are widened.

    Raises:
        UnsupportedOperator: the first node of it.
    """
    for node in model.graph:
        if node.op_type in _QUANTISED:
            raise UnsupportedOperator(
                operator=_full_name(node),
                node=node.name or "",
                reason="the prover drops the rounding and saturation of 8-bit arithmetic",
                remedy="give the float model; weights alone may be quantised (DequantizeLinear of "
                "constants), and zkdps quantises activations itself",
            )


def _operator(node: ir.Node, dialect: Dialect) -> None:
    if node.domain or node.op_type not in OPERATORS[dialect]:
        raise UnsupportedOperator(
            operator=_full_name(node),
            node=node.name or "",
            reason="the prover has no circuit for it",
            remedy="write it with other operators, or compute it outside of the model",
        )
    check = _CHECKS.get(node.op_type)
    if check is not None and dialect is Dialect.EZKL:
        check(node)


def _cast(node: ir.Node) -> None:
    source = node.inputs[0]
    if source is None:
        return
    to = ir.DataType(node.attributes["to"].as_int())
    if source.dtype == ir.DataType.FLOAT and to == ir.DataType.INT64:
        raise UnsupportedOperator(
            operator="Cast",
            node=node.name or "",
            reason="from float to integer the prover rounds down, ONNX towards zero",
            remedy="use Floor, Ceil or Round and stay in float32",
        )
    if to == ir.DataType.BOOL and source.dtype != ir.DataType.BOOL:
        raise UnsupportedOperator(
            operator="Cast",
            node=node.name or "",
            reason="to boolean the prover keeps numbers other than 0 and 1",
            remedy="compare with zero instead (x != 0)",
        )


def _last_index(node: ir.Node) -> None:
    if node.attributes.get_int("select_last_index", 0):
        raise UnsupportedOperator(
            operator=node.op_type,
            node=node.name or "",
            reason="the prover finds the first of equal extremes, not the last",
            remedy="export with select_last_index=0",
        )


def _nearest_only(node: ir.Node) -> None:
    if node.attributes.get_string("mode", "nearest") != "nearest":
        raise UnsupportedOperator(
            operator="Resize",
            node=node.name or "",
            reason="the prover only repeats neighbours",
            remedy="use mode nearest, or a ConvTranspose with fixed interpolation weights",
        )


_CHECKS = {
    "Cast": _cast,
    "ArgMax": _last_index,
    "ArgMin": _last_index,
    "Resize": _nearest_only,
}


def _values(node: ir.Node) -> None:
    for value in node.outputs:
        if value.name and value.dtype not in KEPT:
            raise _refused_type(value, f"output of {node.op_type}")


def _refused_type(value: ir.Value, what: str) -> UnsupportedOperator:
    described = type_name(value.dtype.value) if value.dtype is not None else str(value.type)
    return UnsupportedOperator(
        operator=f"{what} of type {described}",
        node=str(value.name),
        reason="only float32, int64 and bool tensors can be proven",
        remedy="keep such values outside of the model",
    )


def _infinity(value: ir.Value, name: str) -> None:
    array = constant(value)
    if array is None or array.dtype != np.float32 or not np.isinf(array).any():
        return
    if np.isposinf(array).any():
        raise MalformedModel(name, f"tensor {value.name!r} holds plus infinity once folded")
    users = {node.op_type for node, _ in value.uses()}
    if not users <= _TAKES_MINUS_INFINITY:
        used = ", ".join(sorted(users - _TAKES_MINUS_INFINITY))
        raise MalformedModel(name, f"tensor {value.name!r} holds minus infinity and feeds {used}")


def _constant_outputs(model: ir.Model, name: str) -> None:
    reached = set(model.graph.inputs)
    for node in model.graph:  # in topological order
        if any(value in reached for value in node.inputs if value is not None):
            reached.update(node.outputs)
    for value in model.graph.outputs:
        if value not in reached:
            raise MalformedModel(name, f"output {value.name!r} depends on no input")


def _full_name(node: ir.Node) -> str:
    return f"{node.domain}::{node.op_type}" if node.domain else node.op_type
