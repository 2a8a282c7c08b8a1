"""Fix the dimensions of graph inputs.

A circuit has one shape.  Dimensions come from the caller, by input name; a symbol fixed at one
input is the same number wherever the symbol stands.  Nothing is guessed: ezkl silently takes 1 for
an axis named `batch_size`, and a proof of one sample would then pass for a proof of four.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from zkdps.circuits.untrusted_tensors import check_dims
from zkdps.core.errors import MalformedModel, MalformedTensor, ShapeMismatch, UndeterminedShape


def apply(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Write fixed dims into the inputs, and drop all shapes that followed from the old ones.

    Args:
        model: Changed in place.
        shapes: Input name to shape; inputs that are fixed already may be left out.
        name: The model, for messages.

    Raises:
        MalformedTensor: `shapes` names no input.
        ShapeMismatch: a given shape contradicts the model or another given shape.
        UndeterminedShape: a dimension stays symbolic.
        MalformedModel: a dimension is zero, or the shape has too many elements.
    """
    graph = model.graph
    _drop_weights_from_inputs(graph)
    inputs = {value.name: value for value in graph.input}
    for given in shapes:
        if given not in inputs:
            raise MalformedTensor(given, f"the model has no such input, only {sorted(inputs)}")
    symbols: dict[str, int] = {}
    for given, shape in shapes.items():
        _bind(inputs[given], shape, symbols)
    for value in graph.input:
        _fix(value, symbols, name)
    del graph.value_info[:]
    for value in graph.output:
        for dim in value.type.tensor_type.shape.dim:
            dim.Clear()


def _drop_weights_from_inputs(graph: onnx.GraphProto) -> None:
    # IR version 3 lists every weight among the inputs, where a caller could replace it.
    weights = {tensor.name for tensor in graph.initializer}
    kept = [value for value in graph.input if value.name not in weights]
    if len(kept) < len(graph.input):
        copies = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in kept]
        del graph.input[:]
        graph.input.extend(copies)


def _bind(value: onnx.ValueInfoProto, shape: tuple[int, ...], symbols: dict[str, int]) -> None:
    dims = value.type.tensor_type.shape.dim
    declared = tuple(
        dim.dim_value if dim.HasField("dim_value") else symbols.get(dim.dim_param, -1)
        for dim in dims
    )
    if len(declared) != len(shape) or any(
        known not in (-1, given) for known, given in zip(declared, shape, strict=True)
    ):
        raise ShapeMismatch(value.name, declared, tuple(shape))
    for dim, given in zip(dims, shape, strict=True):
        if dim.dim_param:
            # One symbol twice in one shape must be one number, too.
            if symbols.setdefault(dim.dim_param, given) != given:
                raise ShapeMismatch(value.name, declared, tuple(shape))
        else:
            dim.dim_value = given


def _fix(value: onnx.ValueInfoProto, symbols: dict[str, int], name: str) -> None:
    tensor_type = value.type.tensor_type
    if not tensor_type.HasField("shape"):
        raise UndeterminedShape(value.name, ("unknown rank",))
    dims = tensor_type.shape.dim
    for dim in dims:
        if dim.dim_param in symbols:
            dim.dim_value = symbols[dim.dim_param]
    shape = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims)
    if not all(isinstance(dim, int) for dim in shape):
        raise UndeterminedShape(value.name, shape)
    sizes = [int(dim) for dim in shape]
    if check_dims(sizes, f"input {value.name!r}", name) == 0:
        raise MalformedModel(name, f"input {value.name!r} has the empty shape {sizes}")
