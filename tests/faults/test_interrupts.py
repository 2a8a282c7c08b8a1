"""Ctrl-C: exit 130, nothing half written, no worker left, and the same command goes on."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import click
import pytest

from tests.faults.commands import Ended, Running, assert_no_workers, litter, zkdps
from tests.faults.conftest import BUILD_STEPS, PROVE_STEPS, Ground, run_id_of
from zkdps.core.errors import MissingPackage
from zkdps.terminal import failures

INTERRUPTED = 130


def interrupt_at(args: list[str], words: str, *, after_s: float, group: bool) -> Ended:
    running = Running(args)
    running.wait_for(words)
    time.sleep(after_s)
    running.signal(signal.SIGINT, group=group)
    ended = running.end()
    assert_no_workers(running.pid)
    assert ended.code == INTERRUPTED, ended
    assert "zkdps: error: interrupted; run the same command to go on" in ended.stderr, ended
    assert "Traceback" not in ended.stderr, ended
    assert json.loads(ended.stdout)["error"]["exit_code"] == INTERRUPTED
    return ended


@pytest.mark.parametrize("step", BUILD_STEPS)
def test_build(ground: Ground, tmp_path: Path, temporary_files: Path, step: str) -> None:
    package = tmp_path / "PKG"
    interrupted = interrupt_at(ground.build(package), f"started {step}", after_s=0.02, group=True)
    assert not litter(tmp_path) and not litter(temporary_files)
    # On a quick machine the step itself may be done before the signal arrives.
    done = tuple(name for name in BUILD_STEPS if f"finished {name}" in interrupted.stderr)
    assert done[: BUILD_STEPS.index(step)] == BUILD_STEPS[: BUILD_STEPS.index(step)]
    if not done:
        assert not package.exists(), "nothing was finished, so nothing should be there"
    if step in ("sliced", BUILD_STEPS[-1]):
        ended = zkdps(*ground.build(package))
        assert ended.code == 0, ended
        assert tuple(ended.reused) == done, ended
        assert (package / "model.zkvk").read_bytes() == ground.key


@pytest.mark.parametrize("step", PROVE_STEPS)
def test_prove(ground: Ground, tmp_path: Path, temporary_files: Path, step: str) -> None:
    run = tmp_path / "runs" / "r.zkrun"
    run.parent.mkdir()
    interrupted = interrupt_at(ground.prove(run), f"started {step}", after_s=0.02, group=False)
    assert not litter(temporary_files)
    assert not run.exists()
    partial = run.with_name("r.zkrun.partial")
    # On a quick machine the first step may be done before the signal arrives.
    something_done = "finished executed" in interrupted.stderr
    assert partial.exists() == something_done, "kept if and only if something is done"
    assert something_done or step == "executed"
    if partial.exists():
        assert not litter(partial)
    if step == PROVE_STEPS[-1]:
        ended = zkdps(*ground.prove(run))
        assert tuple(ended.reused) == PROVE_STEPS[:-1], ended
        assert run_id_of(ended) == ground.run_id
        assert not litter(run.parent)


def test_srs_make(tmp_path: Path) -> None:
    args = ["srs", "make", "--logrows", "14", "--cache", str(tmp_path / "cache")]
    running = Running(args)
    time.sleep(1.0)
    running.signal(signal.SIGINT, group=True)
    ended = running.end()
    assert ended.code == INTERRUPTED, ended
    assert not litter(tmp_path)


def test_whatever_an_interruption_becomes(capfd: pytest.CaptureFixture[str]) -> None:
    """A native module that is interrupted while it loads raises an `ImportError` instead."""

    @click.command()
    def command() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise MissingPackage("onnxruntime", "running the float model", "operator") from None

    before = signal.getsignal(signal.SIGINT)
    assert failures.run(command, []) == INTERRUPTED
    assert "interrupted" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before
