"""Slicing: a model and its groups of nodes become a plan and one ONNX model per block.

A block's graph holds its nodes in the model's order, copies of the weights they need, and the
tensors that cross its boundaries as graph inputs and outputs: model inputs first, then in the order
in which the model makes them.  Nothing else enters the bytes (no documentation, no exporter's
metadata with paths of somebody's machine), so equal models and groups give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from zkdps.circuits.block_names import block_names
from zkdps.circuits.dataflow import Dataflow, read_dataflow
from zkdps.core.errors import BadCut, DoesNotFit
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.core.prover import BlockGraph

MAX_ONNX_BYTES = (1 << 31) - 1
"""Protobuf's bound on one message; a block carries its weights inside."""

Groups = Sequence[Sequence[int]]
"""Node positions of each block; every live node in exactly one group."""


@dataclass(frozen=True, slots=True)
class Sliced:
    """A plan with the ONNX slice of each of its blocks."""

    plan: Plan
    graphs: tuple[BlockGraph, ...]
    """One a block, in the plan's order."""


def slice_model(model: onnx.ModelProto, groups: Groups) -> Sliced:
    """Cut a normal model into the blocks that `groups` names.

    Blocks are put into an order in which each reads only from earlier ones, as near to the order of
    `groups` as that allows.  Nodes that feed no output belong to no block, wherever they are
    listed; weights that are computed from weights are copied into the blocks that read them.

    Raises:
        BadCut: a block is empty, a node is in no block or in two, blocks need each other, or a
            tensor crosses that must not.
        DoesNotFit: a block's weights exceed what one ONNX file holds (2 GiB).
        MalformedModel, UndeterminedShape: the model is not normal.
    """
    flow = read_dataflow(model)
    blocks = _in_order(flow, _checked(flow, groups))
    _refuse_uncuttable(flow, blocks)
    names = block_names(flow, blocks)
    records = tuple(
        Block(index, name, flow.entering(nodes), flow.leaving(nodes))
        for index, (name, nodes) in enumerate(zip(names, blocks, strict=True))
    )
    crossing = dict.fromkeys(flow.inputs)
    crossing.update(dict.fromkeys(name for block in records for name in block.outputs))
    plan = Plan(tuple(flow.specs[name] for name in crossing), flow.inputs, flow.outputs, records)
    graphs = tuple(
        block_graph(flow, nodes, block) for nodes, block in zip(blocks, records, strict=True)
    )
    return Sliced(plan, graphs)


def block_graph(flow: Dataflow, nodes: frozenset[int], block: Block | None = None) -> BlockGraph:
    """One block as a model of its own; without `block`, of a trial block that is in no plan yet.

    Raises:
        DoesNotFit: its weights exceed what one ONNX file holds.
    """
    if block is None:
        block = Block(0, "trial", flow.entering(nodes), flow.leaving(nodes))
    members, weights = _with_weights(flow, nodes)
    total_bytes = sum(tensor.ByteSize() for tensor in weights)
    if total_bytes > MAX_ONNX_BYTES:
        largest = max(weights, key=lambda tensor: int(tensor.ByteSize()))
        reader = next(i for i in members if largest.name in flow.node(i).input)
        raise DoesNotFit(
            block.index,
            "ONNX weights",
            f"{total_bytes} bytes",
            f"{MAX_ONNX_BYTES} bytes",
            f"{flow.node(reader).op_type} (node {flow.node(reader).name!r})",
            _first(flow.makes.get(reader, ())),
        )
    inputs = tuple(flow.specs[name] for name in block.inputs)
    outputs = tuple(flow.specs[name] for name in block.outputs)
    graph = onnx.helper.make_graph(
        [_bare(flow.node(index)) for index in members],
        "block",
        [_value(spec) for spec in inputs],
        [_value(spec) for spec in outputs],
        weights,
        value_info=[_value(spec) for spec in _inner(flow, nodes, block)],
    )
    model = onnx.ModelProto(ir_version=flow.model.ir_version, graph=graph)
    model.opset_import.extend(sorted(flow.model.opset_import, key=lambda entry: str(entry.domain)))
    return BlockGraph(block, model.SerializeToString(deterministic=True), inputs, outputs)


