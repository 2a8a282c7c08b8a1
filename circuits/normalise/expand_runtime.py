"""Write operators of onnxruntime's own domain, `com.microsoft`, in the operators of ONNX.

Source: docs/ContribOperators.md of onnxruntime.  Operators that are not listed here stay, and are
refused by name later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass
from onnx_ir.tape import Tape

from zkdps.circuits.normalise.surgery import add_constant, replace
from zkdps.core.errors import MalformedModel, UnsupportedOperator

Values = Sequence[ir.Value | None]


def apply(model: ir.Model) -> None:
    """Expand every listed operator.

    Raises:
        UnsupportedOperator: a variant that ONNX cannot say in a few nodes.
    """
    # A FusedMatMul that transposes needs the rank of its operand, known only once what feeds it is
    # expanded; every round expands at least the first that waits.
    while _expand_ready(model):
        ShapeInferencePass(strict_mode=False, data_prop=False)(model)
    if not any(node.domain == "com.microsoft" for node in model.graph):
        model.opset_imports.pop("com.microsoft", None)


def _expand_ready(model: ir.Model) -> bool:
    waiting = False
    expanded = False
    for node in list(model.graph):
        expand = _EXPANSIONS.get(node.op_type) if node.domain == "com.microsoft" else None
        if expand is None:
            continue
        _check_signature(node)
        if node.op_type == "FusedMatMul" and not _ranks_known(node):
            waiting = True
            continue
        expand(node)
        expanded = True
    return waiting and expanded


def _check_signature(node: ir.Node) -> None:
    """ONNX's checker knows nothing of this domain, so a file may hold any nonsense here."""
    needed = _REQUIRED_INPUTS[node.op_type]
    given = node.inputs[:needed]
    if len(given) < needed or any(value is None for value in given):
        raise MalformedModel("graph", f"node {node.name!r} ({node.op_type}) lacks an input")
    if not 1 <= len(node.outputs) <= 4:
        raise MalformedModel("graph", f"node {node.name!r} has {len(node.outputs)} outputs")
    for key, attribute in node.attributes.items():
        wanted = ir.AttributeType.FLOAT if key in _REAL_ATTRIBUTES else ir.AttributeType.INT
        if attribute.type != wanted:
            raise MalformedModel(
                "graph", f"node {node.name!r}: attribute {key} is no {wanted.name}"
            )


def _scalar(node: ir.Node, name: str, number: float) -> ir.Value:
    # Element type float32: halves and doubles are brought to float32 by a later pass, and the
    # published operators take float32 in practice.
    graph = node.graph
    if graph is None:
        raise ValueError("node is in no graph")
    prefix = node.name or node.outputs[0].name
    return add_constant(graph, f"{prefix}/{name}", np.array(number, dtype=np.float32))


def _gelu(node: ir.Node) -> None:
    replace(node, lambda tape: [_erf_form(tape, node, node.inputs[0])])


def _bias_gelu(node: ir.Node) -> None:
    replace(
        node, lambda tape: [_erf_form(tape, node, tape.op("Add", [node.inputs[0], node.inputs[1]]))]
    )


def _erf_form(tape: Tape, node: ir.Node, x: ir.Value | None) -> ir.Value:
    """0.5 x (1 + erf(x / sqrt 2))."""
    erf = tape.op("Erf", [tape.op("Div", [x, _scalar(node, "sqrt2", math.sqrt(2.0))])])
    gate = tape.op("Add", [erf, _scalar(node, "one", 1.0)])
    return tape.op("Mul", [tape.op("Mul", [x, gate]), _scalar(node, "half", 0.5)])


def _fast_gelu(node: ir.Node) -> None:
    """0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), of x plus an optional bias."""

    def build(tape: Tape) -> Values:
        x = node.inputs[0]
        if len(node.inputs) > 1 and node.inputs[1] is not None:
            x = tape.op("Add", [x, node.inputs[1]])
        cube = tape.op("Mul", [tape.op("Mul", [x, x]), x])
        small = tape.op("Mul", [cube, _scalar(node, "cubic", 0.044715)])
        inner = tape.op("Mul", [tape.op("Add", [x, small]), _scalar(node, "inner", _SQRT_2_PI)])
        gate = tape.op("Add", [tape.op("Tanh", [inner]), _scalar(node, "one", 1.0)])
        return [tape.op("Mul", [tape.op("Mul", [x, gate]), _scalar(node, "half", 0.5)])]

    replace(node, build)


def _quick_gelu(node: ir.Node) -> None:
    """x sigmoid(alpha x)."""

    def build(tape: Tape) -> Values:
        x = node.inputs[0]
        alpha = node.attributes.get_float("alpha", 1.702)
        gate = tape.op("Sigmoid", [tape.op("Mul", [x, _scalar(node, "alpha", alpha or 0.0)])])
        return [tape.op("Mul", [x, gate])]

    replace(node, build)


def _ranks_known(node: ir.Node) -> bool:
    flags = (_flag(node, "transA"), _flag(node, "transB"))
    operands = zip(flags, node.inputs, strict=False)
    return all(v is not None and v.shape is not None for flag, v in operands if flag)


def _flag(node: ir.Node, name: str) -> bool:
    return bool(node.attributes.get_int(name, 0))


