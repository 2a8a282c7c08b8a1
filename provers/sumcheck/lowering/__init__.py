"""Lowering: from a block's ONNX graph to a program of operators that the back end proves.

    program = lower(graph)

Nodes are read in order; each gives its outputs a value that may still be waiting to be computed
(`values`), and operators are made where numbers are needed (`emit`).  So exporters' spellings meet
in one place: norms written out or not, masks added or chosen, GELU in any form, heads that are
repeated, rotary embeddings.  What no rule covers is refused by operator and node.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from zkdps.core.errors import MalformedModel, UnsupportedOperator
from zkdps.core.plan import TensorSpec
from zkdps.core.prover import BlockGraph
from zkdps.provers.sumcheck.lowering import (
    arithmetic,
    choices,
    curves,
    masks,
    pools,
    products,
    reductions,
    wiring,
)
from zkdps.provers.sumcheck.lowering.block import MAX_ENTRIES, Block
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    Constant,
    Ids,
    Masked,
    Value,
    plain,
)
from zkdps.provers.sumcheck.operators.expressions import FUNCTIONS
from zkdps.provers.sumcheck.program import InputSpec, Kind, Program
from zkdps.provers.sumcheck.wires import whole

__all__ = ["lower"]

Rule = Callable[[Node, Block], Value]

RULES: dict[str, Rule] = {
    **dict.fromkeys(("Add", "Sub", "Sum", "Neg"), arithmetic.add),
    "Mul": arithmetic.multiply,
    "Div": arithmetic.divide,
    **dict.fromkeys(("Pow", "Sqrt", "Reciprocal"), arithmetic.power),
    "Clip": arithmetic.clip,
    **dict.fromkeys(("Max", "Min"), arithmetic.extremum),
    "Where": choices.choose,
    "Trilu": choices.triangle,
    "PRelu": curves.parametric_relu,
    "MatMul": products.matmul,
    "Gemm": products.gemm,
    "Conv": products.convolve,
    "Softmax": products.softmax,
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL2", "GlobalAveragePool"),
        reductions.reduce,
    ),
    **dict.fromkeys(("ReduceMax", "ReduceMin", "GlobalMaxPool"), reductions.maximum),
    "LayerNormalization": reductions.layer_norm,
    "InstanceNormalization": reductions.instance_norm,
    "MaxPool": pools.max_pool,
    "AveragePool": pools.average_pool,
    "CumSum": reductions.cumulative_sum,
    "Concat": wiring.concatenate,
}


def lower(graph: BlockGraph) -> Program:
    """The operators of one block.

    Args:
        graph: a block of a model prepared in the sumcheck dialect.

    Raises:
        UnsupportedOperator: by operator and node, what has no proof here.
        MalformedModel: the bytes are not the block that the record describes.
    """
    model = _parsed(graph)
    opset = next((entry.version for entry in model.opset_import if not entry.domain), 0)
    nodes = [Node(proto, int(opset)) for proto in model.graph.node]
    names = {spec.name for spec in (*graph.inputs, *graph.outputs)}
    readers = Counter(name for node in nodes for name in dict.fromkeys(node.inputs))
    readers.update(spec.name for spec in graph.outputs)
    block = Block(readers, set(names))
    for tensor in model.graph.initializer:
        block.values[tensor.name] = Constant(numpy_helper.to_array(tensor))
    inputs = tuple(_input(spec, nodes) for spec in graph.inputs)
    for spec in inputs:
        block.values[spec.name] = _read(spec)
    for node in nodes:
        missing = [name for name in node.inputs if name and name not in block.values]
        if missing:
            raise MalformedModel(f"block {graph.block.name!r}", f"nothing makes {missing[0]!r}")
        block.settle(node, _lowered(node, block))
    outputs = tuple(
        (made.name, block.wire(made.name, _maker(made.name, nodes))) for made in graph.outputs
    )
    return Program(inputs, tuple(block.operations), outputs)


def _parsed(graph: BlockGraph) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(graph.onnx)
    except DecodeError as error:
        raise MalformedModel(f"block {graph.block.name!r}", "not an ONNX protobuf") from error
    makers = {name: node for node in model.graph.node for name in node.output}
    for value in (*model.graph.value_info, *model.graph.output):
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if value.name in makers and math.prod(dims) > MAX_ENTRIES:
            maker = makers[value.name]
            raise UnsupportedOperator(
                maker.op_type,
                maker.name,
                f"it makes {math.prod(dims)} numbers, over {MAX_ENTRIES}",
                "make the model or its input smaller",
            )
    return model


def _lowered(node: Node, block: Block) -> list[Value]:
    operands = block.operands(node)
    if node.proto.domain:
        raise node.refused(f"it is of the domain {node.proto.domain}", "use ONNX's own operators")
    known = [value for value in operands if value is None or isinstance(value, Constant)]
    if len(known) == len(operands):
        arrays = [value.array if isinstance(value, Constant) else None for value in known]
        return [Constant(array) for array in node.evaluate(arrays)]
    if node.operator == "Gather":
        picked = products.gather(node, block)
        if picked is not None:
            return [picked]
    if node.operator in wiring.LAYOUT:
        return wiring.move(node, block)
    if node.operator == "Cast":
        return [_cast(node, operands[0])]
    if node.operator == "IsNaN":
        # Every number is finite, and a row that a mask hides wholly has no proof.
        shape = operands[0].shape if operands[0] is not None else ()
        return [Constant(np.zeros(shape, dtype=np.bool_))]
    only_masks = [v for v in operands if v is None or isinstance(v, Constant | Masked)]
    if len(only_masks) == len(operands) and node.operator in FUNCTIONS:
        made = masks.elementwise(node, only_masks)
        if made is None:
            raise node.refused(
                "it mixes different entries of masks", "use one 0/1 mask with one number a key"
            )
        return [made]
    rule = RULES.get(node.operator)
    if rule is not None:
        return [rule(node, block)]
    if node.operator in FUNCTIONS:
        return [curves.univariate(node, block)]
    raise UnsupportedOperator(
        node.operator,
        node.name,
        "the sumcheck back end has no proof for it",
        "write it with other operators, or build with --prover ezkl",
    )


def _cast(node: Node, value: Value | None) -> Value:
    """Numbers stay what they are; only ids, masks and truth values are ever cast."""
    target = node.integer("to", onnx.TensorProto.FLOAT)
    if isinstance(value, Masked):
        made = masks.elementwise(node, [value])
        if made is None:
            raise node.refused("it casts a mask", "use a 0/1 mask")
        return made
    if isinstance(value, Ids) and target in (onnx.TensorProto.INT64, onnx.TensorProto.INT32):
        return value
    if value is None or isinstance(value, Ids) or target != onnx.TensorProto.FLOAT:
        raise node.refused(
            "it turns numbers into integers or truth values",
            "stay in float32; compare and choose with Where",
        )
    return value


def _input(spec: TensorSpec, nodes: list[Node]) -> InputSpec:
    if spec.is_real:
        return InputSpec(spec.name, spec.shape, Kind.REAL)
    picks = spec.dtype != "bool" and _picks(spec.name, nodes)
    return InputSpec(spec.name, spec.shape, Kind.INTEGER if picks else Kind.BOOLEAN)


def _picks(name: str, nodes: list[Node]) -> bool:
    """Whether an input, moved about at most, is what a Gather picks by."""
    followed, waiting = {name}, deque([name])
    while waiting:
        tensor = waiting.popleft()
        for node in nodes:
            if tensor not in node.inputs:
                continue
            if node.operator == "Gather" and node.inputs[1] == tensor:
                return True
            if node.operator in wiring.LAYOUT | {"Cast"} and node.inputs[0] == tensor:
                fresh = set(node.outputs) - followed
                followed |= fresh
                waiting.extend(fresh)
    return False


def _read(spec: InputSpec) -> Value:
    places = np.arange(int(np.prod(spec.shape)), dtype=np.int64).reshape(spec.shape)
    if spec.kind is Kind.REAL:
        return plain(whole(spec.name, spec.shape))
    if spec.kind is Kind.INTEGER:
        return Ids(whole(spec.name, spec.shape))
    zero = np.zeros(spec.shape, dtype=np.int64)
    return Masked(spec.name, places, zero, zero + 1)


def _maker(name: str, nodes: list[Node]) -> Node:
    return next(node for node in nodes if name in node.outputs)
