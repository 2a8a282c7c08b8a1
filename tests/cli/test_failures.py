"""Every failure ends in one message and its exit code; bugs say that they are bugs."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from zkdps.core import errors
from zkdps.core.errors import CheckFailed, ZkdpsError
from zkdps.terminal import failures

ROOT = Path(__file__).parents[2]


def leaves(branch: type[ZkdpsError] = ZkdpsError) -> Iterator[type[ZkdpsError]]:
    """Every class that is raised."""
    below = branch.__subclasses__()
    if not below:
        yield branch
    for each in below:
        yield from leaves(each)


def example(leaf: type[ZkdpsError]) -> ZkdpsError:
    """An instance with fields of the declared types."""
    hints = typing.get_type_hints(leaf)
    fields = dataclasses.fields(leaf)  # type: ignore[arg-type]
    return leaf(*(value_of(hints[field.name]) for field in fields))


def value_of(kind: object) -> object:
    """Something of a type that an error has."""
    samples = {"int": 3, "float": 0.5, "str": "text", "tuple[int, int]": (1, 2)}
    name = kind.__name__ if isinstance(kind, type) and kind in (int, float, str) else str(kind)
    for known, value in samples.items():
        if name.startswith(known):
            return value
    return (1, 2)


def fails_with(error: BaseException) -> click.Command:
    """A command that raises."""

    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def command(as_json: bool) -> None:
        raise error

    return command


@pytest.mark.parametrize("leaf", list(leaves()), ids=lambda leaf: leaf.__name__)
def test_every_error_of_ours(leaf: type[ZkdpsError], capsys: pytest.CaptureFixture[str]) -> None:
    error = example(leaf)
    assert failures.run(fails_with(error), ["--json"]) == leaf.exit_code != 0
    out, err = capsys.readouterr()
    told = json.loads(out)["error"]
    assert told["class"] == leaf.__name__
    assert told["message"] == error.message() and told["hint"] == error.hint
    assert told["exit_code"] == leaf.exit_code
    assert set(told) == {"class", "message", "hint", "exit_code", *error.fields()}, "a field clash"
    assert err == f"zkdps: error: {error.message()}\nzkdps: hint: {error.hint}\n"


def test_every_class_of_the_tree_is_covered() -> None:
    drawn = {name for name in vars(errors) if name in (errors.__doc__ or "")}
    assert {leaf.__name__ for leaf in leaves()} <= drawn


def test_without_json_stdout_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    failed = CheckFailed(5, "no\x1b[2J", block=1)
    assert failures.run(fails_with(failed), []) == 1
    out, err = capsys.readouterr()
    assert out == "" and "check 5 failed (block 1): no\\x1b[2J" in err


@pytest.mark.parametrize("error", [ValueError("odd"), RuntimeError(), MemoryError()])
def test_a_bug_says_so(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.run(fails_with(error), ["--json"]) == failures.BUG_EXIT == 70
    out, err = capsys.readouterr()
    assert "this is a bug in zkdps" in err and "report" in err and "Traceback" not in err
    assert json.loads(out)["error"]["class"] == "Bug"


class Panic(BaseException):
    """As native code raises them: not an `Exception`."""


def test_a_panic_that_escaped_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.run(fails_with(Panic("index out of bounds")), []) == 70
    assert "Panic: index out of bounds" in capsys.readouterr().err


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZKDPS_DEBUG", "1")
    assert failures.run(fails_with(ValueError("odd")), []) == 70
    assert "Traceback" in capsys.readouterr().err


def test_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.run(fails_with(KeyboardInterrupt()), []) == 130
    assert capsys.readouterr().err == ("zkdps: error: interrupted; run the same command to go on\n")


def test_a_workers_broken_pipe_is_not_a_closed_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.run(fails_with(BrokenPipeError(32, "Broken pipe")), []) == 70
    assert "bug" in capsys.readouterr().err


PRINTS = """
import sys, click
from zkdps.terminal import failures, output
@click.command()
@click.option("--json", is_flag=True)
def command(json):
    {body}
sys.exit(failures.run(command, sys.argv[1:]))
"""


def process(
    body: str, *, stdout: int, start: Callable[[], None] | None = None, args: tuple[str, ...] = ()
) -> tuple[int, str]:
    """Exit code and stderr of a command whose body is `body`."""
    done = subprocess.run(
        [sys.executable, "-c", PRINTS.format(body=body), *args],
        cwd=ROOT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=start,
    )
    return done.returncode, done.stderr


def test_a_reader_that_went_away() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert process("output.emit_json({'a': 1})", stdout=writing) == (141, "")
        code, err = process("raise ValueError('odd')", stdout=writing, args=("--json",))
        assert code == 70 and "Exception ignored" not in err, "the failure is still told"
    finally:
        os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_behind_stdout() -> None:
    with Path("/dev/full").open("w") as full:
        code, err = process("output.emit_json({'a': 1})", stdout=full.fileno())
    assert code == 2, "nobody may take an unwritten verdict for a verified run"
    assert "cannot write stdout: No space left on device" in err
    assert "Exception ignored" not in err


def test_ctrl_c_ends_in_130() -> None:
    body = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(5)"
    code, err = process(
        body,
        stdout=subprocess.DEVNULL,
        # Test runners in the background may have been started with SIGINT ignored.
        start=lambda: typing.cast(None, signal.signal(signal.SIGINT, signal.default_int_handler)),
    )
    assert code == 130 and "interrupted" in err and "Traceback" not in err


def test_names_that_stdout_cannot_encode_are_escaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINTS.format(body="print('π')")],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stdout) == (0, b"\\u03c0\n")
