"""Tensors from a stranger's ONNX file: checked before anything reads them.

ONNX keeps a tensor's bytes in one of several places: `raw_data`, a typed field such as
`float_data`, or a range of a second file ("external data").  `inline` brings the last form into the
first, reading only inside the model's directory; `check` then holds every tensor to its declared
shape, type and size.

Source: onnx.proto3, messages TensorProto and StringStringEntryProto, onnx 1.23.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zkdps.core.errors import MalformedModel, UnreadableFile, UnsupportedOperator

MAX_MODEL_BYTES = 2**31 - 1
"""A file, and a model with its external data inlined: protobuf itself holds no more."""

MAX_TENSOR_ELEMENTS = 2**31
MAX_RANK = 16

_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
_INTEGERS = (
    *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64),
    *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
)
_NIBBLES = (TensorProto.INT4, TensorProto.UINT4)
ACCEPTED_TYPES = frozenset((*_FLOATS, *_INTEGERS, *_NIBBLES, TensorProto.BOOL))
"""Element types that normalisation can bring to float32, int64 or bool."""

_DATA_FIELDS = (
    *("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data"),
    "raw_data",
)


def tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Every dense tensor: initializers, and attributes of nodes, functions included."""
    yield from model.graph.initializer
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    for node in (node for nodes in bodies for node in nodes):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def type_name(elem_type: int) -> str:
    """`FLOAT16` for 10; a number that ONNX does not define stays a number."""
    known = TensorProto.DataType.values()
    return TensorProto.DataType.Name(elem_type) if elem_type in known else f"type {elem_type}"


def check_dims(dims: list[int], what: str, path: str) -> int:
    """The number of elements of a shape, once every dimension and the product are in bounds.

    Raises:
        MalformedModel: a negative dimension, too many axes, or too many elements.
    """
    if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
        raise MalformedModel(path, f"{what} has the impossible shape {dims[:MAX_RANK]}")
    elements = math.prod(dims)
    if elements > MAX_TENSOR_ELEMENTS:
        raise MalformedModel(path, f"{what} has {elements} elements, over {MAX_TENSOR_ELEMENTS}")
    return elements


def inline(tensor: TensorProto, directory: Path, budget_bytes: int, path: str) -> int:
    """Replace a reference into a second file by the bytes themselves; return how many they are.

    The file must lie inside `directory` once all links are followed.  A tensor without external
    data is left alone.

    Raises:
        MalformedModel: the reference leaves the directory, its range leaves the file, or the bytes
            exceed `budget_bytes`.
        UnreadableFile: the second file is missing or cannot be read.
    """
    if tensor.data_location != TensorProto.EXTERNAL:
        if tensor.external_data:
            raise MalformedModel(path, f"tensor {tensor.name!r} is internal and external at once")
        return 0
    if tensor.data_type not in ACCEPTED_TYPES:
        raise _refused_type(tensor)
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if len(entries) != len(tensor.external_data):
        raise MalformedModel(path, f"tensor {tensor.name!r} repeats a key of its external data")
    source = _inside(directory, entries.get("location", ""), tensor.name, path)
    data = _read_range(source, entries, tensor, budget_bytes, path)
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")
    tensor.raw_data = data
    return len(data)


def check(tensor: TensorProto, path: str) -> None:
    """Hold an inlined tensor to its declared type, shape and finite values.

    Minus infinity passes: attention masks are written with it, and rewriting bounds them.  NaN and
    plus infinity have no use in a model that is to be proven.

    Raises:
        MalformedModel: wrong byte count, two storages at once, or a NaN or plus infinity.
        UnsupportedOperator: strings, complex numbers or 8-bit floats.
    """
    if tensor.data_type not in ACCEPTED_TYPES:
        raise _refused_type(tensor)
    if tensor.HasField("segment"):
        raise MalformedModel(path, f"tensor {tensor.name!r} is segmented")
    elements = check_dims(list(tensor.dims), f"tensor {tensor.name!r}", path)
    _check_storage(tensor, elements, path)
    if tensor.data_type in _FLOATS:
        values = numpy_helper.to_array(tensor)
        if values.size and not bool(np.all(values < np.inf)):
            raise MalformedModel(path, f"tensor {tensor.name!r} holds NaN or plus infinity")


