"""What do zkdps and its links add to proving?

The digits network of the demo, four blocks, in one package.  Four commands take turns, and medians
are compared: the bare script (`gen_witness` and `prove` of every block, same circuits, keys and
SRS files), the same script that also verifies its proofs, `zkdps prove`, and `zkdps prove` of a
second package that is linked by public values instead of polynomial commitments.

Expected, before measuring: `zkdps prove` starts a process for every proof (0.2 s each), reads its
package's digests and verifies each proof before it hands it out, which the bare script does not.
With blocks of 1 to 3 s that is 10 to 15 % of wall time, so 3 % is missed here; it would be met from
blocks of about 10 s on, because none of it grows with the block.  Memory: numpy and the package in
the parent, about 80 MB.  Links: public inputs and outputs cost rows (10 an element) and instances,
commitments cost one column a tensor, so links are free or better.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benches.bare import usage_facts
from benches.outcome import Bench, Line, Outcome, Place, median, talk
from benches.process_tree import run_measured
from tests.models import zoo
from zkdps.circuits.export import export
from zkdps.core.fixed_point import quantise
from zkdps.core.statement import Link, Usage
from zkdps.provers.ezkl.felts import felts
from zkdps.provers.ezkl.srs import make_development
from zkdps.workflows.build import build
from zkdps.workflows.demo import RECIPES, write_files
from zkdps.workflows.package import open_package
from zkdps.workflows.reports import Cuts
from zkdps.workflows.tensor_files import read_tensors, write_tensors

REPETITIONS = 9
"""Of 5 on a shared machine, walls of one command lay between 5.6 and 10.3 s: not enough."""
SMOKE_SAMPLES = 4
LIMIT_EXTRA_MB = 100.0
BARE_SCRIPT = Path(__file__).with_name("bare_prove.py")

Command = Callable[[int], Usage]
"""Runs once; the repetition's number makes names of files."""


@dataclass(frozen=True, slots=True)
class Medians:
    """One command over its repetitions."""

    wall_s: float
    least_wall_s: float
    """The quickest repetition: what other users of the machine disturbed least."""
    cpu_s: float
    peak_rss_bytes: float


def run(place: Place) -> Outcome:
    """Build twice, then repeat all commands in turn."""
    cuts = _write_model(place)
    links = {link: _package(place, cuts, link) for link in (Link.POLYCOMMIT, Link.PUBLIC)}
    commands = {
        "bare": _bare(place, links[Link.POLYCOMMIT], verify=False),
        "bare_verifying": _bare(place, links[Link.POLYCOMMIT], verify=True),
        "zkdps": _zkdps(place, links[Link.POLYCOMMIT]),
        "zkdps_public": _zkdps(place, links[Link.PUBLIC]),
    }
    taken: dict[str, list[Usage]] = {name: [] for name in commands}
    for repetition in range(1 if place.smoke else REPETITIONS):
        # Each round starts with another command, so that none always follows the same one.
        turn = repetition % len(commands)
        for name in [*commands][turn:] + [*commands][:turn]:
            command = commands[name]
            taken[name].append(command(repetition))
            talk(f"{repetition}: {name} {taken[name][-1]}")
    medians = {name: medians_of(usages) for name, usages in taken.items()}
    runs = {name: [usage_facts(usage) for usage in usages] for name, usages in taken.items()}
    return Outcome(lines_of(medians), {"runs": runs, **_summary(medians)})


BENCH = Bench("overhead", "What do zkdps and its links add to proving?", run)


def lines_of(medians: Mapping[str, Medians]) -> tuple[Line, ...]:
    """What the project demands."""
    bare, ours, public = (medians[name] for name in ("bare", "zkdps", "zkdps_public"))
    extra_mb = (ours.peak_rss_bytes - bare.peak_rss_bytes) / 1e6
    return (
        Line("wall time that zkdps adds to bare calls, as a share", _added(ours, bare), 0.03),
        Line("MB of memory that zkdps adds to bare calls", extra_mb, LIMIT_EXTRA_MB),
        Line("wall time that polycommit links add to public", _added(ours, public), 0.10),
    )


def medians_of(usages: list[Usage]) -> Medians:
    """Each quantity by itself."""
    return Medians(
        median([usage.wall_s for usage in usages]),
        min(usage.wall_s for usage in usages),
        median([usage.cpu_s for usage in usages]),
        median([usage.peak_rss_bytes for usage in usages]),
    )


