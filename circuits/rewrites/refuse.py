"""Operators that ezkl gets silently wrong, or fails on, and that no pass can write otherwise.

Runs last, on what the passes have left.  Every entry was measured against onnxruntime
(`docs/rewrites.md`); operators that the back end does not know at all are refused by `normalise`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites.editing import (
    BOOL,
    FLOAT,
    argument,
    dims,
    integer,
    integers,
    known,
    label,
    optional,
    scalar,
    text,
    uniform,
)
from zkdps.circuits.rewrites.means import reduced_axes
from zkdps.circuits.rewrites.scales import HEADROOM_BITS
from zkdps.core.errors import UnsupportedOperator

Refusal = tuple[str, str]
"""Reason and remedy."""

ALWAYS: dict[str, Refusal] = {
    "GlobalLpPool": ("the prover gets it wrong", "write it as ReduceL2 over the spatial axes"),
    "LpPool": ("the prover has no such operator", "write it as products and AveragePool"),
    "LRN": ("the prover cannot lay it out", "train with BatchNormalization instead"),
    "Mod": ("the prover cannot lay it out", "write x - floor(x / n) * n with a constant n"),
    "IsNaN": ("fixed point has no such value", "remove the test: every value is finite"),
    "IsInf": ("fixed point has no such value", "remove the test: every value is finite"),
    "Tile": ("its repeats are not constant", "fix the repeats and export again"),
    "Resize": (
        "it crops, smooths or takes sizes from an input",
        "use a constant size with mode nearest, linear or cubic, without antialias",
    ),
    "LogSoftmax": ("the prover rounds before the logarithm", "end the model at the logits"),
    "Hardmax": ("the prover drops its scale", "end the model at the logits, or use ArgMax"),
    "Sign": ("the prover drops its scale", "use a comparison and Where"),
    "Trilu": ("the prover gets it wrong", "multiply by a constant mask, or use Where"),
    "OneHot": ("the prover ignores its values", "use Equal and Where, with int64 indices"),
    "LayerNormalization": (
        "the prover rounds its mean, and its statistics are read",
        "do not export the mean and deviation outputs",
    ),
    "BatchNormalization": (
        "it is in training mode, or its statistics are not constant",
        "export the model with model.eval()",
    ),
}


def refuse(model: ir.Model, scale_bits: int) -> None:
    """Raise for the first thing that would not be proved as it is meant.

    Raises:
        UnsupportedOperator: with the operator, the node, the reason and what to do.
    """
    for value in model.graph.outputs:
        if value.is_graph_input():
            raise UnsupportedOperator(
                "Identity",
                str(value.name),
                "a graph input is returned under its own name",
                "return it under another name (an Identity), or drop the output",
            )
    for node in model.graph:
        found = ALWAYS.get(node.op_type) or _finite(node)
        check = CHECKS.get(node.op_type)
        if found is None and check is not None:
            found = check(node, scale_bits)
        if found is not None:
            raise UnsupportedOperator(node.op_type, label(node), *found)


def _finite(node: ir.Node) -> Refusal | None:
    for value in node.inputs:
        array = known(value)
        if array is not None and array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            return (
                f"its constant {value.name!r} is not finite" if value is not None else "",
                "write a finite number; masks are clamped only where they go into a Softmax",
            )
    return None


def _cast(node: ir.Node, scale_bits: int) -> Refusal | None:
    data, target = argument(node, 0), node.outputs[0].dtype
    producer = data.producer()
    whole = producer is not None and producer.op_type in ("Floor", "Ceil", "Round")
    if data.dtype != FLOAT or target == FLOAT or (whole and target != BOOL):
        return None
    if target == BOOL:
        return "the prover takes a float as it is for a boolean", "compare with 0 instead"
    return (
        "the prover rounds down where the cast cuts off, so negatives come out one lower",
        "put Floor, Ceil or Round before it, or keep the tensor float",
    )


def _max_pool(node: ir.Node, scale_bits: int) -> Refusal | None:
    return "its indices are read", "use MaxPool without indices"


def _average_pool(node: ir.Node, scale_bits: int) -> Refusal | None:
    if all(step == 1 for step in integers(node, "dilations", ())):
        return None
    return "the prover ignores dilations", "use a dilated Conv with constant weights"


def _arg_extremum(node: ir.Node, scale_bits: int) -> Refusal | None:
    if not integer(node, "select_last_index", 0):
        return None
    return "the prover knows the first index only", "use select_last_index=0"


def _top_k(node: ir.Node, scale_bits: int) -> Refusal | None:
    indices = node.outputs[1] if len(node.outputs) > 1 else None
    if indices is None or not (indices.uses() or indices.is_graph_output()):
        return None
    return "the prover gives the values of a TopK, not the indices", "use ArgMax for k = 1"


def _cumulative(node: ir.Node, scale_bits: int) -> Refusal | None:
    if not (integer(node, "exclusive", 0) or integer(node, "reverse", 0)):
        return None
    return "the prover ignores exclusive and reverse", "give the axis as a constant"


def _product(node: ir.Node, scale_bits: int) -> Refusal | None:
    axes = reduced_axes(node)
    shape = dims(argument(node, 0))
    count = int(np.prod([shape[axis] for axis in axes])) if axes is not None else 1 << 30
    if (count - 1) * scale_bits <= HEADROOM_BITS:
        return None
    return f"a product of {count} elements overflows at this scale", "multiply pairwise with Mul"


def _power(node: ir.Node, scale_bits: int) -> Refusal | None:
    exponent, base = uniform(node.inputs[1]), scalar(node.inputs[0])
    if exponent is None:
        return None if base is not None else ("its exponent is not constant", "use Exp and Log")
    whole = exponent == int(exponent)
    if not whole or exponent in (1.0, 2.0):
        return None
    if exponent > 0 and (exponent - 1) * scale_bits <= HEADROOM_BITS:
        return None
    return f"the prover gets the power {exponent:g} wrong", "write it as products, or drop it"


def _div(node: ir.Node, scale_bits: int) -> Refusal | None:
    divisor = known(node.inputs[1])
    if divisor is None:
        return None
    if node.outputs[0].dtype != FLOAT:
        return "integers are divided without rounding", "divide floats"
    return "it divides by zero" if np.any(divisor == 0) else "it divides a constant", "remove it"


def _equal(node: ir.Node, scale_bits: int) -> Refusal | None:
    if argument(node, 0).dtype != FLOAT or not node.outputs[0].is_graph_output():
        return None
    return "the prover gives its truth another scale", "return Where(equal, 1, 0) instead"


def _pad(node: ir.Node, scale_bits: int) -> Refusal | None:
    fill = optional(node, 2)
    zero = fill is None or scalar(fill) == 0.0
    if text(node, "mode", "constant") == "constant" and zero and known(node.inputs[1]) is not None:
        return None
    return "its pads or its value are not constant, or not float", "use constant pads"


def _conv(node: ir.Node, scale_bits: int) -> Refusal | None:
    grouped = node.op_type == "ConvTranspose" and integer(node, "group", 1) != 1
    if not grouped and all(step == 1 for step in integers(node, "dilations", ())):
        return None
    return "its weights are not constant and it is dilated or grouped", "use constant weights"


CHECKS: dict[str, Callable[[ir.Node, int], Refusal | None]] = {
    "ArgMax": _arg_extremum,
    "ArgMin": _arg_extremum,
    "AveragePool": _average_pool,
    "Cast": _cast,
    "Conv": _conv,
    "ConvTranspose": _conv,
    "CumSum": _cumulative,
    "Div": _div,
    "Equal": _equal,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Pow": _power,
    "ReduceProd": _product,
    "TopK": _top_k,
}
