"""Progress on stderr: a bar on a terminal, one plain line per event elsewhere.

The plain lines are a promise to scripts: `[P/T] started NAME`, `[P/T] reused NAME`,
`[P/T] finished NAME`, and `zkdps: note: TEXT`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from zkdps.terminal.output import console_of, words
from zkdps.terminal.safe import safe

if TYPE_CHECKING:
    from rich.progress import Progress

    from zkdps.workflows.observer import Observer


@contextmanager
def watching(*, quiet: bool) -> Iterator[Observer]:
    """The observer that fits stderr, for the time of one workflow."""
    if quiet:
        from zkdps.workflows.observer import Silent

        yield Silent()
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _bar(sys.stderr) as progress:
            yield Bar(progress)
    else:
        yield PlainLines(sys.stderr)


class PlainLines:
    """One line per event, flushed at once."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def started(self, step: str, position: int, total: int) -> None:
        """`[P/T] started NAME`."""
        self._line(f"[{position}/{total}] started {safe(step)}")

    def reused(self, step: str, position: int, total: int) -> None:
        """`[P/T] reused NAME`."""
        self._line(f"[{position}/{total}] reused {safe(step)}")

    def finished(self, step: str, position: int, total: int) -> None:
        """`[P/T] finished NAME`."""
        self._line(f"[{position}/{total}] finished {safe(step)}")

    def progressed(self, what: str, done: int, total: int) -> None:
        """Nothing: a log needs steps, not every sample."""

    def note(self, text: str) -> None:
        """`zkdps: note: TEXT`."""
        self._line(f"zkdps: note: {safe(text, at_most=4000)}")

    def _line(self, text: str) -> None:
        # Watching never changes what happens: a closed or full stderr must not end a long build.
        with contextlib.suppress(OSError):
            self._file.write(text + "\n")
            self._file.flush()


class Bar:
    """Moves a bar; notes scroll above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._step = ""

    def started(self, step: str, position: int, total: int) -> None:
        """The bar stands before the step, which it names."""
        self._move(step, position - 1, total)

    def reused(self, step: str, position: int, total: int) -> None:
        """The bar passes the step."""
        self._move(step, position, total)

    def finished(self, step: str, position: int, total: int) -> None:
        """The bar passes the step."""
        self._move(step, position, total)

    def progressed(self, what: str, done: int, total: int) -> None:
        """The step's name says how far it is; the bar counts steps only."""
        within = safe(f"{self._step}: {what} {done}/{total}", at_most=60)
        self._progress.update(self._task, description=within)

    def note(self, text: str) -> None:
        """A line above the bar."""
        self._progress.console.print(words("note:", text))

    def _move(self, step: str, done: int, total: int) -> None:
        self._step = step
        name = safe(step, at_most=60)
        self._progress.update(self._task, description=name, completed=done, total=total)


def _bar(file: TextIO) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console_of(file),
        transient=True,
        # stdout holds the result alone: it must not pass through the bar's console.
        redirect_stdout=False,
    )
