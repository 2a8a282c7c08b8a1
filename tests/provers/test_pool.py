"""Workers stand, keep to their places, run side by side, and end when the pool closes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provers.test_engine import FAULTY, ask, gone, wait_until
from zkdps.provers.engine import Limits, WorkerError, WorkerFailure, WorkerKilled, WorkerTimedOut
from zkdps.provers.pool import ONE_THREAD, Pool

ENVIRONMENT = "\ndef variable(name): return os.environ.get(name)\n"


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    text = FAULTY.replace("__builtins__", "__import__('builtins')")
    (tmp_path / "faulty.py").write_text(text + ENVIRONMENT)
    made = Pool("faulty", Limits(timeout_s=30), 2, {"PYTHONPATH": str(tmp_path), **ONE_THREAD})
    yield made
    made.close()


def test_a_place_keeps_its_worker_and_places_share_the_pool(pool: Pool) -> None:
    pids = [pool.call(ask("pid"), place) for place in (0, 1, 0, 1, 2, 3)]
    assert len(set(pids)) == 2 and pids[:2] == pids[2:4] == pids[4:]
    assert os.getpid() not in pids
    assert pool.peak_rss_bytes(0) > 0


def test_workers_compute_with_one_thread(pool: Pool) -> None:
    assert pool.call(ask("variable", "NUMBA_NUM_THREADS")) == "1"
    assert pool.call(ask("variable", "OMP_NUM_THREADS")) == "1"


def test_a_failure_keeps_the_worker_a_death_replaces_it(pool: Pool) -> None:
    before = pool.call(ask("pid"))
    with pytest.raises(WorkerFailure):
        pool.call(ask("fail", "ValueError", "no"))
    assert pool.call(ask("pid")) == before
    with pytest.raises(WorkerKilled):
        pool.call(ask("abort"))
    assert pool.call(ask("pid")) != before


def test_limits_hold_for_each_call(pool: Pool) -> None:
    with pytest.raises(WorkerTimedOut):
        pool.call(ask("sleep", 60), limits=Limits(timeout_s=0.2))
    with pytest.raises(WorkerKilled, match="memory limit"):
        pool.call(ask("hog", 300 << 20), limits=Limits(30, memory_bytes=100 << 20))
    assert pool.call(ask("echo", 1)) == 1


def test_closing_ends_running_calls_and_starts_nothing(pool: Pool) -> None:
    pids = [pool.call(ask("pid"), place) for place in (0, 1)]
    ended: list[WorkerError] = []

    def wait() -> None:
        try:
            pool.call(ask("sleep", 60))
        except WorkerError as error:
            ended.append(error)

    # Two at one place: the second waits for its turn, which never comes.
    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    pool.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert [type(error) for error in ended] == [WorkerKilled] * 2
    wait_until(lambda: all(gone(pid) for pid in pids))
    assert pool.call(ask("pid")) not in pids


def test_what_was_started_is_there_for_the_next_call(pool: Pool) -> None:
    pool.start([ask("pid"), ask("fail", "ValueError", "told to nobody"), ask("abort")], 1)
    assert isinstance(pool.call(ask("pid"), 1), int)
    assert isinstance(pool.call(ask("pid"), 0), int)
