"""A worker that is killed, takes too much memory or time, or panics."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.faults.commands import (
    Running,
    assert_no_workers,
    assert_refused,
    litter,
    workers_of,
    zkdps,
)
from tests.faults.conftest import Ground, run_id_of
from zkdps.core.errors import ProverPanicked
from zkdps.provers.engine import Engine, Limits, Request
from zkdps.provers.failures import mapped

TOO_LITTLE = "20MiB"
"""Less than a worker takes to start."""


def kill_new_worker(running: Running, known: set[int]) -> None:
    """kill -9 the next worker that the command starts."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        fresh = set(workers_of(running.pid)) - known
        if fresh:
            os.kill(fresh.pop(), signal.SIGKILL)
            return
        time.sleep(0.002)
    raise AssertionError("no worker was started")


def test_a_worker_killed_in_prove(ground: Ground, tmp_path: Path) -> None:
    run = tmp_path / "r.zkrun"
    running = Running(ground.prove(run))
    running.wait_for("finished executed")
    known = set(workers_of(running.pid))
    running.wait_for("started block-1")
    known = known & set(workers_of(running.pid))
    kill_new_worker(running, known)
    ended = running.end()
    assert_refused(ended, "ProverKilled", 1, "block 1", "prove", "signal 9")
    assert (ended.error["block"], ended.error["step"]) == (1, "prove")
    assert not run.exists()
    again = zkdps(*ground.prove(run))
    assert again.reused == ["executed", "block-0"], again
    assert run_id_of(again) == ground.run_id


def test_a_worker_killed_in_setup(ground: Ground, tmp_path: Path) -> None:
    package = tmp_path / "PKG"
    running = Running(ground.build(package))
    running.wait_for("started circuits/1")
    kill_new_worker(running, set(workers_of(running.pid)))
    ended = running.end()
    assert_refused(ended, "ProverKilled", 1, "block 1", "setup", "signal 9")
    assert not litter(package)
    again = zkdps(*ground.build(package))
    assert again.reused == ["sliced", "calibrated", "circuits/0"], again
    assert (package / "model.zkvk").read_bytes() == ground.key


def test_memory(ground: Ground, tmp_path: Path) -> None:
    run = tmp_path / "r.zkrun"
    running = Running([*ground.prove(run), "--max-ram", TOO_LITTLE])
    ended = running.end()
    assert_refused(ended, "ProverKilled", 1, "block 0", "execute")
    assert (ended.error["block"], ended.error["step"]) == (0, "execute")
    assert ended.error["peak_rss_bytes"] > 20 << 20
    assert_no_workers(running.pid)
    assert not litter(tmp_path), "nothing was finished, so nothing should be there"
    assert run_id_of(zkdps(*ground.prove(run))) == ground.run_id


def test_memory_in_the_middle(ground: Ground, tmp_path: Path) -> None:
    run = tmp_path / "r.zkrun"
    first = Running(ground.prove(run))
    first.wait_for("started block-1")
    first.kill(group=True)
    ended = zkdps(*ground.prove(run), "--max-ram", TOO_LITTLE)
    assert ended.reused == ["executed", "block-0"], ended
    assert_refused(ended, "ProverKilled", 1, "block 1", "prove")
    assert run_id_of(zkdps(*ground.prove(run))) == ground.run_id


def test_timeout(ground: Ground, tmp_path: Path) -> None:
    run = tmp_path / "r.zkrun"
    running = Running([*ground.prove(run), "--timeout", "0.0001"])
    ended = running.end()
    assert_refused(ended, "ProverTimedOut", 1, "block 0", "0.0001 s")
    assert_no_workers(running.pid)
    assert not run.exists()
    assert run_id_of(zkdps(*ground.prove(run))) == ground.run_id


def test_timeout_of_a_build(ground: Ground, tmp_path: Path) -> None:
    running = Running([*ground.build(tmp_path / "PKG"), "--timeout", "0.0001"])
    assert_refused(running.end(), "ProverTimedOut", 1, "0.0001 s")
    assert_no_workers(running.pid)


def test_a_panic_of_native_code() -> None:
    """ezkl's own: it unwraps a felt that is none; zkdps never hands it one."""
    engine = Engine("ezkl", Limits(timeout_s=60))
    try:
        with pytest.raises(ProverPanicked) as caught, mapped(3, "hash", "memory"):
            engine.call(Request("poseidon_hash", (["not a felt"],)))
        assert (caught.value.block, caught.value.step) == (3, "hash")
        assert caught.value.exit_code == 1 and caught.value.hint
        # The worker lives on and answers.
        assert engine.call(Request("poseidon_hash", (["00" * 32],), returns=True))
    finally:
        engine.close()
