"""The files of a circuit's folder.

    block.onnx      the slice
    circuit.json    its block, its tensors and its parameters: all that compiling needs besides
    system.json     the System; `weights_root` is filled in by `setup`
    tables.bin      values of its pair tables
    bounds.json     the bounds that were proven when it was laid out; the System has their digest
    weights/        after `setup`: the codeword and tree of the weights' commitment

Before calibration the first two are all there is.
"""

from __future__ import annotations

from pathlib import Path

from zkdps.core.canonical import Json, canonical_json, parse_canonical
from zkdps.core.errors import StalePackage
from zkdps.core.fields import Fields
from zkdps.core.plan import Block, TensorSpec
from zkdps.core.prover import BlockGraph, Circuit, Parameters
from zkdps.provers.sumcheck import system_json

BLOCK, CIRCUIT, WEIGHTS = "block.onnx", "circuit.json", "weights"
SYSTEM, TABLES = system_json.SYSTEM, system_json.TABLES
BOUNDS = "bounds.json"
MATERIAL = (SYSTEM, TABLES)
"""Members of the key."""


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


def read_circuit(directory: Path) -> Circuit:
    """Inverse of `write_circuit`.

    Raises:
        MalformedArchive, OSError: the files are not those that it wrote.
    """
    path = directory / CIRCUIT
    fields = Fields(parse_canonical(path.read_bytes(), str(path)), str(path), "the circuit")
    inputs, outputs = (
        tuple(_spec(item) for item in fields.objects(side)) for side in ("inputs", "outputs")
    )
    names = tuple(spec.name for spec in inputs), tuple(spec.name for spec in outputs)
    block = Block(fields.integer("index", 0, 1 << 30), fields.text("name"), *names)
    graph = BlockGraph(block, (directory / BLOCK).read_bytes(), inputs, outputs)
    return Circuit(graph, fields.raw("parameters"), directory)


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
