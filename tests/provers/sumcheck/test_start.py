"""Starting the back end: workers early, no more than there are blocks, and nothing idle in them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.provers import blocks
from zkdps.core.prover import Circuit
from zkdps.provers import engine, load_prover
from zkdps.provers.engine import Limits
from zkdps.provers.sumcheck.choices import Choice
from zkdps.provers.sumcheck.system import PRESETS

CHOICE = Choice(PRESETS["S100"], 8, 6, {"a": 1 << 24})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by a module a worker that starts; the worker itself is none."""
    modules: list[str] = []

    class Counted:
        alive = True

        def __init__(self, module: str, environment: engine.Environment) -> None:
            modules.append(module)

        def call(self, request: engine.Request, limits: Limits) -> None:
            """Nothing is called."""

        def strike(self) -> None:
            """Nothing runs."""

        kill = strike

    monkeypatch.setattr("zkdps.provers.pool.Worker", Counted)
    # What runs in the background runs at once.
    monkeypatch.setattr("zkdps.provers.pool.threading.Thread.start", lambda thread: thread.run())
    return modules


@pytest.mark.parametrize(("blocks_due", "jobs", "workers"), [(0, 2, 0), (1, 4, 1), (6, 2, 2)])
def test_workers_stand_by_for_the_blocks_that_are_due(
    blocks_due: int, jobs: int, workers: int, started: list[str], tmp_path: Path
) -> None:
    prover = load_prover("sumcheck", Limits(), tmp_path, jobs=jobs, standby=blocks_due)
    assert len(started) == workers
    prover.close()


def test_only_workers_of_circuits_are_warmed(started: list[str], tmp_path: Path) -> None:
    prover = load_prover("sumcheck", Limits(), tmp_path, jobs=8)
    graph = blocks.linear()
    indices = (0, 1, 8)
    circuits = [
        Circuit(replace(graph, block=replace(graph.block, index=index)), CHOICE.record(), tmp_path)
        for index in indices
    ]
    prover.warm(circuits)
    assert len(started) == 2, "blocks 0 and 8 share a worker"
    prover.close()


def loaded_after(program: str) -> set[str]:
    """Modules that a fresh process has after the program."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    return set(done.stdout.split())


def test_a_verifying_worker_loads_neither_provers_nor_event_loops() -> None:
    loaded = loaded_after(
        "import zkdps.provers.worker\nfrom zkdps.provers.sumcheck import calls\ncalls.prepare()"
    )
    assert "zkdps.provers.sumcheck.argument" in loaded
    assert loaded.isdisjoint({"numba", "onnx", "scipy", "asyncio", "zkdps.core.prover"})


def test_compiled_kernels_come_without_scipy_and_leave_it_importable() -> None:
    loaded = loaded_after(
        "from zkdps.provers.sumcheck.kernels import kernels_for\nkernels_for(4, compiled=True)"
    )
    assert "numba" in loaded and "scipy" not in loaded
