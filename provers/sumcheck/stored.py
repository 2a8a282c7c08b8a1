"""The files of a circuit's folder.

    block.onnx      the slice
    circuit.json    its block, its tensors and its parameters: all that compiling needs besides
    system.json     the System; `weights_root` is filled in by `setup`
    tables.bin      values of its pair tables
    bounds.json     the bounds that were proven when it was laid out; the System has their digest
    program.json    the lowered and quantised program, with program.npz and integers/
    weights/        after `setup`: rows, codeword and tree of the weights' commitment

Before calibration the first two are all there is.  After it, `block.onnx` is gone: nothing reads it
any more, and the package keeps its slices elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from zkdps.core.canonical import Json, canonical_json, parse_canonical
from zkdps.core.errors import StalePackage
from zkdps.core.fields import Fields
from zkdps.core.plan import Block, TensorSpec
from zkdps.core.prover import BlockGraph, Parameters
from zkdps.provers.sumcheck import system_json
from zkdps.provers.sumcheck.system import System

BLOCK, CIRCUIT, WEIGHTS = "block.onnx", "circuit.json", "weights"
SYSTEM, TABLES = system_json.SYSTEM, system_json.TABLES
BOUNDS = "bounds.json"
PROGRAM, ARRAYS, INTEGERS = "program.json", "program.npz", "integers"
MATERIAL = (SYSTEM, TABLES)
"""Members of the key."""


@dataclass(frozen=True, slots=True)
class Record:
    """What `circuit.json` says."""

    block: Block
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: Parameters


def write_circuit(graph: BlockGraph, parameters: Parameters, directory: Path) -> None:
    """The two files that everything else follows from."""
    block = graph.block
    record: Json = {
        "index": block.index,
        "name": block.name,
        "inputs": [_spec_record(spec) for spec in graph.inputs],
        "outputs": [_spec_record(spec) for spec in graph.outputs],
        "parameters": dict(parameters),
    }
    (directory / BLOCK).write_bytes(graph.onnx)
    (directory / CIRCUIT).write_bytes(canonical_json(record))


def read_record(directory: Path) -> Record:
    """The record of a circuit that `write_circuit` wrote.

    Raises:
        MalformedArchive, OSError: the file is not the one that it wrote.
    """
    path = directory / CIRCUIT
    fields = Fields(parse_canonical(path.read_bytes(), str(path)), str(path), "the circuit")
    inputs, outputs = (
        tuple(_spec(item) for item in fields.objects(side)) for side in ("inputs", "outputs")
    )
    names = tuple(spec.name for spec in inputs), tuple(spec.name for spec in outputs)
    block = Block(fields.integer("index", 0, 1 << 30), fields.text("name"), *names)
    return Record(block, inputs, outputs, fields.raw("parameters"))


def read_graph(directory: Path, record: Record) -> BlockGraph:
    """The slice that the circuit is compiled from.

    Raises:
        StalePackage: it is not there.
    """
    onnx = member(directory, BLOCK).read_bytes()
    return BlockGraph(record.block, onnx, record.inputs, record.outputs)


def write_system(directory: Path, system: System) -> None:
    """The System and its tables."""
    text, tables = system_json.system_to_files(system)
    (directory / SYSTEM).write_bytes(text)
    (directory / TABLES).write_bytes(tables)


def completed(directory: Path, system: System, otherwise: str) -> System:
    """The System with the root of the weights that the folder's one names.

    Args:
        system: what the folder's must be but for the root.
        otherwise: what the error says.

    Raises:
        StalePackage: a file is missing, or the folder's System is another one.
    """
    text, tables = (member(directory, name).read_bytes() for name in MATERIAL)
    root = system_json.system_from_files(text, tables).weights_root
    complete = replace(system, weights_root=root)
    if system_json.system_to_files(complete) != (text, tables):
        raise StalePackage(str(directory), otherwise)
    return complete


def member(directory: Path, name: str) -> Path:
    """A file of a circuit's folder, or `StalePackage`."""
    path = directory / name
    if not path.exists():
        raise StalePackage(str(path), "the file is missing")
    return path


def _spec_record(spec: TensorSpec) -> Json:
    return {
        "name": spec.name,
        "shape": list(spec.shape),
        "dtype": spec.dtype,
        "scale_bits": spec.scale_bits,
    }


def _spec(item: Fields) -> TensorSpec:
    return TensorSpec(
        item.text("name"),
        item.integers("shape", 0, 1 << 31),
        item.text("dtype"),
        item.integer("scale_bits", 0, 64),
    )
