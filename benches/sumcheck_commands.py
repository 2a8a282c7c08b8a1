"""`zkdps prove` and `zkdps verify` as commands on a package, timed again and again.

Every repetition is kept with the load average before and after it: on a shared machine the quickest
repetition says what the work takes, the median what a user would have seen.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benches.bare import usage_facts
from benches.outcome import Place, median, talk
from benches.process_tree import run_measured
from zkdps.core.parse_run import parse_run
from zkdps.core.statement import Usage
from zkdps.workflows.archive import read_archive
from zkdps.workflows.build import build
from zkdps.workflows.package import KEY_NAME, open_package
from zkdps.workflows.reports import Cuts


@dataclass(frozen=True, slots=True)
class Repetition:
    """One run of a command, and how busy the machine was around it."""

    usage: Usage
    load_before: float
    load_after: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a package is built."""

    blocks: int
    scale_bits: int
    margin: float
    security: str = "100"
    joint: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """A model, samples to calibrate on, and one to prove."""

    model: Path
    calibration: Path
    input: Path


def build_package(files: Files, package: Path, recipe: Recipe, place: Place) -> float:
    """Build; seconds that it took."""
    start_s = time.monotonic()
    build(
        files.model,
        files.calibration,
        package,
        cuts=Cuts(blocks=recipe.blocks),
        scale_bits=recipe.scale_bits,
        margin=recipe.margin,
        prover="sumcheck",
        security=recipe.security,
        joint=recipe.joint,
        machine=place.machine,
    )
    took_s = time.monotonic() - start_s
    talk(f"built {package.name} in {took_s:.1f} s")
    return took_s


def zkdps(
    place: Place,
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 3600.0,
) -> Usage:
    """Run one `zkdps` command, all its processes counted.

    Raises:
        RuntimeError: it failed, or took longer than `timeout_s` (it says "ended with 124").
    """
    # `env` replaces itself, and what `timeout` adds is too little to measure.
    variables = [f"{name}={value}" for name, value in (environment or {}).items()]
    line = [
        "timeout",
        str(timeout_s),
        "env",
        *variables,
        sys.executable,
        "-m",
        "zkdps",
        *map(str, arguments),
    ]
    line += ["--quiet", "--cache", str(place.machine.cache)]
    return run_measured(line, place.scratch / "log.txt")


def prove(
    place: Place,
    package: Path,
    inputs: Path,
    run: Path,
    environment: Mapping[str, str] | None = None,
) -> Usage:
    """`zkdps prove`."""
    return zkdps(place, "prove", package, "--input", inputs, "-o", run, environment=environment)


def verify(place: Place, package: Path, run: Path) -> Usage:
    """`zkdps verify`."""
    return zkdps(place, "verify", run, "--key", package / KEY_NAME)


def repeated(name: str, times: int, work: Callable[[int], Usage]) -> list[Repetition]:
    """Do it so many times; `work` gets the repetition's number, to name files with."""
    found = []
    for index in range(times):
        before = os.getloadavg()[0]
        usage = work(index)
        found.append(Repetition(usage, before, os.getloadavg()[0]))
        talk(f"{name} {index}: {usage.wall_s:.2f} s wall, {usage.cpu_s:.2f} s CPU, load {before}")
    return found


def timed(work: Callable[[], object]) -> Usage:
    """Wall and CPU seconds of work in this process; its workers' are not counted."""
    start_s, cpu_s = time.monotonic(), time.process_time()
    work()
    return Usage(time.monotonic() - start_s, time.process_time() - cpu_s, 0)


def median_wall_s(repetitions: Sequence[Repetition]) -> float:
    """The middle repetition's wall seconds."""
    return median([repetition.usage.wall_s for repetition in repetitions])


def facts_of(repetitions: Sequence[Repetition]) -> dict[str, object]:
    """For JSON."""
    walls = [repetition.usage.wall_s for repetition in repetitions]
    return {
        "median_wall_s": round(median(walls), 3),
        "least_wall_s": round(min(walls), 3),
        "median_cpu_s": round(median([each.usage.cpu_s for each in repetitions]), 3),
        "runs": [
            {
                **usage_facts(each.usage),
                "load_before": round(each.load_before, 2),
                "load_after": round(each.load_after, 2),
            }
            for each in repetitions
        ],
    }


def proof_bytes(run: Path) -> int:
    """Bytes of all proofs in a run file."""
    members = read_archive(run)
    parse_run(members, str(run))
    return sum(len(data) for name, data in members.items() if name.startswith("proofs/"))


def columns_log(package: Path) -> object:
    """lg C of a package's first block."""
    return open_package(package).key.blocks[0].parameters["columns_log"]