def _added(more: Medians, less: Medians) -> float:
    return more.wall_s / less.wall_s - 1


def _summary(medians: Mapping[str, Medians]) -> dict[str, object]:
    bare = medians["bare"]
    return {
        "medians": {
            name: {
                "wall_s": m.wall_s,
                "least_wall_s": m.least_wall_s,
                "cpu_s": m.cpu_s,
                "peak_rss_bytes": m.peak_rss_bytes,
            }
            for name, m in medians.items()
        },
        "least_wall_share_added_to_bare": {
            name: round(m.least_wall_s / bare.least_wall_s - 1, 4) for name, m in medians.items()
        },
        "cpu_share_added_to_bare": {
            name: round(m.cpu_s / bare.cpu_s - 1, 4) for name, m in medians.items()
        },
        "wall_share_added_to_bare": {
            name: round(m.wall_s / bare.wall_s - 1, 4) for name, m in medians.items()
        },
    }


def _write_model(place: Place) -> Cuts:
    """`model.onnx`, `calibration.npz`, `input.npz`, and where to cut; a smoke run takes an MLP."""
    if not place.smoke:
        write_files("digits", place.scratch)
        return Cuts(tensors=RECIPES["digits"].cuts)
    sample = zoo.residual_mlp()
    export(sample.module, sample.inputs, place.scratch / "model.onnx", input_names=["x"])
    values = np.linspace(-1, 1, 8 * SMOKE_SAMPLES, dtype=np.float32).reshape(-1, 1, 8)
    write_tensors(place.scratch / "calibration.npz", {"x": values})
    write_tensors(place.scratch / "input.npz", {"x": values[0]})
    return Cuts(blocks=2)


def _package(place: Place, cuts: Cuts, link: Link) -> Path:
    package = place.scratch / link.value
    build(
        place.scratch / "model.onnx",
        place.scratch / "calibration.npz",
        package,
        cuts=cuts,
        scale_bits=RECIPES["digits"].scale_bits,
        link=link,
        machine=place.machine,
    )
    talk(f"built with {link.value}")
    return package


def _zkdps(place: Place, package: Path) -> Command:
    def command(repetition: int) -> Usage:
        inputs = place.scratch / "input.npz"
        run_file = place.scratch / f"{package.name}-{repetition}.zkrun"
        line = [sys.executable, "-m", "zkdps", "prove", str(package), "--quiet"]
        line += ["--input", str(inputs), "-o", str(run_file), "--cache", str(place.machine.cache)]
        return run_measured(line, place.scratch / "log.txt")

    return command


def _bare(place: Place, package: Path, *, verify: bool) -> Command:
    job = place.scratch / f"job-{verify}.json"
    folder = place.scratch / f"bare-{verify}"
    folder.mkdir()
    job.write_text(json.dumps(_job(place, package, folder, verify)))

    def command(repetition: int) -> Usage:
        line = [sys.executable, "-P", str(BARE_SCRIPT), str(job)]
        return run_measured(line, place.scratch / "log.txt")

    return command


def _job(place: Place, root: Path, folder: Path, verify: bool) -> dict[str, object]:
    """What the bare script proves: the package's own circuits and keys."""
    package = open_package(root)
    plan = package.key.plan
    arrays = read_tensors(place.scratch / "input.npz", plan.inputs)
    inputs = {name: felts(quantise(arrays[name], plan.specs[name])) for name in plan.inputs}
    blocks = []
    for placed, key in zip(package.blocks, package.key.blocks, strict=True):
        logrows = key.parameters["logrows"]
        assert isinstance(logrows, int)
        circuit = root / "circuits" / str(placed.block.index)
        blocks.append(
            {
                "inputs": placed.block.inputs,
                "outputs": placed.block.outputs,
                "circuit": str(circuit / "circuit.ezkl"),
                "pk": str(circuit / "pk.key"),
                "vk": str(circuit / "vk.key"),
                "settings": str(circuit / "settings.json"),
                "srs": str(make_development(logrows, place.machine.cache / "srs").path),
            }
        )
    return {"folder": str(folder), "verify": verify, "inputs": inputs, "blocks": blocks}
