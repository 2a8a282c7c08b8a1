"""Masks computed once for all layers → computed by every reader from the mask itself.

Exporters write `(1 - mask) * -3e38` once, and every attention layer reads it.  Cut between layers,
that tensor would cross boundaries, where no fixed point holds it.  What follows from integer inputs
and constants by arithmetic on single elements is cheap, so each reader gets a copy of its own: the
model input is then all that crosses.
"""

from __future__ import annotations

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import FLOAT, known, label
from zkdps.circuits.rewrites.record import Rewrite

ELEMENTWISE = frozenset(
    {
        *("Add", "And", "Cast", "Clip", "Div", "Equal", "Greater", "GreaterOrEqual", "Less"),
        *("LessOrEqual", "Max", "Min", "Mul", "Neg", "Not", "Or", "Sub", "Where", "Xor"),
    }
)
LAYOUT = frozenset(
    {
        *("Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Squeeze"),
        *("Transpose", "Unsqueeze"),
    }
)


def apply(model: ir.Model) -> list[Rewrite]:
    """Give every reader of such a tensor nodes of its own; run once, after all other rewrites."""
    derived = _derived(model)
    made = []
    for node in list(model.graph):
        if node in derived:
            continue
        copies: dict[ir.Node, ir.Node] = {}
        for index, value in enumerate(node.inputs):
            producer = None if value is None else value.producer()
            if producer in derived:
                node.replace_input_with(index, _copied(model, node, producer, copies, derived))
        if copies:
            made.append(
                Rewrite("private_masks", label(node), f"{len(copies)} nodes from the mask itself")
            )
    return made


def _derived(model: ir.Model) -> dict[ir.Node, None]:
    """Nodes that follow from integer inputs and constants, in order; none makes an output."""
    found: dict[ir.Node, None] = {}
    for node in model.graph:
        if node.op_type not in ELEMENTWISE | LAYOUT or node.domain or len(node.outputs) != 1:
            continue
        looks_up = node.op_type == "Gather" and known(node.inputs[1]) is None
        if node.outputs[0].is_graph_output() or looks_up:
            continue
        if all(_is_source(value, found) for value in node.inputs):
            found[node] = None
    return found


def _is_source(value: ir.Value | None, found: dict[ir.Node, None]) -> bool:
    if value is None or value.is_initializer():
        return True
    if value.is_graph_input():
        return value.dtype != FLOAT
    return value.producer() in found


def _copied(
    model: ir.Model,
    reader: ir.Node,
    node: ir.Node | None,
    copies: dict[ir.Node, ir.Node],
    derived: dict[ir.Node, None],
) -> ir.Value:
    """The reader's own copy of a node's output, made with copies of all that it follows from."""
    if node is None:
        raise ValueError("a derived tensor has a producer")
    if node not in copies:
        inputs = [
            _copied(model, reader, value.producer(), copies, derived)
            if value is not None and value.producer() in derived
            else value
            for value in node.inputs
        ]
        old = node.outputs[0]
        name = f"{label(reader)}.{label(node).strip('/').replace('/', '.')}"
        output = ir.Value(name=name, shape=old.shape, type=old.type)
        copy = ir.node(
            node.op_type,
            inputs,
            {key: attribute.value for key, attribute in node.attributes.items()} or None,
            outputs=[output],
            name=name,
        )
        model.graph.insert_before(reader, copy)
        copies[node] = copy
    return copies[node].outputs[0]
