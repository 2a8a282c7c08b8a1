"""The executed blocks of a run in the making, as files: witnesses outgrow memory."""

from __future__ import annotations

from pathlib import Path

from zkdps.core.canonical import MAX_JSON_BYTES, Json, canonical_json, parse_canonical
from zkdps.core.fields import Fields
from zkdps.core.fixed_point import FixedTensor, from_bytes
from zkdps.core.prover import Circuit, Ranges, Trace
from zkdps.workflows.storage import make_folder, read_bytes, write_bytes

MAX_WITNESS_BYTES = 16 << 30


def write_trace(folder: Path, trace: Trace) -> None:
    """Outputs, ranges and witness of one executed block; its inputs are others' outputs."""
    make_folder(folder)
    ranges = trace.ranges
    record: Json = {
        "lookup_min": ranges.lookup_min,
        "lookup_max": ranges.lookup_max,
        "max_abs": ranges.max_abs,
    }
    write_bytes(folder / "ranges.json", canonical_json(record))
    write_bytes(folder / "witness.bin", trace.witness)
    for position, tensor in enumerate(trace.outputs):
        write_bytes(folder / f"output-{position}.bin", tensor.to_bytes())


def read_outputs(folder: Path, circuit: Circuit) -> tuple[FixedTensor, ...]:
    """The outputs that `write_trace` wrote, in the block's order."""
    return tuple(
        from_bytes(read_bytes(folder / f"output-{position}.bin", 8 * spec.size), spec)
        for position, spec in enumerate(circuit.graph.outputs)
    )


def read_trace(folder: Path, circuit: Circuit, inputs: tuple[FixedTensor, ...]) -> Trace:
    """Inverse of `write_trace`; `inputs` as the block was given them."""
    path = folder / "ranges.json"
    record = parse_canonical(read_bytes(path, MAX_JSON_BYTES), str(path))
    fields = Fields(record, str(path), "the ranges")
    bound = 1 << 63
    low, high = (fields.integer(name, -bound, bound) for name in ("lookup_min", "lookup_max"))
    ranges = Ranges(low, high, fields.integer("max_abs", 0, bound))
    witness = read_bytes(folder / "witness.bin", MAX_WITNESS_BYTES)
    return Trace(inputs, read_outputs(folder, circuit), ranges, witness)
