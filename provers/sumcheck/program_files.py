"""A calibrated program on disk: what proving a block starts from, without its ONNX slice.

    program.json    inputs, operators, outputs and widths
    program.npz     arrays that the operators hold
    integers/I.npy  integers of the weights of one operator, int32, mapped when they are read

Reading it is quick: the slice is not parsed, no weight is rounded, none is copied.  The files are
the operator's own; whoever changes them gets another System than the key's, or proofs that do not
verify.

Values are JSON as they are, but for objects with one member, which says what they stand for:

    {"real": hex}  {"array": I}  {"role": name}  {"constant": [I, scale_bits]}
    {"wire": [shape, [[value, index], ...]]}
    {"expression": [[operator, operands, parameters], ...]}

An index is {"affine": [offset, strides]}, or an array.  The last node of an expression is its
root; an operand is the number of an earlier node, or a real.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkdps.core.canonical import Json, canonical_json, parse_canonical
from zkdps.core.errors import StalePackage, ZkdpsError
from zkdps.provers.sumcheck.arrays import read_arrays, write_arrays
from zkdps.provers.sumcheck.build import Built
from zkdps.provers.sumcheck.operators.addition import Addition
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.operators.combination import Combination
from zkdps.provers.sumcheck.operators.constants import Constant
from zkdps.provers.sumcheck.operators.contraction import Contraction
from zkdps.provers.sumcheck.operators.expressions import Expression
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.operators.interface import Operator, Role
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.operators.mean import Mean
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.product import Product
from zkdps.provers.sumcheck.operators.ratio import WeightedMean
from zkdps.provers.sumcheck.operators.scaling import Scaling
from zkdps.provers.sumcheck.operators.softmax import Softmax
from zkdps.provers.sumcheck.operators.table import Table
from zkdps.provers.sumcheck.program import InputSpec, Kind, Program, Width
from zkdps.provers.sumcheck.stored import ARRAYS, INTEGERS, PROGRAM
from zkdps.provers.sumcheck.system import Affine, Int64s
from zkdps.provers.sumcheck.views import coordinates
from zkdps.provers.sumcheck.widths import WidthTable
from zkdps.provers.sumcheck.wires import Part, Wire

_WEIGHTS: Mapping[type[Any], str] = {Linear: "weight", Gather: "table"}
"""Operators with weights: the field that holds them, which names their tensor too."""
_OPERATORS: Mapping[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Addition,
        Attention,
        Combination,
        Contraction,
        Gather,
        Linear,
        Maximum,
        Mean,
        Norm,
        Product,
        Scaling,
        Softmax,
        Table,
        WeightedMean,
    )
}


def write_program(directory: Path, program: Program, widths: WidthTable, built: Built) -> None:
    """Write a program with the integers that a build chose for its weights.

    Args:
        directory: the circuit's; holds no program yet.
        program: that was built.
        widths: that were chosen for it.
        built: what `build` made of both.

    Raises:
        TypeError: an operator holds what the file has no form for.
    """
    (directory / INTEGERS).mkdir()
    writer = _Writer(directory, built)
    record: Json = {
        "inputs": [[spec.name, list(spec.shape), spec.kind.value] for spec in program.inputs],
        "operations": [writer.operator(operation) for operation in program.operations],
        "outputs": [[name, writer.value(wire)] for name, wire in program.outputs],
        "widths": widths.record(),
    }
    write_arrays(directory / ARRAYS, writer.arrays)
    (directory / PROGRAM).write_bytes(canonical_json(record))


def read_program(directory: Path, block: int) -> tuple[Program, WidthTable]:
    """Inverse of `write_program`; weights are `Constant`s.

    Args:
        block: index, for errors.

    Raises:
        StalePackage: the files are not those that it wrote.
    """
    path = directory / PROGRAM
    try:
        record: Any = parse_canonical(path.read_bytes(), str(path))
        reader = _Reader(directory, read_arrays(directory / ARRAYS))
        program = Program(
            tuple(
                InputSpec(name, tuple(shape), Kind(kind)) for name, shape, kind in record["inputs"]
            ),
            tuple(reader.operator(made) for made in record["operations"]),
            tuple((name, reader.value(wire)) for name, wire in record["outputs"]),
        )
        widths = {name: Width(*numbers) for name, numbers in record["widths"].items()}
    except (ZkdpsError, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise StalePackage(str(path), f"it is not a compiled program: {error}") from error
    return program, WidthTable(block, widths)


class _Writer:
    """Values as JSON; arrays are put aside."""

    def __init__(self, directory: Path, built: Built) -> None:
        self.arrays: list[NDArray[Any]] = []
        self._directory = directory
        self._built = built
        self._kept = 0

    def operator(self, operation: Operator) -> Json:
        kind = type(operation)
        if _OPERATORS.get(kind.__name__) is not kind:
            raise TypeError(f"no operator of a program: {kind.__name__}")
        fields: dict[str, Json] = {}
        for field in dataclasses.fields(operation):  # type: ignore[arg-type]
            if _WEIGHTS.get(kind) == field.name:
                fields[field.name] = self._constant(f"{operation.name}.{field.name}")
            else:
                fields[field.name] = self.value(getattr(operation, field.name))
        return {"operator": kind.__name__, "fields": fields}

    def value(self, value: object) -> Json:
        match value:
            case Role():
                return {"role": value.value}
            case None | bool() | int() | str():
                return value
            case float():
                return {"real": float(value).hex()}
            case np.ndarray():
                return self._array(value)
            case tuple():
                return [self.value(item) for item in value]
            case Wire():
                parts: list[Json] = [[part.value, self._index(part.index)] for part in value.parts]
                return {"wire": [list(value.shape), parts]}
            case Expression():
                nodes: list[Json] = []
                self._expression(value, nodes)
                return {"expression": nodes}
        raise TypeError(f"no value of a program: {type(value).__name__}")

    def _expression(self, expression: Expression, nodes: list[Json]) -> int:
        """Put its nodes behind those of its operands; the number of its root."""
        operands: list[Json] = []
        for operand in expression.operands:
            if isinstance(operand, Expression):
                operands.append(self._expression(operand, nodes))
            else:
                operands.append(self.value(float(operand)))
        nodes.append([expression.operator, operands, self.value(expression.parameters)])
        return len(nodes) - 1

    def _array(self, array: NDArray[Any]) -> Json:
        self.arrays.append(array)
        return {"array": len(self.arrays) - 1}

    def _constant(self, tensor: str) -> Json:
        path = self._directory / INTEGERS / f"{self._kept}.npy"
        np.save(path, np.ascontiguousarray(self._built.weights[tensor], dtype=np.int32))
        self._kept += 1
        return {"constant": [self._kept - 1, self._built.widths[tensor].scale_bits]}

    def _index(self, index: Int64s) -> Json:
        origin = (0,) * index.ndim
        offset = int(index[origin]) if index.size else 0
        strides = []
        for axis, size in enumerate(index.shape):
            after = tuple(int(axis == other) for other in range(index.ndim))
            strides.append(int(index[after]) - offset if size > 1 and index.size else 0)
        if np.array_equal(_affine(index.shape, offset, strides), index):
            return {"affine": [offset, list[Json](strides)]}
        return self._array(index)


class _Reader:
    """The inverse."""

    def __init__(self, directory: Path, arrays: list[NDArray[Any]]) -> None:
        self._directory = directory
        self._arrays = arrays

    def operator(self, record: Any) -> Operator:
        fields = {name: self.value(value) for name, value in record["fields"].items()}
        made: Operator = _OPERATORS[record["operator"]](**fields)
        return made

    def value(self, record: Any) -> Any:
        if isinstance(record, list):
            return tuple(self.value(item) for item in record)
        if not isinstance(record, dict):
            return record
        ((kind, held),) = record.items()
        match kind:
            case "role":
                return Role(held)
            case "real":
                return float.fromhex(held)
            case "array":
                return self._arrays[held]
            case "wire":
                shape, parts = held
                return Wire(
                    tuple(shape),
                    tuple(Part(name, self._index(tuple(shape), index)) for name, index in parts),
                )
            case "expression":
                return self._expression(held)
            case "constant":
                number, scale_bits = held
                path = self._directory / INTEGERS / f"{number:d}.npy"
                # Writable, since kernels are compiled for that; what is written stays here.
                return Constant(np.asarray(np.load(path, mmap_mode="c")), scale_bits)
        raise ValueError(f"no value of a program: {kind}")

    def _expression(self, record: Any) -> Expression:
        nodes: list[Expression] = []
        for operator, operands, parameters in record:
            read = (nodes[item] if isinstance(item, int) else self.value(item) for item in operands)
            nodes.append(Expression(operator, tuple(read), self.value(parameters)))
        return nodes[-1]

    def _index(self, shape: tuple[int, ...], record: Any) -> Int64s:
        if "affine" in record:
            index = _affine(shape, *record["affine"])
            index.setflags(write=False)
            return index
        held: Int64s = self.value(record)
        if held.shape != shape or held.dtype != np.int64:
            raise ValueError(f"an index of {held.dtype} {held.shape} for a wire of {shape}")
        return held


def _affine(shape: tuple[int, ...], offset: int, strides: list[int]) -> Int64s:
    terms = tuple((axis, stride) for axis, stride in enumerate(strides) if stride)
    return np.broadcast_to(coordinates(Affine(offset, terms), shape), shape)
