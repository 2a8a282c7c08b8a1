"""Open a back end by name, and close its worker processes whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from zkdps.core.prover import Prover
from zkdps.core.srs import SrsKind
from zkdps.provers import SECURITY_LEVELS, load_prover
from zkdps.provers.engine import Limits
from zkdps.workflows.reports import Machine


@contextmanager
def open_prover(
    name: str,
    machine: Machine,
    srs_kind: SrsKind | None = None,
    security: str = SECURITY_LEVELS[0],
) -> Iterator[Prover]:
    """The back end `name` within the machine's limits; `srs_kind` and `security` as for `build`."""
    limits = Limits(timeout_s=machine.timeout_s, memory_bytes=machine.memory_bytes)
    prover = load_prover(
        name,
        limits,
        machine.cache / "srs",
        srs_kind,
        security=security,
        jobs=machine.jobs or cores(),
    )
    try:
        yield prover
    finally:
        prover.close()


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
