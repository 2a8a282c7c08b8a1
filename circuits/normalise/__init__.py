"""One normal form for ONNX models, whatever exporter, opset or runtime wrote them.

`normalise` runs small passes, one file each.  A normal model computes what the original computes
(in float32) and fulfils, in the numbers that `check_normal` uses:

1. `onnx.checker` accepts it, with full shape inference; nodes are in topological order.
2. Its only operator set is ONNX's, version 17, 18, 19 or 20.
3. No local functions, no control flow, and only operators that the prover implements.
4. Every value, weight, input and output is a tensor of float32, int64 or bool.
5. Every value has a static shape of at least one element, written down.
6. Nodes have unique names; no weight is listed among the inputs.
7. Every node and every weight is used.
8. Nothing constant is computed at run time; nothing that changes nothing is left, except an
   Identity that gives a graph output its own node.
9. Conv, ConvTranspose, MaxPool and AveragePool state kernel_shape, strides and pads; all attributes
   with a default in the schema are written out; the target of a Reshape states every dimension.

Names of graph inputs and outputs, and their order, never change; names of other tensors stay where
the tensor does.  Inputs of narrower types become float32 or int64: the caller converts.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import (
    ClearMetadataAndDocStringPass,
    LiftConstantsToInitializersPass,
    NameFixPass,
    RemoveUnusedNodesPass,
    RemoveUnusedOpsetsPass,
    TopologicalSortPass,
)

from zkdps.circuits.dialect import Dialect
from zkdps.circuits.normalise import (
    attributes,
    element_types,
    expand_runtime,
    fix_dims,
    fold,
    functions,
    no_ops,
    opset,
    refuse,
    reshapes,
    shape_inference,
    tile,
)
from zkdps.circuits.normalise.conditions import check_normal
from zkdps.core.errors import MalformedModel

__all__ = ["check_normal", "normalise"]


def normalise(
    model: onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]],
    dialect: Dialect = Dialect.EZKL,
) -> onnx.ModelProto:
    """The normal form of a model that `load_model` accepted.

    Args:
        model: Not changed.
        shapes: Input name to shape, for inputs with symbolic dimensions.
        dialect: Which operators are refused; nothing else depends on it.

    Raises:
        UndeterminedShape: a dimension is symbolic, or depends on the input's values.
        ShapeMismatch, MalformedTensor: `shapes` contradicts the model.
        UnsupportedOperator: an operator that no pass makes provable.
        MalformedModel: opset outside 13..22, or a model that contradicts itself.
    """
    name = f"graph {model.graph.name!r}"
    opset.check_range(model, name)
    graph = _without_functions(model, shapes, name)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(graph)
    ClearMetadataAndDocStringPass()(graph)
    _settle_widths(graph, name)
    opset.lower_stamp(graph)
    _settle(graph, name)
    reshapes.apply(graph)
    attributes.apply(graph)
    _tidy(graph, name)
    refuse.apply(graph, name, dialect)
    shape_inference.require_static(graph, name)
    normal = _finished(graph)
    check_normal(normal, dialect)
    return normal


def _without_functions(
    model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], name: str
) -> ir.Model:
    proto = onnx.ModelProto()
    proto.CopyFrom(model)
    _name_default_domain_once(proto)
    del proto.training_info[:]
    fix_dims.apply(proto, shapes, name)
    graph = _parsed(functions.inline_local(proto, name), name)
    NameFixPass()(graph)
    opset.raise_stamp(graph)
    expand_runtime.apply(graph)
    return _parsed(functions.expand_schema_functions(ir.to_proto(graph), name), name)


def _parsed(proto: onnx.ModelProto, name: str) -> ir.Model:
    try:
        model: ir.Model = ir.from_proto(proto)
    except ir.serde.SerdeError as error:
        cause = error.__cause__ or error
        raise MalformedModel(name, f"it cannot be read: {cause}") from error
    return model


def _name_default_domain_once(proto: onnx.ModelProto) -> None:
    """ONNX's own operators may be written with the domain "" or "ai.onnx"; take the first."""
    for part in (proto, *proto.functions):
        nodes = part.graph.node if part is proto else part.node
        for entry in (*part.opset_import, *nodes):
            if entry.domain == "ai.onnx":
                entry.domain = ""


def _settle_widths(graph: ir.Model, name: str) -> None:
    """Compute constants of narrow integers as such, then widen whatever is left."""
    _tidy(graph, name)
    while fold.apply(graph, name, only=fold.on_narrow_integers):
        _tidy(graph, name)
    refuse.quantised(graph)
    element_types.apply(graph, name)


def _settle(graph: ir.Model, name: str) -> None:
    """Fold and remove until nothing changes; every round but the last removes or shrinks a node."""
    changed = True
    while changed:
        _tidy(graph, name)
        changed = fold.apply(graph, name)
        changed |= tile.apply(graph)
        changed |= no_ops.apply(graph)


def _tidy(graph: ir.Model, name: str) -> None:
    RemoveUnusedNodesPass()(graph)
    TopologicalSortPass()(graph)
    NameFixPass()(graph)
    shape_inference.apply(graph, name)


def _finished(graph: ir.Model) -> onnx.ModelProto:
    RemoveUnusedOpsetsPass()(graph)
    stamp = graph.opset_imports[""]
    graph.ir_version = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", stamp)])
    graph.producer_name, graph.producer_version = "zkdps", None
    proto: onnx.ModelProto = ir.to_proto(graph)
    return proto
