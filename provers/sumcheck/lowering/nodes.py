"""An ONNX node with its attributes, and its value on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from zkdps.core.errors import UnsupportedOperator

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Node:
    """One node of a block."""

    proto: onnx.NodeProto
    opset: int

    @property
    def operator(self) -> str:
        """The operator's name."""
        return str(self.proto.op_type)

    @property
    def name(self) -> str:
        """The node's name; that of its first output where it has none."""
        return str(self.proto.name or self.proto.output[0])

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors read; empty where one is left out."""
        return tuple(self.proto.input)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the tensors made."""
        return tuple(self.proto.output)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Values by name, text as `str`."""
        found = {a.name: helper.get_attribute_value(a) for a in self.proto.attribute}
        return {k: v.decode() if isinstance(v, bytes) else v for k, v in found.items()}

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        return int(self.attributes.get(name, default))

    def integers(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An attribute that is a list of integers."""
        return tuple(int(value) for value in self.attributes.get(name, default))

    def real(self, name: str, default: float) -> float:
        """A float attribute."""
        return float(self.attributes.get(name, default))

    def evaluate(self, operands: Sequence[Array | None]) -> list[Array]:
        """What the node computes on arrays, by ONNX's reference."""
        fed = {
            name: array
            for name, array in zip(self.inputs, operands, strict=True)
            if name and array is not None
        }
        inputs = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in fed.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in self.outputs if name]
        graph = helper.make_graph([self.proto], "one", inputs, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        with np.errstate(all="ignore"):
            results: list[Array] = ReferenceEvaluator(model).run(None, fed)
        return [np.asarray(result) for result in results]

    def refused(self, reason: str, remedy: str) -> UnsupportedOperator:
        """The error to raise."""
        return UnsupportedOperator(self.operator, self.name, reason, remedy)
