"""Calls of `zkdps.provers.sumcheck.calls` in worker processes, errors of zkdps included.

A worker returns an error of ours as a record, so that it arrives with its fields; everything else
that goes wrong there, death and time included, is mapped by `zkdps.provers.failures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zkdps.core import errors
from zkdps.provers.engine import Limits, Request
from zkdps.provers.failures import mapped
from zkdps.provers.pool import KEPT_MEMORY, ONE_THREAD, Pool
from zkdps.provers.sumcheck.field import DEGREES

MODULE = "zkdps.provers.sumcheck.calls"

VERIFY_TIMEOUT_S = 300.0
"""Honest proofs take about a second; a hostile key may not hold an auditor up for longer."""

VERIFY_MEMORY_BYTES = 8 << 30


class Runner:
    """The functions of `calls` behind a pool; safe to share between threads."""

    def __init__(self, limits: Limits, jobs: int) -> None:
        self.pool = Pool(MODULE, limits, jobs, {**ONE_THREAD, **KEPT_MEMORY})

    def call(self, step: str, block: int, name: str, *args: Path | str | int | None) -> Any:
        """The result of function `name` in the worker of that block.

        Raises:
            ZkdpsError: what the function raised; ProofError and StorageFailed for all else.
        """
        return self._run(step, block, name, args, self.pool.limits)

    def judge(self, block: int, name: str, *args: Path | str | int | None) -> Any:
        """As `call`, for what strangers gave: within the limits of an auditor."""
        given = self.pool.limits
        limits = Limits(
            min(given.timeout_s, VERIFY_TIMEOUT_S),
            min(given.memory_bytes or VERIFY_MEMORY_BYTES, VERIFY_MEMORY_BYTES),
        )
        return self._run("verify", block, name, args, limits)

    def prepare(self, blocks: int) -> None:
        """Start the workers of blocks 0..blocks-1, and let them import what they surely need."""
        for worker in range(min(blocks, self.pool.jobs)):
            self.start(worker, [["prepare"]])

    def start(self, worker: int, calls: Sequence[Sequence[Path | str | int]]) -> None:
        """Let a worker run functions in the background: the name of each, then its arguments."""
        self.pool.start([Request(str(call[0]), tuple(call[1:])) for call in calls], worker)

    def _run(
        self,
        step: str,
        block: int,
        name: str,
        args: tuple[Path | str | int | None, ...],
        limits: Limits,
    ) -> Any:
        request = Request(name, args, returns=True)
        with mapped(block, step, args[0] if args else "memory"):
            answer = self.pool.call(request, max(block, 0), limits)
        if "raised" in answer:
            raise _rebuilt(answer["raised"], answer["fields"])
        return answer["returned"]


def compile_kernels(timeout_s: float, memory_bytes: int | None) -> float:
    """Compile the kernels into numba's cache, or find them there; seconds that it took.

    Raises:
        MissingPackage: numba is not installed.
        ProofError: the compiler failed.
    """
    runner = Runner(Limits(timeout_s, memory_bytes), 1)
    try:
        return float(runner.call("warm", 0, "warm", *DEGREES))
    finally:
        runner.pool.close()


def _rebuilt(name: str, fields: dict[str, Any]) -> errors.ZkdpsError:
    kind: type[errors.ZkdpsError] = getattr(errors, name)
    return kind(
        **{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    )
