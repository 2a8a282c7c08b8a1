"""The one place where failures become messages and exit codes.

    0    done; for `verify`: every check holds
    1    a check failed, or a circuit or prover did
    2    wrong usage, unreadable input, or the ground is not prepared
    70   a bug in zkdps (ZKDPS_DEBUG=1 shows the traceback)
    130  interrupted; the same command goes on
    141  whoever read stdout went away before the result was written

With `--json`, stdout gets `{"error": {"class", "message", "hint", "exit_code", ...}}`, the error's
own fields beside those four; stderr gets the same for people in any case.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from zkdps.core.errors import StorageFailed, UsageConflict, ZkdpsError
from zkdps.terminal.output import emit_json, silence_stdout, talk

BUG_EXIT = 70
INTERRUPTED_EXIT = 130
READER_GONE_EXIT = 141


def run(root: click.Command, args: Sequence[str]) -> int:
    """Run a command line and return its exit code; nothing but the exit code comes out."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # It logs a traceback where it refuses a model; the refusal reaches the person as an error.
    logging.getLogger("onnx_ir").setLevel(logging.CRITICAL)
    as_json = "--json" in args
    with _noting_interrupts() as interrupts:
        try:
            return _invoke(root, args)
        except BaseException as error:
            return _report(interrupts[0] if interrupts else error, as_json)


@contextmanager
def _noting_interrupts() -> Iterator[list[KeyboardInterrupt]]:
    """Notes Ctrl-C, because what comes out of it need not be a `KeyboardInterrupt`.

    Native modules that are interrupted while they load raise an `ImportError` instead, which reads
    as if the package were missing.
    """
    noted: list[KeyboardInterrupt] = []

    def handle(number: int, frame: FrameType | None) -> None:
        noted.append(KeyboardInterrupt())
        signal.default_int_handler(number, frame)

    handler = signal.getsignal(signal.SIGINT)
    # Whoever set another handler, or ignores Ctrl-C, means it; only the main thread may set one.
    ours = (
        handler is signal.default_int_handler
        and threading.current_thread() is threading.main_thread()
    )
    if ours:
        signal.signal(signal.SIGINT, handle)
    try:
        yield noted
    finally:
        if ours:
            signal.signal(signal.SIGINT, handler)


def _invoke(root: click.Command, args: Sequence[str]) -> int:
    instruction = os.environ.get("_ZKDPS_COMPLETE")
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(root, {}, "zkdps", "_ZKDPS_COMPLETE", instruction)
    try:
        # Not `root.main`: that would take any broken pipe, a worker's too, for a closed stdout.
        with root.make_context("zkdps", list(args)) as context:
            root.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return 0


def _report(error: BaseException, as_json: bool) -> int:
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, BrokenPipeError) and _reader_is_gone():
        silence_stdout()
        return READER_GONE_EXIT
    if os.environ.get("ZKDPS_DEBUG") == "1":
        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        text = "interrupted; run the same command to go on"
        return _tell(as_json, "Interrupted", text, "", INTERRUPTED_EXIT, {})
    if isinstance(error, click.ClickException):
        error = _as_conflict(error)
    if isinstance(error, ZkdpsError):
        name = type(error).__name__
        hint = error.hint
        return _tell(as_json, name, error.message(), hint, error.exit_code, error.fields())
    return _tell(
        as_json,
        "Bug",
        f"this is a bug in zkdps: {type(error).__name__}: {error}",
        "please report it with the command, its traceback (set ZKDPS_DEBUG=1 and run it again) "
        "and the output of `zkdps doctor --json`",
        BUG_EXIT,
        {},
    )


def _as_conflict(error: click.ClickException) -> ZkdpsError:
    text = error.format_message().rstrip(".")
    conflict = UsageConflict(text[:1].lower() + text[1:])
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        conflict.hint = f"`{context.command_path} --help` shows examples"  # type: ignore[misc]
    return conflict


def _tell(
    as_json: bool,
    name: str,
    message: str,
    hint: str,
    exit_code: int,
    fields: Mapping[str, object],
) -> int:
    talk(f"error: {message}")
    if hint:
        talk(f"hint: {hint}")
    if as_json:
        told = {"class": name, "message": message, "hint": hint, "exit_code": exit_code}
        try:
            emit_json({"error": {**fields, **told}})
        except (BrokenPipeError, StorageFailed):
            # Nobody reads stdout; the exit code still says what happened.
            silence_stdout()
    return exit_code


def _reader_is_gone() -> bool:
    """Whether the pipe behind stdout has no reader, as opposed to some pipe of a worker's."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
