"""Progress: plain lines are a promise; a bar on terminals; silence on demand."""

from __future__ import annotations

import io
import re
import sys

import pytest

from tests.cli.test_pages import File
from zkdps.terminal.progress import Bar, PlainLines, watching
from zkdps.workflows.observer import Observer, Silent


def drive(observer: Observer) -> None:
    """Every event once."""
    observer.started("setup/block-0", 1, 2)
    observer.progressed("samples", 3, 10)
    observer.finished("setup/block-0", 1, 2)
    observer.reused("setup/block-1", 2, 2)
    observer.note("a development SRS is used")


def test_plain_lines_are_exactly_these(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(quiet=False) as observer:
        drive(observer)
    out, err = capsys.readouterr()
    assert out == "", "stdout holds the result only"
    assert err == (
        "[1/2] started setup/block-0\n"
        "[1/2] finished setup/block-0\n"
        "[2/2] reused setup/block-1\n"
        "zkdps: note: a development SRS is used\n"
    )


def test_a_hostile_step_name_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(quiet=False) as observer:
        observer.started("a\n[2/2] finished b\x1b[2J", 1, 2)
    assert capsys.readouterr().err == "[1/2] started a\\n[2/2] finished b\\x1b[2J\n"


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(quiet=True) as observer:
        assert isinstance(observer, Silent)
        drive(observer)
    assert capsys.readouterr() == ("", "")


def test_every_line_is_flushed_at_once() -> None:
    class Counting(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    file = Counting()
    PlainLines(file).started("s", 1, 1)
    assert file.flushed == 1, "who watches for a line to kill the process needs it now"


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device")])
def test_a_dead_stderr_ends_no_build(error: OSError) -> None:
    class Dead(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    drive(PlainLines(Dead()))


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = File(is_terminal=True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    with watching(quiet=False) as observer:
        assert isinstance(observer, Bar)
        drive(observer)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "setup/block-1" in shown and "2/2" in shown
    assert "note: a development SRS is used" in shown


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", File(is_terminal=True))
    monkeypatch.setenv("TERM", "dumb")
    with watching(quiet=False) as observer:
        assert isinstance(observer, PlainLines)
