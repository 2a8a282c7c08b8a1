"""Open a back end by name, and close its worker processes whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zkdps.core.prover import Prover
from zkdps.core.srs import SrsKind
from zkdps.provers import load_prover
from zkdps.provers.engine import Limits
from zkdps.workflows.reports import Machine


@contextmanager
def open_prover(name: str, machine: Machine, srs_kind: SrsKind | None = None) -> Iterator[Prover]:
    """The back end `name` within the machine's limits; `srs_kind` as for `build`."""
    limits = Limits(timeout_s=machine.timeout_s, memory_bytes=machine.memory_bytes)
    prover = load_prover(name, limits, machine.cache / "srs", srs_kind)
    try:
        yield prover
    finally:
        prover.close()
