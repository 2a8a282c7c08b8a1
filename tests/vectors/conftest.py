"""One prover for all vectors: starting a worker process takes longer than verifying a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.vectors.remembering import remembering
from zkdps.core.prover import Prover
from zkdps.core.srs import SrsKind
from zkdps.workflows import verify as workflow
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.reports import Machine

WORKER_LIMIT_S = 10.0
WORKER_MEMORY_BYTES = 3 << 30
"""A hostile proof or key must not get far."""


@pytest.fixture(scope="session")
def shared_prover(machine: Machine) -> Iterator[Prover]:
    """An ezkl prover, its worker kept alive, that remembers verdicts."""
    limited = replace(machine, timeout_s=WORKER_LIMIT_S, memory_bytes=WORKER_MEMORY_BYTES)
    with open_prover("ezkl", limited) as prover:
        yield remembering(prover)


@pytest.fixture
def one_worker(shared_prover: Prover, monkeypatch: pytest.MonkeyPatch) -> Prover:
    """`verify` uses the shared prover; every other name is opened as always."""

    @contextmanager
    def reuse(
        name: str, machine: Machine, srs_kind: SrsKind | None = None, standby: int = 0
    ) -> Iterator[Prover]:
        if name == shared_prover.name:
            yield shared_prover
        else:
            with open_prover(name, machine, srs_kind, standby=standby) as other:
                yield other

    monkeypatch.setattr(workflow, "open_prover", reuse)
    return shared_prover
