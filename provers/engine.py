"""Runs a back end's functions in processes of their own, under limits.

Native provers take gigabytes, hang on values outside their tables, abort, and panic; none of that
may touch the caller.  `Engine.once` gives a call a fresh process and measures it; `Engine.call`
shares one long-lived process between cheap calls and restarts it when it dies.  Both return the
result or raise `WorkerFailure`, `WorkerKilled` or `WorkerTimedOut`, which `zkdps.provers.failures`
maps to the errors of zkdps.

The memory limit watches the resident set (the kernel's high-water mark, every `POLL_S`) rather than
setting RLIMIT_AS: address space counts thread stacks and allocator arenas that are never touched,
several times the memory really used.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from zkdps.core.statement import Usage

Environment = Mapping[str, str | None] | None
"""Variables of the worker's besides our own; `None` as a value takes one away."""

POLL_S = 0.05
MAX_ANSWER_BYTES = 64 << 20
MAX_ERROR_BYTES = 4000
_WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one back-end call may take."""

    timeout_s: float = 3600.0
    """Wall-clock seconds; a back end may hang for ever on a witness outside its tables."""
    memory_bytes: int | None = None
    """Resident set of the worker process; `None`: the machine's."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a back end's function."""

    call: str
    args: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] | None = None
    run_args: Mapping[str, Any] | None = None
    writes: tuple[Path, ...] = ()
    """Files that the call leaves behind; they are checked to be whole."""
    returns: bool = False
    """Whether the result, JSON-able, is wanted."""

    def line(self) -> bytes:
        """As the worker reads it."""
        record = {
            "call": self.call,
            "args": [str(arg) if isinstance(arg, Path) else arg for arg in self.args],
            "keywords": dict(self.keywords or {}),
            "run_args": None if self.run_args is None else dict(self.run_args),
            "writes": [str(path) for path in self.writes],
            "returns": self.returns,
        }
        return json.dumps(record).encode() + b"\n"


class WorkerError(Exception):
    """A call did not return; for `zkdps.provers.failures`, never for users."""


@dataclass(eq=False)
class WorkerFailure(WorkerError):
    """The back end raised."""

    type: str
    """Module and name of the exception's class."""
    text: str
    os_error: int | None
    path: str | None
    """The file, where the exception names one."""


@dataclass(eq=False)
class WorkerKilled(WorkerError):
    """The process ended by a signal, its own or ours for memory."""

    signal: int
    peak_rss_bytes: int
    text: str
    limit_bytes: int | None = None
    """Of memory, where going above it was the reason."""


@dataclass(eq=False)
class WorkerTimedOut(WorkerError):
    """The process ran past the limit and was killed."""

    limit_s: float


