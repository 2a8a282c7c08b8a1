"""The one place where a back end's failures become errors of zkdps.

    WorkerTimedOut                                -> ProverTimedOut
    WorkerKilled, or a MemoryError                -> ProverKilled
    WorkerFailure of the pyo3 panic class         -> ProverPanicked
    WorkerFailure naming an errno of writing      -> StorageFailed
    WorkerFailure saying that a value overflows   -> OutOfRange, where the caller told the range
    any other WorkerFailure                       -> ProverFailed

The last line makes the map complete: whatever class a back end raises, one of ours comes out.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from zkdps.core.errors import (
    ProverFailed,
    ProverKilled,
    ProverPanicked,
    ProverTimedOut,
    StorageFailed,
    ZkdpsError,
)
from zkdps.provers.engine import WorkerError, WorkerFailure, WorkerKilled, WorkerTimedOut

_STORAGE = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "disk quota exceeded",
    errno.EFBIG: "file too large for the file system or a limit",
    errno.EROFS: "read-only file system",
    errno.EACCES: "permission denied",
    errno.EPERM: "operation not permitted",
    errno.EIO: "input/output error",
}
MAX_REASON_CHARACTERS = 400
"""Half from the exception, which comes first, half from the end of the back end's own log."""


def error_of(failure: WorkerError, block: int, step: str, where: str) -> ZkdpsError:
    """The error that a failed call of step `step` on `block`, writing to `where`, stands for."""
    if isinstance(failure, WorkerTimedOut):
        return ProverTimedOut(block, step, failure.limit_s)
    if isinstance(failure, WorkerKilled):
        return ProverKilled(
            block, step, failure.signal, failure.peak_rss_bytes, failure.limit_bytes
        )
    if not isinstance(failure, WorkerFailure):
        raise TypeError(f"unknown worker error {type(failure).__name__}")
    if failure.os_error in _STORAGE:
        return StorageFailed(failure.path or where, _STORAGE[failure.os_error])
    reason = _one_line(failure.text) or failure.type
    if failure.type.endswith("PanicException"):
        return ProverPanicked(block, step, reason)
    if failure.type == "builtins.MemoryError":
        return ProverKilled(block, step, signal.SIGKILL, 0)
    return ProverFailed(block, step, reason)


@contextmanager
def mapped(block: int, step: str, where: object) -> Iterator[None]:
    """Let no `WorkerError` out of the body, only what `error_of` makes of it."""
    try:
        yield
    except WorkerError as failure:
        raise error_of(failure, block, step, str(where)) from failure


def _one_line(text: str) -> str:
    joined = " | ".join(line.strip() for line in text.splitlines() if line.strip())
    if len(joined) <= MAX_REASON_CHARACTERS:
        return joined
    half = MAX_REASON_CHARACTERS // 2
    return f"{joined[:half]} ... {joined[-half:]}"
