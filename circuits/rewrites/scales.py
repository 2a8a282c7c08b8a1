"""Multiplications by small constants, so that scales stay and small constants keep their bits.

Two traps of ezkl, both silent.  It turns `x * 2**-n` (and `x / 2**n`) by a lone number into a
relabelling: the integers stay, the scale grows by n bits, and every boundary or lookup behind it
reads another scale.  And it rounds any other constant at `scale_bits`: 1/384 at 8 bits is 1/256.

The first is the cure of the second: `x * c` becomes `(x * 2**-k) * m` with 0.5 < |m| <= 1.  The
first factor costs nothing and raises the scale by k bits; the product with m has the full
precision of m and is brought back to `scale_bits` by the one rebase that it needs anyway.
Where the number is a power of two, m would be 1 and tract would drop it: m is then a vector of
0.5, which neither tract nor ezkl recognises.  Behind a matrix product nothing at all is needed:
its operand is raised instead, and the product's own rebase brings it back.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from zkdps.circuits.rewrites import affine
from zkdps.circuits.rewrites.editing import (
    FLOAT,
    Array,
    Patch,
    argument,
    dims,
    each,
    known,
    label,
    optional,
    sole_user,
)
from zkdps.circuits.rewrites.record import Rewrite

HEADROOM_BITS = 20
"""scale_bits + k stays within this: a rebase by 2**(scale_bits + k) has to fit the decomposition,
whose smallest useful setting (base 2**11, two legs) holds 22 bits."""

SHAPE_ONLY = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice")
CARRIERS = (*SHAPE_ONLY, "Split", "Identity")


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Write divisions by constants as products, then take the products apart."""
    divisions = each(model, ("Div",), lambda node: _divide(model, node))
    return divisions + each(model, ("Mul",), lambda node: _multiply(model, node, scale_bits))


def raised_tensors(model: ir.Model) -> frozenset[str]:
    """Names of tensors that ezkl may hold at more than `scale_bits`: a cut there would not link.

    Behind such a product, tract swaps Slice and Split with it and drops Identity, so their outputs
    are raised as well.  Most changes of shape rebase (Reshape, Transpose), but that is a matter of
    what tract makes of them; all are counted.  A rewritten model has none there: see `_sink`.
    """
    names: set[str] = set()
    for node in model.graph:
        raising = node.op_type == "Mul" and raising_factor(node) is not None
        carrying = node.op_type in CARRIERS and argument(node, 0).name in names
        if raising or carrying:
            names |= {str(output.name) for output in node.outputs}
    return frozenset(names)


def raising_factor(node: ir.Node) -> float | None:
    """The lone 2**-n by which a Mul raises the scale of its other operand."""
    for constant, data in ((0, 1), (1, 0)):
        array = known(node.inputs[constant])
        if array is None or array.size != 1 or known(node.inputs[data]) is not None:
            continue
        number = float(array.reshape(()))
        if 0.0 < number < 1.0 and math.frexp(number)[0] == 0.5:
            return number
    return None


def _divide(model: ir.Model, node: ir.Node) -> Rewrite | None:
    divisor = known(node.inputs[1])
    if node.outputs[0].dtype != FLOAT or divisor is None or known(node.inputs[0]) is not None:
        return None
    if np.any(divisor == 0):
        return None
    patch = Patch(model, node)
    inverse = patch.floats(1.0 / divisor.astype(np.float64), "inverse")
    name = label(node)
    patch.replace(patch.node("Mul", [argument(node, 0), inverse], "product"))
    return Rewrite("scales", name, "division by a constant as a product")


def _multiply(model: ir.Model, node: ir.Node, scale_bits: int) -> Rewrite | None:
    operands = [known(value) for value in node.inputs]
    if node.outputs[0].dtype != FLOAT or (operands[0] is None) == (operands[1] is None):
        return None
    index = 0 if operands[0] is not None else 1
    constant, data = operands[index], argument(node, 1 - index)
    largest = float(np.abs(constant).max()) if constant is not None and constant.size else 0.0
    if constant is None or largest == 0.0 or not np.isfinite(largest):
        return None
    number = raising_factor(node)
    if number is not None:
        if _only_multiplied(node.outputs[0]):
            return None
        if _sink(model, node, data, number):
            return Rewrite("scales", label(node), f"x {number:g} moved behind a change of shape")
        if _raise_before(model, node, data, number):
            return Rewrite("scales", label(node), f"x {number:g} moved before the matrix product")
        return _halve(model, node, data, number)
    steps = min(math.floor(-math.log2(largest)), HEADROOM_BITS - scale_bits)
    # A mantissa of ones would be dropped; of minus ones, it would be split for nothing.
    if np.all(np.abs(constant) * 2.0**steps == 1.0):
        steps -= 1
    if steps < 1:
        return None
    return _split(model, node, data, constant, steps)


