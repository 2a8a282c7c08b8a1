"""Runs the installed command as a person would: processes, their stderr lines, their end."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkdps.cli import run

COMMAND = [sys.executable, "-m", "zkdps"]
PATIENCE_S = 120.0
"""Long enough on a busy machine; only a broken program waits so long."""


@dataclass(frozen=True)
class Ended:
    """A command that is over."""

    args: Sequence[str]
    code: int
    stdout: str
    stderr: str

    @property
    def started(self) -> list[str]:
        return self._steps("started")

    @property
    def reused(self) -> list[str]:
        return self._steps("reused")

    @property
    def finished(self) -> list[str]:
        return self._steps("finished")

    def _steps(self, event: str) -> list[str]:
        words = [line.split(" ", 2) for line in self.stderr.splitlines()]
        return [line[2] for line in words if len(line) == 3 and line[1] == event]

    @property
    def error(self) -> dict[str, Any]:
        """The object that `--json` printed."""
        record: dict[str, Any] = json.loads(self.stdout)["error"]
        return record

    def __str__(self) -> str:
        command = f"zkdps {' '.join(self.args)}"
        return f"{command}\nexit {self.code}\nstdout: {self.stdout}\nstderr: {self.stderr}"


class Running:
    """A command that runs in a process group of its own."""

    def __init__(
        self,
        args: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.args = [str(arg) for arg in args]
        self._process = subprocess.Popen(
            [*COMMAND, *self.args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=before,
        )
        self._out: list[str] = []
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None
        self._out.append(self._process.stdout.read())

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    def wait_for(self, *words: str) -> None:
        """Until a line of stderr ends with one of `words`."""

        def is_there() -> bool:
            return any(line.rstrip().endswith(words) for line in self._lines)

        deadline_s = time.monotonic() + PATIENCE_S
        with self._changed:
            while not is_there():
                self._changed.wait(0.1)
                over = self.is_over and not self._readers[1].is_alive()
                if (over and not is_there()) or time.monotonic() > deadline_s:
                    raise AssertionError(f"no line {words!r} came: {''.join(self._lines)}")

    def signal(self, number: int, *, group: bool) -> None:
        if group:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)

    def pause(self) -> None:
        """Stop the command and its workers, which have groups of their own, where they are."""
        self.signal(signal.SIGSTOP, group=True)
        _wait_until_stopped(self.pid)
        for worker in workers_of(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGSTOP)
            _wait_until_stopped(worker)

    def resume(self) -> None:
        """Undo `pause`."""
        for worker in workers_of(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)
        self.signal(signal.SIGCONT, group=True)

    def kill(self, *, group: bool) -> Ended:
        """kill -9, of the main process alone or of its group."""
        self.signal(signal.SIGKILL, group=group)
        return self.end()

    def end(self) -> Ended:
        """Wait for the end."""
        code = self._process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return Ended(self.args, code, "".join(self._out), "".join(self._lines))


def zkdps(*args: str | Path, **how: Any) -> Ended:
    """Run a command to its end."""
    return Running(args, **how).end()


def called(*args: str | Path) -> Ended:
    """The same command in this process, for what is refused before any prover has to be disturbed.

    `zkdps` is `sys.exit(run(sys.argv[1:]))`; a process of its own adds its start, and no more.
    """
    words = [str(arg) for arg in args]
    out, lines = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(lines):
        code = run(words)
    return Ended(words, code, out.getvalue(), lines.getvalue())


def _wait_until_stopped(pid: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state in "TZ":
            return
        time.sleep(0.002)
    raise AssertionError(f"process {pid} did not stop")


def workers_of(pid: int) -> list[int]:
    """Worker processes, alive, that the process `pid` started (also after it has gone)."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            continue
        ours = any(word.endswith(b"provers/worker.py") for word in words)
        if ours and str(pid).encode() in words and state != "Z":
            found.append(int(entry.name))
    return found


def assert_no_workers(pid: int) -> None:
    """The kernel takes a moment to end them."""
    deadline_s = time.monotonic() + 10
    while (left := workers_of(pid)) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not left, f"workers {left} outlived the command {pid}"


def listing(folder: Path) -> dict[str, str]:
    """Every file and folder below `folder`, files with their digest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(folder.rglob("*"))
    }


def litter(folder: Path) -> list[str]:
    """What only an unfinished command may leave."""
    marks = (".tmp-", ".scratch", ".partial", ".part", "zkdps-work-")
    return [name for name in listing(folder) if any(mark in name for mark in marks)]


def assert_refused(ended: Ended, name: str, code: int, *fragments: str) -> None:
    """The command ended with this error: class, exit code, words, message and hint for people."""
    assert ended.code == code, ended
    lines = ended.stderr.splitlines()
    assert any(line.startswith("zkdps: error: ") for line in lines), ended
    assert any(line.startswith("zkdps: hint: ") for line in lines), ended
    assert "Traceback" not in ended.stderr, ended
    error = ended.error
    assert error["class"] == name, ended
    assert error["exit_code"] == code, ended
    assert error["message"] and error["hint"], ended
    for fragment in fragments:
        assert fragment in error["message"], f"no {fragment!r} in: {ended}"
