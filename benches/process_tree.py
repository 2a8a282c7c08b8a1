"""What a command takes, with all the processes that it starts: wall, CPU, summed memory (Linux)."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from zkdps.core.statement import Usage

SAMPLE_S = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def run_measured(command: Sequence[str], log: Path) -> Usage:
    """Run a command to its end.

    Memory is the largest sum of the resident sets of the command and its descendants at one moment,
    sampled every `SAMPLE_S`; pages that two of them share count twice, which is on the safe side.
    CPU seconds are the kernel's, of the command and of every descendant that was waited for.

    Raises:
        RuntimeError: it failed; the message ends with what it wrote.
    """
    with log.open("wb") as output:
        start_s = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=output)
        peak = _Peak(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_bytes = peak.stop()
    if process.returncode:
        text = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {text}")
    return Usage(wall_s, used.ru_utime + used.ru_stime, peak_bytes)


class _Peak:
    """Watches a process tree until it is told to stop."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._largest_bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            total = sum(_resident_bytes(pid) for pid in _tree(self._pid))
            self._largest_bytes = max(self._largest_bytes, total)

    def stop(self) -> int:
        """The largest sum seen."""
        self._done.set()
        self._thread.join()
        return self._largest_bytes


def _tree(pid: int) -> list[int]:
    found = [pid]
    for known in found:
        for path in Path(f"/proc/{known}/task").glob("*/children"):
            try:
                found += map(int, path.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0
