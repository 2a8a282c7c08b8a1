"""What a bench finds, and the JSON file that keeps it as evidence."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from zkdps.workflows.memory import available_bytes
from zkdps.workflows.reports import Machine

Facts = Mapping[str, object]
"""JSON-able; names carry units."""

PACKAGES = ("zkdps", "ezkl", "onnx", "onnxruntime", "numpy", "torch")


@dataclass(frozen=True, slots=True)
class Line:
    """One demand of the project, and what was measured of it in this run."""

    claim: str
    measured: float
    limit: float
    """Largest value that meets the claim, in the unit the claim names."""

    @property
    def met(self) -> bool:
        """Whether the claim holds of this run."""
        return self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a bench measured."""

    lines: tuple[Line, ...]
    facts: Facts
    """Everything the lines were computed from."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bench works."""

    scratch: Path
    """An empty folder, removed afterwards."""
    machine: Machine
    """The SRS cache is shared between benches; making an SRS is never measured."""
    smoke: bool
    """The smallest run that touches all of the bench's code; its numbers mean nothing."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One question."""

    name: str
    question: str
    run: Callable[[Place], Outcome]


def measure(bench: Bench, place: Place) -> dict[str, object]:
    """Run a bench; its record, with how busy the machine was before and after."""
    before, start_s = os.getloadavg(), time.monotonic()
    outcome = bench.run(place)
    return {
        "bench": bench.name,
        "question": bench.question,
        "smoke": place.smoke,
        "lines": [{**asdict(line), "met": line.met} for line in outcome.lines],
        "facts": outcome.facts,
        "took_s": round(time.monotonic() - start_s, 1),
        "load_before": [round(value, 2) for value in before],
        "load_after": [round(value, 2) for value in os.getloadavg()],
        "machine": machine_facts(),
        "versions": versions(),
    }


def write_record(record: Facts, folder: Path) -> Path:
    """Keep a record as `NAME.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record['bench']}.json"
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    return path


def machine_facts() -> dict[str, object]:
    """The hardware, as far as it says."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_available_bytes": available_bytes(),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """Versions of what was measured, and the commit where there is a checkout."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        found[name] = metadata.version(name)
    root = Path(__file__).parent.parent
    git = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    described = subprocess.run(git, capture_output=True, text=True, check=False)
    return {**found, "commit": described.stdout.strip() or "not a checkout"}


def _cpu_name() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def talk(text: str) -> None:
    """Tell whoever waits how far a bench is."""
    print(f"  {text}", file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float:
    """The middle value, the mean of the middle two of an even number."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
