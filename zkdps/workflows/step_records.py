"""What the steps of a build leave for the steps after them, as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zkdps.calibration import accuracy_json
from zkdps.calibration.accuracy import AccuracyReport
from zkdps.calibration.chain import Calibration
from zkdps.calibration.plots import accuracy_svg
from zkdps.core.canonical import MAX_JSON_BYTES, Json, canonical_json, parse_canonical
from zkdps.core.fields import Fields
from zkdps.core.prover import Parameters
from zkdps.workflows.storage import read_bytes, write_bytes

MAX_NODES = 1 << 24


@dataclass(frozen=True, slots=True)
class Chain:
    """What calibration decided for the whole plan."""

    scale_bits: int
    parameters: tuple[Parameters, ...]
    """One a block."""
    accuracy: AccuracyReport


def write_groups(folder: Path, groups: Sequence[Sequence[int]]) -> None:
    """Node positions of each block in the prepared model."""
    record: Json = {"groups": [{"nodes": list(group)} for group in groups]}
    write_bytes(folder / "groups.json", canonical_json(record))


def read_groups(folder: Path) -> tuple[tuple[int, ...], ...]:
    """Inverse of `write_groups`."""
    fields = _fields(folder / "groups.json")
    return tuple(item.integers("nodes", 0, MAX_NODES) for item in fields.objects("groups"))


def write_chain(folder: Path, found: Calibration) -> None:
    """Scale, ranges, parameters and accuracy, the latter also as a picture."""
    record: Json = {
        "scale_bits": found.measured.scale_bits,
        "parameters": [dict(parameters) for parameters in found.parameters],
        "measured": found.measured.to_json(),
        "search": None if found.search is None else found.search.to_json(),
    }
    write_bytes(folder / "chain.json", canonical_json(record))
    write_bytes(folder / "accuracy.json", canonical_json(found.report.to_json()))
    write_bytes(folder / "accuracy.svg", accuracy_svg(found.report))


def read_chain(folder: Path) -> Chain:
    """What `write_chain` wrote."""
    fields = _fields(folder / "chain.json")
    return Chain(
        fields.integer("scale_bits", 0, 64),
        tuple(_parameters(item) for item in fields.objects("parameters")),
        read_accuracy(folder),
    )


def read_accuracy(folder: Path) -> AccuracyReport:
    """The accuracy report that `write_chain` wrote."""
    path = folder / "accuracy.json"
    report = parse_canonical(read_bytes(path, MAX_JSON_BYTES), str(path))
    return accuracy_json.from_json(report, str(path))


def _parameters(fields: Fields) -> Mapping[str, Json]:
    return fields.everything()


def _fields(path: Path) -> Fields:
    return Fields(parse_canonical(read_bytes(path, MAX_JSON_BYTES), str(path)), str(path), "it")
