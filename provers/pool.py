"""Standing worker processes: warmed up once, used for many calls, several of them at a time.

A worker keeps what it has loaded, so calls about one thing should come with one `place`: equal
places go to the same worker, one call after the other; different ones run side by side.  Limits
and failures are those of `zkdps.provers.engine`.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

from zkdps.provers.engine import (
    Environment,
    Limits,
    Request,
    Worker,
    WorkerError,
    WorkerKilled,
)

YIELD_S = 0.002
"""How often work in the background looks whether anybody still waits."""

_POOLS = ("NUMBA_NUM", "OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM")

ONE_THREAD = {f"{name}_THREADS": "1" for name in _POOLS}
"""Environment of workers that share the machine's cores: spinning threads slow each other down."""

KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
"""Environment of workers that allocate large arrays again and again: glibc keeps what they free.

Fresh pages are dear, on virtual machines above all: a block of GPT-2 at 512 tokens took twice as
long to prove without this, the kernel's time included.
"""


class Pool:
    """Workers for the functions of one module; safe to share between threads."""

    def __init__(
        self, module: str, limits: Limits, jobs: int, environment: Environment = None
    ) -> None:
        """
        Args:
            module: whose functions are called.
            limits: of each call.
            jobs: largest number of processes.
            environment: variables of the workers besides our own.
        """
        self.limits = limits
        self._module = module
        self._environment = environment
        self._workers: list[Worker | None] = [None] * jobs
        self._locks = [threading.Lock() for _ in range(jobs)]
        self._waiting = [0] * jobs
        self._counting = threading.Lock()
        self._closings = 0
        atexit.register(self.close)

    @property
    def jobs(self) -> int:
        """Largest number of calls at a time."""
        return len(self._workers)

    def call(self, request: Request, place: int = 0, limits: Limits | None = None) -> Any:
        """Run a request in the worker of its place.

        Raises:
            WorkerError: it did not return; the worker is gone unless the function merely raised.
        """
        slot = place % self.jobs
        with self._counting:
            self._waiting[slot] += 1
        try:
            return self._call(request, slot, limits or self.limits)
        finally:
            with self._counting:
                self._waiting[slot] -= 1

    def _call(self, request: Request, slot: int, limits: Limits) -> Any:
        closings = self._closings
        with self._locks[slot]:
            if closings != self._closings:
                # Closed while this call waited for its turn: start nothing that nobody ends.
                raise WorkerKilled(signal.SIGKILL, 0, "the pool was closed")
            worker = self._workers[slot]
            if worker is None or not worker.alive:
                worker = self._workers[slot] = Worker(self._module, self._environment)
            return worker.call(request, limits)

    def start(self, requests: Sequence[Request], place: int = 0) -> None:
        """Let the worker of a place run requests in the background, in order; no result is told.

        Calls that somebody waits for go before the next of them.  What goes wrong shows again, and
        better, in such a call.
        """
        slot, closings = place % self.jobs, self._closings

        def run() -> None:
            with contextlib.suppress(WorkerError):
                for request in requests:
                    while self._waiting[slot]:
                        time.sleep(YIELD_S)
                    if closings != self._closings:
                        return
                    self._call(request, slot, self.limits)

        threading.Thread(target=run, daemon=True).start()

    def peak_rss_bytes(self, place: int) -> int:
        """Largest resident set so far of the worker of a place; 0 where there is none."""
        worker = self._workers[place % self.jobs]
        return 0 if worker is None else worker.peak_rss_bytes

    def close(self) -> None:
        """End every process, running calls included; a later call starts new ones."""
        self._closings += 1
        for worker in list(self._workers):
            if worker is not None:
                worker.strike()
        for slot, lock in enumerate(self._locks):
            with lock:
                worker, self._workers[slot] = self._workers[slot], None
                if worker is not None:
                    worker.kill()