def _fused_matmul(node: ir.Node) -> None:
    """alpha A B, either with its last two axes swapped."""
    if _flag(node, "transBatchA") or _flag(node, "transBatchB"):
        raise _refused(node, "transBatchA and transBatchB move a batch axis")

    def operand(tape: Tape, index: int, flag: str) -> ir.Value | None:
        value = node.inputs[index]
        if not _flag(node, flag) or value is None or value.shape is None:
            return value
        axes = list(range(len(value.shape)))
        if len(axes) < 2:  # a vector has nothing to swap; onnxruntime ignores the flag too
            return value
        return tape.op("Transpose", [value], {"perm": [*axes[:-2], axes[-1], axes[-2]]})

    def build(tape: Tape) -> Values:
        product = tape.op("MatMul", [operand(tape, 0, "transA"), operand(tape, 1, "transB")])
        alpha = node.attributes.get_float("alpha", 1.0)
        if alpha != 1.0:
            product = tape.op("Mul", [product, _scalar(node, "alpha", alpha or 0.0)])
        return [product]

    replace(node, build)


def _skip_layer_norm(node: ir.Node) -> None:
    """LayerNormalization of input + skip (+ bias); the fourth output is that sum."""
    _require_unused(node, (1, 2))

    def build(tape: Tape) -> Values:
        gamma, beta, bias = (*node.inputs[2:], None, None, None)[:3]
        total = tape.op("Add", [node.inputs[0], node.inputs[1]])
        if bias is not None:
            total = tape.op("Add", [total, bias])
        operands = [total, gamma] if beta is None else [total, gamma, beta]
        epsilon = node.attributes.get_float("epsilon", 1e-12)
        normal = tape.op("LayerNormalization", operands, {"axis": -1, "epsilon": epsilon})
        return [normal, None, None, total][: len(node.outputs)]

    replace(node, build)


def _layer_norm(node: ir.Node) -> None:
    """onnxruntime's LayerNormalization version 1 equals ONNX's of opset 17."""

    def build(tape: Tape) -> Values:
        operands = [value for value in node.inputs if value is not None]
        return [tape.op("LayerNormalization", operands, _norm_attributes(node)), None, None][
            : len(node.outputs)
        ]

    _require_unused(node, (1, 2))
    replace(node, build)


def _simplified_layer_norm(node: ir.Node) -> None:
    """x / sqrt(mean(x^2) + epsilon) * scale, over the last axis."""
    _require_unused(node, (1,))

    def build(tape: Tape) -> Values:
        return [_rms(tape, node, node.inputs[0], node.inputs[1]), None][: len(node.outputs)]

    replace(node, build)


def _skip_simplified_layer_norm(node: ir.Node) -> None:
    _require_unused(node, (1, 2))

    def build(tape: Tape) -> Values:
        gamma, bias = (*node.inputs[2:], None, None)[:2]
        total = tape.op("Add", [node.inputs[0], node.inputs[1]])
        if bias is not None:
            total = tape.op("Add", [total, bias])
        return [_rms(tape, node, total, gamma), None, None, total][: len(node.outputs)]

    replace(node, build)


def _rms(tape: Tape, node: ir.Node, x: ir.Value | None, scale: ir.Value | None) -> ir.Value:
    if node.attributes.get_int("axis", -1) != -1:
        raise _refused(node, "it normalises over more than the last axis")
    graph = node.graph
    if graph is None or graph.opset_imports is None:
        raise ValueError("node is in no graph")
    square = tape.op("Mul", [x, x])
    if graph.opset_imports[""] < 18:
        mean = tape.op("ReduceMean", [square], {"axes": [-1], "keepdims": 1})
    else:
        axes = add_constant(graph, f"{node.name}/axes", np.array([-1], dtype=np.int64))
        mean = tape.op("ReduceMean", [square, axes], {"keepdims": 1})
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    root = tape.op("Sqrt", [tape.op("Add", [mean, _scalar(node, "epsilon", epsilon or 0.0)])])
    return tape.op("Mul", [tape.op("Div", [x, root]), scale])


def _norm_attributes(node: ir.Node) -> dict[str, int | float]:
    return {
        "axis": int(node.attributes.get_int("axis", -1) or 0),
        "epsilon": float(node.attributes.get_float("epsilon", 1e-5) or 0.0),
    }


def _require_unused(node: ir.Node, outputs: tuple[int, ...]) -> None:
    for index in outputs:
        if index < len(node.outputs):
            value = node.outputs[index]
            if value.uses() or value.is_graph_output():
                raise _refused(node, f"its output {index}, a statistic for training, is used")


def _refused(node: ir.Node, reason: str) -> UnsupportedOperator:
    return UnsupportedOperator(
        operator=f"com.microsoft::{node.op_type}",
        node=node.name or "",
        reason=reason,
        remedy="export the model without onnxruntime's graph optimisations",
    )


_SQRT_2_PI = math.sqrt(2.0 / math.pi)
_REAL_ATTRIBUTES = frozenset({"alpha", "epsilon"})
_REQUIRED_INPUTS = {
    "Gelu": 1,
    "BiasGelu": 2,
    "FastGelu": 1,
    "QuickGelu": 1,
    "FusedMatMul": 2,
    "SkipLayerNormalization": 3,
    "SkipSimplifiedLayerNormalization": 3,
    "LayerNormalization": 2,
    "SimplifiedLayerNormalization": 2,
}
_EXPANSIONS: dict[str, Callable[[ir.Node], None]] = {
    "Gelu": _gelu,
    "BiasGelu": _bias_gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "FusedMatMul": _fused_matmul,
    "SkipLayerNormalization": _skip_layer_norm,
    "SkipSimplifiedLayerNormalization": _skip_simplified_layer_norm,
    "LayerNormalization": _layer_norm,
    "SimplifiedLayerNormalization": _simplified_layer_norm,
}