def _inside(directory: Path, location: str, name: str, path: str) -> Path:
    parts = PurePosixPath(location).parts
    if not parts or PurePosixPath(location).is_absolute() or ".." in parts or "\0" in location:
        raise MalformedModel(
            path, f"tensor {name!r} has its data at {location!r}, not a plain name"
        )
    try:
        source = (directory / location).resolve(strict=True)
        home = directory.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableFile(str(directory / location), reason) from error
    if not source.is_relative_to(home):
        reason = f"tensor {name!r} has its data at {location!r}, a link out of the model's folder"
        raise MalformedModel(path, reason)
    if not source.is_file():
        raise UnreadableFile(str(source), "not a file")
    return source


def _read_range(
    source: Path, entries: dict[str, str], tensor: TensorProto, budget_bytes: int, path: str
) -> bytes:
    elements = check_dims(list(tensor.dims), f"tensor {tensor.name!r}", path)
    needed_bytes = _raw_bytes(tensor.data_type, elements)
    offset = _natural(entries.get("offset", "0"), "offset", tensor.name, path)
    length = _natural(entries.get("length", str(needed_bytes)), "length", tensor.name, path)
    if length != needed_bytes:
        reason = (
            f"tensor {tensor.name!r} needs {needed_bytes} bytes, its external data has {length}"
        )
        raise MalformedModel(path, reason)
    if length > budget_bytes:
        reason = f"weights with external data exceed {MAX_MODEL_BYTES} bytes"
        raise MalformedModel(path, reason)
    try:
        with source.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
    except OSError as error:
        raise UnreadableFile(str(source), error.strerror or str(error)) from error
    if len(data) != length:
        reason = (
            f"tensor {tensor.name!r}: bytes {offset}..{offset + length} are not in {source.name}"
        )
        raise MalformedModel(path, reason)
    return data


def _natural(text: str, key: str, name: str, path: str) -> int:
    # 19 digits hold every file size; longer text would only cost time to convert.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise MalformedModel(path, f"tensor {name!r} has {key} {text[:32]!r} in its external data")
    return int(text)


def _raw_bytes(elem_type: int, elements: int) -> int:
    if elem_type in _NIBBLES:
        return (elements + 1) // 2
    itemsize: int = helper.tensor_dtype_to_np_dtype(elem_type).itemsize
    return elements * itemsize


def _check_storage(tensor: TensorProto, elements: int, path: str) -> None:
    typed_field = helper.tensor_dtype_to_field(tensor.data_type)
    filled = [field for field in _DATA_FIELDS if len(getattr(tensor, field))]
    if len(filled) > 1 or not set(filled) <= {typed_field, "raw_data"}:
        raise MalformedModel(path, f"tensor {tensor.name!r} keeps its values in {filled}")
    if filled == ["raw_data"] or not elements:
        expected, got = _raw_bytes(tensor.data_type, elements), len(tensor.raw_data)
    else:
        expected = (elements + 1) // 2 if tensor.data_type in _NIBBLES else elements
        got = len(getattr(tensor, typed_field))
    if expected != got:
        reason = f"tensor {tensor.name!r} of shape {list(tensor.dims)} should hold {expected}"
        raise MalformedModel(path, f"{reason} bytes or values, holds {got}")


def _refused_type(tensor: TensorProto) -> UnsupportedOperator:
    return UnsupportedOperator(
        operator=f"tensor of {type_name(tensor.data_type)}",
        node=tensor.name,
        reason="only real numbers, integers and booleans can be proven",
        remedy="export the model with float32 weights",
    )
