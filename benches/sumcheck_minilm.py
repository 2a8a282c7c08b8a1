"""What does proving a whole sentence model take with the sumcheck back end?

MiniLM (all-MiniLM-L6-v2, 22 million weights), one sentence padded to 128 tokens, from token ids to
the embedding: six blocks, scale 10, margin 1.5.  `zkdps prove` and `zkdps verify` as commands, with
everything they do: start, execute, prove, write; then the same from a process that is warm, the
bytes of proofs (a proof a block, and one joint proof of all blocks with the shorter code), the
memory of all processes together, and the first proof ever on a machine that ran `zkdps warm`.

Expected, before measuring, on two idle cores: 5.7 million look-ups, 15 million committed entries
and 11 million weights at about 60 ns each a core are 1.9 s of CPU to prove, a third of it opening;
with starting, executing and committing about 3 s of wall time.  A proof of about 1.2 MB a block.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benches.outcome import Bench, Line, Outcome, Place, median, talk
from benches.sumcheck_commands import (
    Files,
    Recipe,
    Repetition,
    build_package,
    columns_log,
    facts_of,
    median_wall_s,
    proof_bytes,
    prove,
    repeated,
    timed,
    verify,
    zkdps,
)
from benches.sumcheck_models import minilm_files
from zkdps.core.checks import Status
from zkdps.core.run import proof_context
from zkdps.provers.sumcheck import auditor, stored, verifying
from zkdps.workflows import prove as prove_workflow
from zkdps.workflows import verify as verify_workflow
from zkdps.workflows.package import KEY_NAME
from zkdps.workflows.tensor_files import write_tensors

TOKENS = 128
RECIPE = Recipe(blocks=6, scale_bits=10, margin=1.5)
SMOKE_RECIPE = Recipe(blocks=2, scale_bits=8, margin=1.5)
REPETITIONS = 5
WARM_INPUTS = 6

LIMIT_PROVE_S = 4.0
LIMIT_VERIFY_S = 0.8
LIMIT_PROOF_MB = 8.0
LIMIT_JOINT_MB = 2.0
LIMIT_MEMORY_GB = 1.5
LIMIT_FIRST = 2.0


@dataclass(frozen=True, slots=True)
class Joint:
    """One package with joint proofs."""

    proof_bytes: int
    columns_log: object
    build_s: float
    proofs: list[Repetition]
    verifications: list[Repetition]

    def facts(self) -> dict[str, object]:
        """For JSON."""
        return {
            "proof_bytes": self.proof_bytes,
            "columns_log": self.columns_log,
            "build_s": self.build_s,
            "prove_command": facts_of(self.proofs),
            "verify_command": facts_of(self.verifications),
        }


def run(place: Place) -> Outcome:
    """Three packages: a proof a block, joint, and joint with the shorter code."""
    files = minilm_files(place, TOKENS)
    recipe = SMOKE_RECIPE if place.smoke else RECIPE
    times = 1 if place.smoke else REPETITIONS
    zkdps(place, "warm")
    package, run_file = place.scratch / "PKG", place.scratch / "run-0.zkrun"
    build_s = build_package(files, package, recipe, place)
    prove(place, package, files.input, place.scratch / "first.zkrun")
    proofs = repeated(
        "prove",
        times,
        lambda index: prove(place, package, files.input, place.scratch / f"run-{index}.zkrun"),
    )
    verifications = repeated("verify", times, lambda _: verify(place, package, run_file))
    in_process = _verified_here(place, package, run_file, times)
    first = _first_proof(place, package, files)
    joints = {
        security: _joint(place, files, replace(recipe, security=security, joint=True), times)
        for security in ("100", "100-small")
    }
    peaks = [each.usage.peak_rss_bytes for each in proofs]
    lines = (
        Line("wall seconds of `zkdps prove`", median_wall_s(proofs), LIMIT_PROVE_S),
        Line("wall seconds of `zkdps verify`", median_wall_s(verifications), LIMIT_VERIFY_S),
        Line(
            "wall seconds of the verification workflow in a process that runs",
            median(in_process["workflow"]),
            LIMIT_VERIFY_S,
        ),
        Line("MB of a run's proofs", proof_bytes(run_file) / 1e6, LIMIT_PROOF_MB),
        Line(
            "MB of a joint proof with the shorter code",
            joints["100-small"].proof_bytes / 1e6,
            LIMIT_JOINT_MB,
        ),
        Line("GB of memory, all processes of `zkdps prove`", median(peaks) / 1e9, LIMIT_MEMORY_GB),
        Line(
            "first proof after `zkdps warm` on a cold cache, over the others' median",
            first["wall_s"] / median_wall_s(proofs),
            LIMIT_FIRST,
        ),
    )
    facts = {
        "tokens": TOKENS,
        "columns_log": columns_log(package),
        "build_s": round(build_s, 2),
        "prove_command": facts_of(proofs),
        "prove_warm_process_s": _proved_here(place, package, files, times),
        "verify_command": facts_of(verifications),
        "verify_in_process_s": {k: [round(s, 3) for s in v] for k, v in in_process.items()},
        "proof_bytes": proof_bytes(run_file),
        "joint": {security: joint.facts() for security, joint in joints.items()},
        "first_proof_on_a_cold_cache": first,
    }
    return Outcome(lines, facts)


BENCH = Bench(
    "sumcheck_minilm",
    "What does proving a whole sentence model take with the sumcheck back end?",
    run,
)


def _proved_here(place: Place, package: Path, files: Files, times: int) -> list[float]:
    """Wall seconds from one run file to the next in a process whose workers are up."""
    folder = place.scratch / "inputs"
    folder.mkdir()
    with np.load(files.calibration) as samples:
        for index in range(min(times + 1, WARM_INPUTS)):
            sample = {name: array[index] for name, array in samples.items()}
            write_tensors(folder / f"{index}.npz", sample)
    runs = place.scratch / "runs"
    prove_workflow.prove_many(package, folder, runs, machine=place.machine)
    ends = sorted(path.stat().st_mtime for path in runs.glob("*.zkrun"))
    found = [round(b - a, 3) for a, b in itertools.pairwise(ends)]
    talk(f"in a warm process: {found}")
    return found


def _verified_here(
    place: Place, package: Path, run_file: Path, times: int
) -> dict[str, list[float]]:
    """Seconds of the workflow, workers and all, and of verifying the proofs alone, in a row."""
    found: dict[str, list[float]] = {"workflow": [], "proofs_one_after_another": []}
    run, key = verify_workflow.read_run_and_key(run_file, package / KEY_NAME)

    def whole() -> None:
        verdict = verify_workflow.verify(run_file, package / KEY_NAME, machine=place.machine)
        assert verdict.outcomes[4].status is Status.PASSED, "check 5: every proof holds"

    def proofs() -> None:
        for receipt in run.receipts:
            index = receipt.statement.block
            material = key.blocks[index].material
            inputs, outputs = map(verifying.split_roots, auditor.roots_of(receipt.statement))
            verifying.verify(
                material[stored.SYSTEM],
                material[stored.TABLES],
                inputs,
                outputs,
                proof_context(run.run_id, index),
                receipt.proof.data,
            )

    for _ in range(times):
        found["workflow"].append(timed(whole).wall_s)
        found["proofs_one_after_another"].append(timed(proofs).wall_s)
    talk(f"verified in this process: {found}")
    return found


def _first_proof(place: Place, package: Path, files: Files) -> dict[str, float]:
    """The first proof on a machine without machine code of ours, once `zkdps warm` has run.

    A smoke run keeps to the machine code that is there: compiling takes a minute and a half.
    """
    cold = {"NUMBA_CACHE_DIR": str(place.scratch / "kernels")}
    environment = {} if place.smoke else cold
    warm_s = zkdps(place, "warm", environment=environment).wall_s
    run_file = place.scratch / "cold.zkrun"
    first = prove(place, package, files.input, run_file, environment)
    talk(f"warm {warm_s:.1f} s, then the first proof {first.wall_s:.2f} s")
    return {"warm_s": round(warm_s, 2), "wall_s": round(first.wall_s, 3)}


def _joint(place: Place, files: Files, recipe: Recipe, times: int) -> Joint:
    package = place.scratch / f"JOINT-{recipe.security}"
    build_s = build_package(files, package, recipe, place)
    runs = [place.scratch / f"joint-{recipe.security}-{index}.zkrun" for index in range(times)]
    proofs = repeated(
        f"prove jointly, {recipe.security}",
        times,
        lambda index: prove(place, package, files.input, runs[index]),
    )
    verifications = repeated(
        f"verify, {recipe.security}", times, lambda _: verify(place, package, runs[0])
    )
    return Joint(
        proof_bytes(runs[0]), columns_log(package), round(build_s, 2), proofs, verifications
    )
