"""What a workflow tells whoever watches it; watching never changes what happens."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Receives the steps of a workflow, in order."""

    def started(self, step: str, position: int, total: int) -> None:
        """Step `position` (from 1) of `total` begins."""

    def reused(self, step: str, position: int, total: int) -> None:
        """The step's result was on disk already, made from the same inputs."""

    def finished(self, step: str, position: int, total: int) -> None:
        """The step's result is on disk."""

    def progressed(self, what: str, done: int, total: int) -> None:
        """Inside the running step, `done` of `total` units of `what` are done."""

    def note(self, text: str) -> None:
        """Something the person should know now."""


class Silent:
    """Watches nothing."""

    def started(self, step: str, position: int, total: int) -> None:
        """Do nothing."""

    def reused(self, step: str, position: int, total: int) -> None:
        """Do nothing."""

    def finished(self, step: str, position: int, total: int) -> None:
        """Do nothing."""

    def progressed(self, what: str, done: int, total: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""