def _split(model: ir.Model, node: ir.Node, data: ir.Value, constant: Array, steps: int) -> Rewrite:
    patch = Patch(model, node)
    low = patch.floats(2.0**-steps, "power")
    raised = patch.node("Mul", [data, low], "raised", shape=dims(data))
    rest = patch.floats(constant.astype(np.float64) * 2.0**steps, "mantissa")
    name = label(node)
    patch.replace(patch.node("Mul", [raised, rest], "scaled"))
    return Rewrite("scales", name, f"constant split as 2^-{steps} times at most 1")


def _halve(model: ir.Model, node: ir.Node, data: ir.Value, number: float) -> Rewrite:
    """x * 2**-n where the scale has to stay."""
    patch = Patch(model, node)
    shape = dims(data)
    if number < 0.5:
        low = patch.floats(2.0 * number, "power")
        data = patch.node("Mul", [data, low], "raised", shape=shape)
    wide = [axis for axis, size in enumerate(shape) if size > 1]
    name = label(node)
    if wide:
        vector = [1] * (wide[-1] - len(shape)) + list(shape[wide[-1] :])
        half = patch.floats(np.full([*vector[:1], *[1] * (len(vector) - 1)], 0.5), "half")
        patch.replace(patch.node("Mul", [data, half], "halved"))
    else:
        # One element: every constant is a lone number, and only a negative one is a product.
        minus = patch.node("Mul", [data, patch.floats(-0.5, "minus_half")], "negative")
        patch.replace(patch.node("Neg", [minus], "halved"))
    return Rewrite("scales", name, f"x {number:g} at a constant scale")


def _only_multiplied(value: ir.Value) -> bool:
    """Whether every reader multiplies, hence rebases to `scale_bits`, whatever scale it reads."""
    if value.is_graph_output() or not value.uses():
        return False
    return all(_rebases(use.node, use.idx) for use in value.uses())


def _rebases(node: ir.Node, index: int) -> bool:
    if node.op_type in ("MatMul", "Conv", "ConvTranspose", "Gemm"):
        return index < 2
    return node.op_type == "Mul" and raising_factor(node) is None


def _sink(model: ir.Model, node: ir.Node, data: ir.Value, number: float) -> bool:
    """Move a raising product behind a change of shape, on its way to a product that rebases.

    The change of shape would rebase, at the price of a product.
    """
    reader = sole_user(node.outputs[0])
    last = reader
    while last is not None and last.op_type in SHAPE_ONLY and len(last.outputs) == 1:
        if _only_multiplied(last.outputs[0]):
            break
        last = sole_user(last.outputs[0])
    else:
        return False
    if reader is None or reader.inputs[0] is not node.outputs[0]:
        return False
    patch = Patch(model, reader)
    attributes = {key: value.value for key, value in reader.attributes.items()}
    shaped = patch.node(reader.op_type, [data, *reader.inputs[1:]], "shaped", **attributes)
    patch.replace(patch.node("Mul", [shaped, patch.floats(number, "power")], "raised"))
    return True


def _raise_before(model: ir.Model, node: ir.Node, data: ir.Value, number: float) -> bool:
    """Move a power of two from the output of a matrix product to its first operand."""
    product = data.producer()
    if product is None or sole_user(data) is not node or product.op_type not in affine.OPERATORS:
        return False
    bias = optional(product, 2)
    if bias is not None and known(bias) is None:
        return False
    if product.attributes.get_float("alpha", 1.0) != 1.0:
        return False
    index = 0 if known(product.inputs[0]) is None else 1
    operand = argument(product, index)
    patch = Patch(model, product)
    low = patch.floats(number, "power")
    product.replace_input_with(
        index, patch.node("Mul", [operand, low], "raised", shape=dims(operand))
    )
    if bias is not None:
        values = known(bias)
        product.replace_input_with(2, patch.floats(np.asarray(values) * number, "bias"))
    # The product now puts out what the Mul did.
    data.name = f"{label(product)}/lowered"
    Patch(model, node).replace(data)
    return True
