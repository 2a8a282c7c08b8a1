"""How a command speaks: as its user asked with `--json` and `--quiet`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from zkdps.terminal.output import emit
from zkdps.terminal.progress import watching

if TYPE_CHECKING:
    from zkdps.terminal.output import Page
    from zkdps.workflows.observer import Observer

Report = TypeVar("Report")


@dataclass(frozen=True, slots=True)
class Voice:
    """The manner of one command."""

    as_json: bool
    quiet: bool = False

    def watching(self) -> AbstractContextManager[Observer]:
        """The observer for stderr, for the time of one workflow."""
        return watching(quiet=self.quiet)

    def emit(
        self,
        report: Report,
        record: Callable[[Report], Mapping[str, object]],
        page: Callable[[Report], Page],
    ) -> None:
        """Print the result on stdout."""
        emit(report, self.as_json, record, page)
