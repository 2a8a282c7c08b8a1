"""Killed, starved or interrupted, commands with the sumcheck back end go on and leave nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults.commands import (
    Ended,
    Running,
    assert_no_workers,
    assert_refused,
    litter,
    workers_of,
    zkdps,
)
from tests.faults.conftest import BUILD_STEPS, PROVE_STEPS, Ground, run_id_of
from tests.faults.models import write_files

KILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def solid(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """As `ground`, built and proved with sumcheck."""
    folder = tmp_path_factory.mktemp("solid")
    write_files(folder)
    made = Ground(folder, tmp_path_factory.mktemp("cache"), "")
    assert zkdps(*build(made, made.package)).code == 0
    proved = zkdps(*prove(made, made.run))
    assert set(proved.finished) == set(PROVE_STEPS), proved
    return Ground(folder, made.cache, run_id_of(proved))


def build(solid: Ground, package: Path) -> list[str]:
    return [*solid.build(package), "--prover", "sumcheck"]


def prove(solid: Ground, run: Path, jobs: int = 2) -> list[str]:
    return [*solid.prove(run), "--jobs", str(jobs)]


def killed_at(args: list[str], words: str) -> Ended:
    running = Running(args)
    running.wait_for(words)
    ended = running.kill(group=False)
    assert_no_workers(running.pid)
    assert ended.code == KILLED, ended
    return ended


def assert_whole(ended: Ended, solid: Ground, run: Path) -> None:
    assert run_id_of(ended) == solid.run_id
    assert not litter(run.parent)
    key = str(solid.package / "model.zkvk")
    assert zkdps("verify", run, "--key", key, "--cache", solid.cache).code == 0


ALWAYS = [("finished block-1", 2)]
AT_LEISURE = [
    (words, jobs)
    for words in ("started executed", "finished executed", "finished block-1")
    for jobs in (1, 2)
    if (words, jobs) not in ALWAYS
]


@pytest.mark.parametrize(
    ("words", "jobs"),
    [*ALWAYS, *(pytest.param(*case, marks=pytest.mark.slow) for case in AT_LEISURE)],
)
def test_a_killed_prove_goes_on(solid: Ground, tmp_path: Path, words: str, jobs: int) -> None:
    run = tmp_path / "runs" / "r.zkrun"
    run.parent.mkdir()
    before = killed_at(prove(solid, run, jobs), words)
    ended = zkdps(*prove(solid, run, jobs))
    # Whatever was finished before the kill is kept.
    assert set(ended.reused) >= set(before.finished), (before, ended)
    assert set(ended.reused) | set(ended.finished) == set(PROVE_STEPS)
    assert_whole(ended, solid, run)


@pytest.mark.slow
def test_a_killed_build_goes_on_and_makes_the_same_key(solid: Ground, tmp_path: Path) -> None:
    package = tmp_path / "PKG"
    killed_at(build(solid, package), f"finished {BUILD_STEPS[2]}")
    ended = zkdps(*build(solid, package))
    assert ended.code == 0 and tuple(ended.reused) == BUILD_STEPS[:3], ended
    assert (package / "model.zkvk").read_bytes() == solid.key


def test_an_interrupted_prove_ends_its_workers(solid: Ground, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r.zkrun"
    run.parent.mkdir()
    running = Running(prove(solid, run))
    running.wait_for("finished executed")
    running.signal(signal.SIGINT, group=True)
    ended = running.end()
    assert_no_workers(running.pid)
    assert ended.code == 130 or (ended.code == 0 and run.exists()), ended
    assert "Traceback" not in ended.stderr
    run.unlink(missing_ok=True)
    assert_whole(zkdps(*prove(solid, run)), solid, run)


def test_a_prove_without_memory_names_the_limit(solid: Ground, tmp_path: Path) -> None:
    run = tmp_path / "r.zkrun"
    ended = zkdps(*prove(solid, run), "--max-ram", "20MiB")
    assert_refused(ended, "ProverKilled", 1, "the limit is 21 MB")
    assert run_id_of(zkdps(*prove(solid, run))) == solid.run_id


def test_a_prove_out_of_time_is_told(solid: Ground, tmp_path: Path) -> None:
    ended = zkdps(*prove(solid, tmp_path / "r.zkrun"), "--timeout", "0.0001")
    assert_refused(ended, "ProverTimedOut", 1, "0.0001 s")


def test_a_worker_killed_from_outside_is_told(solid: Ground, tmp_path: Path) -> None:
    run = tmp_path / "r.zkrun"
    running = Running(prove(solid, run))
    running.wait_for("started executed")
    running.pause()
    for worker in workers_of(running.pid):
        os.kill(worker, signal.SIGKILL)
    running.resume()
    ended = running.end()
    assert ended.code == 0 or ended.error["class"] == "ProverKilled", ended
    assert_no_workers(running.pid)
    assert run_id_of(zkdps(*prove(solid, run))) == solid.run_id