class Worker:
    """One process; use from one thread at a time."""

    def __init__(self, module: str, environment: Environment = None) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        self._errors_before = 0
        self._peak_rss_bytes = 0
        self._start_s = time.monotonic()
        self._usage: Usage | None = None
        command = [sys.executable, "-P", str(_WORKER), module, str(os.getpid())]
        self._process = _spawner().submit(self._spawn, command, environment).result()
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def _spawn(self, command: Sequence[str], environment: Environment) -> subprocess.Popen[bytes]:
        merged = {**os.environ, **(environment or {})}
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={name: value for name, value in merged.items() if value is not None},
            # Its own group: Ctrl-C reaches us alone, and we end the worker in an orderly way.
            process_group=0,
        )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._usage is None and self._reap(os.WNOHANG) is None

    @property
    def peak_rss_bytes(self) -> int:
        """Largest resident set so far."""
        return self._peak_rss_bytes

    def call(self, request: Request, limits: Limits) -> Any:
        """Run one request; whatever goes wrong, the process is gone afterwards unless the back
        end merely raised.
        """
        try:
            return self._result(self._exchange(request, limits))
        except WorkerFailure:
            raise
        except BaseException:
            # The caller's own interruption included: no worker outlives the call it serves.
            self.kill()
            raise

    def _exchange(self, request: Request, limits: Limits) -> dict[str, Any]:
        deadline_s = time.monotonic() + limits.timeout_s
        self._errors_before = os.fstat(self._errors.fileno()).st_size
        try:
            self._requests.write(request.line())
            self._requests.flush()
        except BrokenPipeError:
            raise self._death() from None
        received = bytearray()
        while not received.endswith(b"\n"):
            if time.monotonic() > deadline_s:
                raise WorkerTimedOut(limits.timeout_s)
            readable, _, _ = select.select([self._answers], [], [], POLL_S)
            self._watch_memory(limits)
            if readable:
                part = os.read(self._answers.fileno(), 1 << 16)
                if not part:
                    raise self._death()
                received += part
                if len(received) > MAX_ANSWER_BYTES:
                    raise WorkerFailure("zkdps.Oversized", "the answer is too long", None, None)
        answer: dict[str, Any] = json.loads(received)
        self._peak_rss_bytes = max(self._peak_rss_bytes, answer["peak_rss_bytes"])
        return answer

    def _result(self, answer: dict[str, Any]) -> Any:
        if "failure" in answer:
            failure = answer["failure"]
            raise WorkerFailure(
                failure["type"],
                f"{failure['message']}\n{self._error_text()}",
                failure["os_error"],
                failure["path"],
            )
        return answer["result"]

    def _watch_memory(self, limits: Limits) -> None:
        self._peak_rss_bytes = max(self._peak_rss_bytes, _resident_bytes(self._process.pid))
        if limits.memory_bytes is not None and self._peak_rss_bytes > limits.memory_bytes:
            self.kill()
            text = f"memory limit of {limits.memory_bytes} bytes"
            raise WorkerKilled(signal.SIGKILL, self._peak_rss_bytes, text, limits.memory_bytes)

    def _death(self) -> WorkerError:
        self._reap(0)
        code = self._process.returncode
        if code < 0:
            return WorkerKilled(-code, self._peak_rss_bytes, self._error_text())
        return WorkerFailure("zkdps.WorkerExited", self._error_text() or f"exit {code}", None, None)

    def _error_text(self) -> str:
        """The end of what this call wrote to its standard error."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(self._errors_before, self._errors.tell() - MAX_ERROR_BYTES))
        return self._errors.read().decode("utf-8", "replace").strip()

    def close(self) -> Usage:
        """End the process in order and tell what it took since it started."""
        self._requests.close()
        usage = self._reap(0)
        assert usage is not None  # noqa: S101 (a blocking wait returns one)
        return usage

    def kill(self) -> None:
        """End the process and all of its group now."""
        if self.alive:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._reap(0)
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()

    def strike(self) -> None:
        """Kill the process from another thread; the thread whose call it serves reaps it."""
        if self._usage is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _reap(self, options: int) -> Usage | None:
        if self._usage is None:
            pid, status, used = os.wait4(self._process.pid, options)
            if pid == 0:
                return None
            self._process.returncode = os.waitstatus_to_exitcode(status)
            self._usage = Usage(
                wall_s=time.monotonic() - self._start_s,
                cpu_s=used.ru_utime + used.ru_stime,
                peak_rss_bytes=self._peak_rss_bytes,
            )
            self._answers.close()
        return self._usage


class Engine:
    """Runs the functions of one back-end module; safe to share between threads."""

    def __init__(self, module: str, limits: Limits, environment: Environment = None) -> None:
        self.limits = limits
        self._module = module
        self._environment = environment
        self._session: Worker | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def once(self, request: Request, limits: Limits | None = None) -> tuple[Any, Usage]:
        """Run a call in a fresh process; its result and what the process took, start included."""
        worker = Worker(self._module, self._environment)
        try:
            result = worker.call(request, limits or self.limits)
            return result, worker.close()
        finally:
            worker.kill()

    def call(self, request: Request, limits: Limits | None = None) -> Any:
        """Run a cheap call in the session's process."""
        with self._lock:
            if self._session is None or not self._session.alive:
                self._session = Worker(self._module, self._environment)
            return self._session.call(request, limits or self.limits)

    def close(self) -> None:
        """End the session's process; a later call starts a new one."""
        with self._lock:
            if self._session is not None:
                self._session.kill()
                self._session = None


_SPAWNERS: dict[int, ThreadPoolExecutor] = {}


def _spawner() -> ThreadPoolExecutor:
    """The one thread that starts workers.

    Linux kills a worker when the *thread* that started it ends, so they are all started by one that
    lives as long as the process; by process id, because threads do not survive a fork.
    """
    return _SPAWNERS.setdefault(os.getpid(), ThreadPoolExecutor(1, "zkdps-spawner"))


def _resident_bytes(pid: int) -> int:
    """High-water mark of a process's resident set; 0 once it is gone."""
    if sys.platform != "linux":
        command = ["ps", "-o", "rss=", "-p", str(pid)]
        return int(subprocess.run(command, capture_output=True, check=False).stdout or 0) << 10
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    marks = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(marks[0].split()[1]) << 10 if marks else 0