def _checked(flow: Dataflow, groups: Groups) -> list[frozenset[int]]:
    live = set(flow.live)
    blocks = [frozenset(group) & live for group in groups]
    seen: set[int] = set()
    for position, nodes in enumerate(blocks):
        if not nodes:
            raise BadCut(f"block {position}", "it holds no operator that computes anything")
        if nodes & seen:
            raise BadCut(_label(flow, min(nodes & seen)), "the operator is in two blocks")
        seen |= nodes
    if live - seen:
        raise BadCut(_label(flow, min(live - seen)), "the operator is in no block")
    return blocks


def _refuse_uncuttable(flow: Dataflow, blocks: list[frozenset[int]]) -> None:
    for position, nodes in enumerate(blocks):
        for name in flow.leaving(nodes):
            if name in flow.uncuttable:
                raise BadCut(
                    name, f"it would leave block {position} at another scale than the chain's"
                )


def _in_order(flow: Dataflow, blocks: list[frozenset[int]]) -> list[frozenset[int]]:
    """Kahn's order of the quotient graph; among the ready blocks the one listed first."""
    home = {index: position for position, nodes in enumerate(blocks) for index in nodes}
    waits = [
        {home[source] for index in nodes for source in flow.needs[index]} - {position}
        for position, nodes in enumerate(blocks)
    ]
    order: list[int] = []
    placed: set[int] = set()
    while len(order) < len(blocks):
        ready = [p for p in range(len(blocks)) if p not in placed and waits[p] <= placed]
        if not ready:
            raise _cycle(flow, blocks, waits, placed)
        order.append(ready[0])
        placed.add(ready[0])
    return [blocks[position] for position in order]


def _cycle(
    flow: Dataflow, blocks: list[frozenset[int]], waits: list[set[int]], placed: set[int]
) -> BadCut:
    # Every stuck block waits for another stuck one: walking back must come to a circle.
    position = next(p for p in range(len(blocks)) if p not in placed)
    walked: list[int] = []
    while position not in walked:
        walked.append(position)
        position = min(waits[position] - placed)
    circle = walked[walked.index(position) :]
    producer, consumer = min(waits[circle[0]] - placed), circle[0]
    tensor = _first(set(flow.leaving(blocks[producer])) & set(flow.entering(blocks[consumer])))
    listed = " and ".join(str(p) for p in sorted(circle))
    return BadCut(str(tensor), f"blocks {listed} would each wait for the other's output")


def _with_weights(
    flow: Dataflow, nodes: frozenset[int]
) -> tuple[list[int], list[onnx.TensorProto]]:
    """The block's nodes and those that compute weights for it, ascending, and the weights."""
    stored = {tensor.name: tensor for tensor in flow.model.graph.initializer}
    constant_makers = {
        name: index
        for index, node in enumerate(flow.model.graph.node)
        for name in node.output
        if index not in flow.reads
    }
    members = set(nodes)
    waiting = list(nodes)
    names: set[str] = set()
    while waiting:
        for name in flow.node(waiting.pop()).input:
            if name in stored:
                names.add(name)
            elif name in constant_makers and constant_makers[name] not in members:
                members.add(constant_makers[name])
                waiting.append(constant_makers[name])
    return sorted(members), [_bare_tensor(stored[name]) for name in sorted(names)]


def _inner(flow: Dataflow, nodes: frozenset[int], block: Block) -> Iterable[TensorSpec]:
    outside = set(block.outputs)
    made = (name for index in sorted(nodes) for name in flow.makes[index])
    return (flow.specs[name] for name in made if name not in outside)


def _bare(node: onnx.NodeProto) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.ClearField("doc_string")
    copy.ClearField("metadata_props")
    for attribute in copy.attribute:
        attribute.ClearField("doc_string")
    return copy


def _bare_tensor(tensor: onnx.TensorProto) -> onnx.TensorProto:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.ClearField("doc_string")
    copy.ClearField("metadata_props")
    return copy


def _value(spec: TensorSpec) -> onnx.ValueInfoProto:
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype))
    return onnx.helper.make_tensor_value_info(spec.name, kind, spec.shape)


def _label(flow: Dataflow, index: int) -> str:
    node = flow.node(index)
    return str(node.name or node.output[0])


def _first(names: Iterable[str]) -> str | None:
    return min(names, default=None)
