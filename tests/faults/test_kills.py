"""kill -9 at every step of build and of prove, then the same command: it finishes, the same."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.commands import Ended, Running, assert_no_workers, litter, zkdps
from tests.faults.conftest import BUILD_STEPS, PROVE_STEPS, Ground, run_id_of

KILLED = -9
INSIDE_S = 0.2
"""Into a step: its worker runs by then."""


def kill_at(args: list[str], *words: str, group: bool, after_s: float = 0.0) -> Ended:
    """Run, kill at the first of these lines, and see the workers gone."""
    running = Running(args)
    running.wait_for(*words)
    time.sleep(after_s)
    ended = running.kill(group=group)
    assert_no_workers(running.pid)
    return ended


def assert_built(ended: Ended, ground: Ground, package: Path) -> None:
    assert ended.code == 0, ended
    assert (package / "model.zkvk").read_bytes() == ground.key, "the key differs"
    assert not litter(package)


def assert_proved(ended: Ended, ground: Ground, run: Path) -> None:
    assert run_id_of(ended) == ground.run_id
    assert not litter(run.parent)
    key = ground.package / "model.zkvk"
    verified = zkdps("verify", run, "--key", key, "--cache", ground.cache)
    assert verified.code == 0, verified


@pytest.mark.parametrize("group", [True, False], ids=["group", "main"])
def test_a_build_killed_at_each_step_in_turn(ground: Ground, tmp_path: Path, group: bool) -> None:
    package = tmp_path / "PKG"
    for position, step in enumerate(BUILD_STEPS):
        ended = kill_at(ground.build(package), f"started {step}", group=group)
        assert ended.code == KILLED, ended
        # The step at which the last one was killed is made now, those before it were there.
        assert tuple(ended.reused) == BUILD_STEPS[: max(0, position - 1)], ended
        assert tuple(ended.finished) == BUILD_STEPS[max(0, position - 1) : position], ended
        assert not (package / "model.zkvk").exists()
    ended = zkdps(*ground.build(package))
    assert tuple(ended.reused) == BUILD_STEPS[:-1], ended
    assert_built(ended, ground, package)


@pytest.mark.parametrize("group", [True, False], ids=["group", "main"])
def test_a_prove_killed_at_each_step_in_turn(ground: Ground, tmp_path: Path, group: bool) -> None:
    run = tmp_path / "runs" / "r.zkrun"
    run.parent.mkdir()
    for position, step in enumerate(PROVE_STEPS):
        ended = kill_at(ground.prove(run), f"started {step}", group=group)
        assert ended.code == KILLED, ended
        # The step at which the last one was killed is made now, those before it were there.
        assert tuple(ended.reused) == PROVE_STEPS[: max(0, position - 1)], ended
        assert tuple(ended.finished) == PROVE_STEPS[max(0, position - 1) : position], ended
        assert not run.exists()
    ended = zkdps(*ground.prove(run))
    assert tuple(ended.reused) == PROVE_STEPS[:-1], ended
    assert_proved(ended, ground, run)


def killed_at_each(args: list[str], steps: Sequence[str], event: str, after_s: float) -> None:
    """Each command takes up what the kill before it left: nothing that was finished is lost."""
    finished: set[str] = set()
    for step in steps:
        # A quick step may have been finished already when the command before was killed.
        words = (f"{event} {step}", f"reused {step}")
        ended = kill_at(args, *words, group=True, after_s=after_s)
        assert ended.code == KILLED or step == steps[-1], ended
        assert tuple(ended.reused) == tuple(steps[: len(ended.reused)]), ended
        assert set(ended.reused) >= finished, ended
        finished |= set(ended.finished)


MOMENTS = pytest.mark.parametrize(
    ("event", "after_s"),
    [("started", INSIDE_S), ("finished", 0.0)],
    ids=["inside", "finished"],
)


@pytest.mark.slow
@MOMENTS
def test_a_build_killed_inside_or_after_each_step(
    ground: Ground, tmp_path: Path, event: str, after_s: float
) -> None:
    package = tmp_path / "PKG"
    killed_at_each(ground.build(package), BUILD_STEPS, event, after_s)
    ended = zkdps(*ground.build(package))
    made = BUILD_STEPS if event == "finished" else BUILD_STEPS[:-1]
    assert tuple(ended.reused)[: len(made)] == made, ended
    assert_built(ended, ground, package)


@pytest.mark.slow
@MOMENTS
def test_a_prove_killed_inside_or_after_each_step(
    ground: Ground, tmp_path: Path, event: str, after_s: float
) -> None:
    run = tmp_path / "runs" / "r.zkrun"
    run.parent.mkdir()
    killed_at_each(ground.prove(run), PROVE_STEPS, event, after_s)
    # After the last step the run may have been whole before the kill; then all is proved anew.
    was_whole = run.exists()
    ended = zkdps(*ground.prove(run))
    made = PROVE_STEPS if event == "finished" else PROVE_STEPS[:-1]
    assert was_whole or tuple(ended.reused)[: len(made)] == made, ended
    assert_proved(ended, ground, run)


def test_files_of_killed_writers_are_removed(ground: Ground, tmp_path: Path) -> None:
    """The moments too short to hit: inside a write; and a step that the build no longer has."""
    package = ground.copy(tmp_path / "PKG")
    (package / "model.zkvk").unlink()
    (package / "steps" / "circuits.2.json").unlink()
    for name in (".tmp-model.zkvk-abcdefgh", "steps/.tmp-circuits.2.json-abcdefgh"):
        (package / name).write_bytes(b"half")
    shutil.copytree(package / "circuits" / "1", package / ".scratch" / "circuits.9")
    ended = zkdps(*ground.build(package))
    assert tuple(ended.reused) == BUILD_STEPS[:-1], ended
    assert_built(ended, ground, package)


def test_a_killed_workplace_is_swept_later(
    ground: Ground, tmp_path: Path, temporary_files: Path
) -> None:
    """Witnesses are large and private; but a folder that somebody still holds is left alone."""
    run = tmp_path / "runs" / "r.zkrun"
    run.parent.mkdir()
    running = Running(ground.prove(run))
    running.wait_for("started block-1")
    deadline_s = time.monotonic() + 10
    while not litter(temporary_files) and time.monotonic() < deadline_s:
        time.sleep(0.005)
    running.kill(group=True)
    assert litter(temporary_files), "the kill came too late to leave anything"
    for left in temporary_files.iterdir():
        os.utime(left, (1, 1))
    assert zkdps(*ground.prove(run)).code == 0
    assert not litter(temporary_files)
