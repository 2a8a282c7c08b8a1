"""The identity of a model: one SHA-256 over its graph and weights.

Hashed is the tree of protobuf fields of the model, each as `field name, kind, length, bytes`, in
the order of field numbers, repeated fields in their order; unknown fields not at all.  So the
digest depends on: nodes (operator, domain, names, attributes), inputs and outputs with types,
initializers, local functions, opset imports.

Left out, because the model computes the same without them: `ir_version`, `producer_name`,
`producer_version`, `model_version`, the model's own `domain`, every `doc_string`, `metadata_props`,
`value_info` (hints for shape inference), and `quantization_annotation`.

A tensor counts as type, dims, name and little-endian values, wherever and however a file keeps
them: external data, `raw_data` or typed fields give the same digest.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Protocol

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import Message  # type: ignore[import-untyped]
from onnx import TensorProto, numpy_helper

from zkdps.core.errors import MalformedModel

_DOMAIN_TAG = b"zkdps model digest v1\0"
_IGNORED = frozenset(
    {
        *("ir_version", "producer_name", "producer_version", "model_version", "doc_string"),
        *("metadata_props", "value_info", "quantization_annotation"),
    }
)


class _Sink(Protocol):
    def update(self, data: bytes, /) -> None: ...


def digest(model: onnx.ModelProto) -> str:
    """The digest of a model whose weights are inside.

    Raises:
        MalformedModel: a tensor still points to a file; load the model from its path instead.
    """
    sink = hashlib.sha256(_DOMAIN_TAG)
    _message(model, sink, skip=_IGNORED | {"domain"})
    return sink.hexdigest()


def _message(message: Message, sink: _Sink, skip: frozenset[str] = _IGNORED) -> None:
    if isinstance(message, TensorProto):
        _tensor(message, sink)
        return
    for field, value in message.ListFields():  # ordered by field number
        if field.name in skip:
            continue
        values = value if field.is_repeated else [value]
        _framed(sink, b"field", field.name.encode())
        sink.update(struct.pack("<Q", len(values)))
        for item in values:
            _item(field, item, sink)
    sink.update(b"end\0")


def _item(field: FieldDescriptor, item: Any, sink: _Sink) -> None:
    if isinstance(item, Message):
        sink.update(b"message\0")
        _message(item, sink)
    elif isinstance(item, str):
        _framed(sink, b"text", item.encode())
    elif isinstance(item, bytes):
        _framed(sink, b"bytes", item)
    elif field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        _framed(sink, b"real", struct.pack("<d", item))
    else:
        _framed(sink, b"integer", str(int(item)).encode())


def _tensor(tensor: TensorProto, sink: _Sink) -> None:
    if tensor.data_location == TensorProto.EXTERNAL:
        raise MalformedModel(
            "model", f"tensor {tensor.name!r} points to a file; digest the model by its path"
        )
    values = np.ascontiguousarray(numpy_helper.to_array(tensor))
    if values.dtype.byteorder == ">" or (values.dtype.byteorder == "=" and not _LITTLE):
        values = values.byteswap()
    _framed(sink, b"tensor", tensor.name.encode())
    _framed(sink, b"type", str(tensor.data_type).encode())
    _framed(sink, b"dims", ",".join(map(str, tensor.dims)).encode())
    _framed(sink, b"values", values.tobytes())


def _framed(sink: _Sink, kind: bytes, data: bytes) -> None:
    sink.update(kind + b"\0" + struct.pack("<Q", len(data)))
    sink.update(data)


_LITTLE = np.little_endian
