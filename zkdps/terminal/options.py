"""The options that commands share, each named once.

Decorators that gather several options hand the command one record (`cuts`, `machine`, `policy`);
what contradicts itself in them is noted, and raised by the command's `settle` with all else.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from zkdps.core.errors import UsageConflict
from zkdps.core.policy import Policy
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Coverage, Link
from zkdps.terminal.problems import (
    CollectingArgument,
    CollectingOption,
    clash,
    note_problems,
    repeated,
)
from zkdps.terminal.sizes import parse_size
from zkdps.terminal.voice import Voice

Command = Callable[..., None]

option = functools.partial(click.option, cls=CollectingOption)
argument = functools.partial(click.argument, cls=CollectingArgument)
# Not checked by click: `settle` lists a missing file with everything else that is wrong.
PATH = click.Path(path_type=Path)
POSITIVE = click.FloatRange(min=0, min_open=True)


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`NAME=1,8,384` as (tensor name, axes); the name may hold `=` itself.

    Raises:
        ValueError: anything else, or an axis of length 0.
    """
    name, equals, axes = text.rpartition("=")
    if not name or not equals or not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})*", axes):
        raise ValueError(f"{text!r} is no shape; write NAME=1,8,384")
    shape = tuple(int(axis) for axis in axes.split(","))
    if 0 in shape:
        raise ValueError(f"{text!r} has an axis of length 0")
    return name, shape


def parse_digest(text: str) -> str:
    """64 hex digits, as lower-case.

    Raises:
        ValueError: anything else.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError(f"{text!r} is no SHA-256 digest: 64 hex digits are needed")
    return text.lower()


def parsed_by(
    parse: Callable[[str], object],
) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """An option's callback that parses its value, or each of its values."""

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        try:
            if isinstance(value, tuple):
                return tuple(parse(part) for part in value)
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error

    return callback


link = option(
    "--link",
    type=click.Choice([kind.value for kind in Link]),
    callback=parsed_by(Link),
    help="How boundaries are committed to.  [default: polycommit with ezkl, merkle with sumcheck]",
)
srs_kind = option(
    "--srs",
    "srs_kind",
    type=click.Choice([kind.value for kind in SrsKind]),
    callback=parsed_by(SrsKind),
    help="Which SRS to make keys with.  [default: a ceremony's if the cache has one]",
)
max_ram = option(
    "--max-ram",
    metavar="SIZE",
    callback=parsed_by(parse_size),
    help="Largest memory of a prover process, like 8GiB.",
)


prover = option(
    "--prover",
    type=click.Choice(["ezkl", "sumcheck", "auto"]),
    default="ezkl",
    show_default=True,
    help="The back end; `auto` says what it chose and why.",
)


def speaking(command: Command) -> Command:
    """Adds `--json`; the command gets `voice`."""

    @option("--json", "as_json", is_flag=True, help="Print one JSON object, errors too.")
    @functools.wraps(command)
    def gather(*, as_json: bool, **rest: Any) -> None:
        command(voice=Voice(as_json), **rest)

    return gather


def watched(command: Command) -> Command:
    """Adds `--json` and `--quiet` to a command that takes its time; it gets `voice`."""

    @option("--json", "as_json", is_flag=True, help="Print one JSON object, errors too.")
    @option("--quiet", "-q", is_flag=True, help="No progress and no notes on stderr.")
    @functools.wraps(command)
    def gather(*, as_json: bool, quiet: bool, **rest: Any) -> None:
        command(voice=Voice(as_json, quiet), **rest)

    return gather


def proving_with(command: Command) -> Command:
    """Adds what chooses a back end; the command gets `prover`, `for_contracts` and `security`."""
    for decorate in (
        option(
            "--security",
            type=click.Choice(["100", "100-small", "128"]),
            help="Bits of soundness with sumcheck; `small` is slower, with shorter proofs."
            "  [default: 100]",
        ),
        option(
            "--for-contracts",
            is_flag=True,
            help="Contracts will verify the proofs: `auto` then means ezkl.",
        ),
        prover,
    ):
        command = decorate(command)
    return command


def side_by_side(command: Command) -> Command:
    """Adds `--jobs` to a command that has `machine`: put it below `on_machine`."""

    @option(
        "--jobs",
        type=click.IntRange(min=1, max=1024),
        metavar="N",
        help="Worker processes at a time, with sumcheck.  [default: as many as cores]",
    )
    @functools.wraps(command)
    def gather(*, jobs: int | None, machine: Any, **rest: Any) -> None:
        command(machine=dataclasses.replace(machine, jobs=jobs), **rest)

    return gather


def shaping(command: Command) -> Command:
    """Adds `--shape`; the command gets `shapes`, a mapping."""

    @option(
        "--shape",
        "shape",
        metavar="NAME=DIMS",
        multiple=True,
        callback=parsed_by(parse_shape),
        help="Fix a dynamic input's axes.",
    )
    @functools.wraps(command)
    def gather(*, shape: tuple[tuple[str, tuple[int, ...]], ...], **rest: Any) -> None:
        note_problems(repeated("--shape", [name for name, _ in shape]))
        command(shapes=dict(shape), **rest)

    return gather


def cutting(command: Command) -> Command:
    """Adds the ways of cutting a model; the command gets `cuts`."""

    @option("--blocks", type=click.IntRange(min=1), help="Cut into so many blocks.")
    @option(
        "--cut",
        "cut",
        multiple=True,
        metavar="TENSOR",
        help="Cut after this tensor, or around the torch module of this name; repeat for more.",
    )
    @max_ram
    @option("--max-seconds", type=POSITIVE, help="Largest CPU time to prove a block.")
    @functools.wraps(command)
    def gather(
        *,
        blocks: int | None,
        cut: tuple[str, ...],
        max_ram: int | None,
        max_seconds: float | None,
        **rest: Any,
    ) -> None:
        from zkdps.workflows.reports import Cuts

        budget = {"--max-ram": max_ram, "--max-seconds": max_seconds}
        name = "/".join(name for name, value in budget.items() if value is not None)
        ways = {"--blocks": blocks, "--cut": cut, **({name: True} if name else {})}
        note_problems(clash(ways, "choose one way to cut the model"), repeated("--cut", cut))
        command(cuts=Cuts(blocks, cut, max_ram, max_seconds), **rest)

    return gather


def on_machine(command: Command) -> Command:
    """Adds `--cache` and `--timeout`; the command gets `machine`."""

    @option(
        "--cache",
        type=PATH,
        envvar="ZKDPS_CACHE",
        show_envvar=True,
        help="Folder for SRS files and machine constants.  [default: ~/.cache/zkdps]",
    )
    @option(
        "--timeout",
        type=POSITIVE,
        default=3600.0,
        show_default=True,
        metavar="SECONDS",
        help="Limit of each back-end call.",
    )
    @functools.wraps(command)
    def gather(*, cache: Path | None, timeout: float, **rest: Any) -> None:
        from zkdps.workflows.reports import Machine

        command(machine=Machine(cache or _default_cache(), timeout_s=timeout), **rest)

    return gather


def demanding(command: Command) -> Command:
    """Adds what an auditor may demand; the command gets `policy`."""

    @option(
        "--key-digest",
        metavar="SHA256",
        callback=parsed_by(parse_digest),
        help="The model key that you trust (check 2).",
    )
    @option("--require-production-srs", is_flag=True, help="Refuse a development SRS (check 3).")
    @option("--require-input", is_flag=True, help="Fail unless --input was compared (check 7).")
    @option("--require-output", is_flag=True, help="Fail unless --output was compared (check 8).")
    @option(
        "--independent",
        is_flag=True,
        help="Check every proof with the reference verifier too (check 5).",
    )
    @option(
        "--policy",
        "coverage",
        type=click.Choice(["proved", "agreed"]),
        default="proved",
        show_default=True,
        help="Least evidence that every block must have (check 11).",
    )
    @functools.wraps(command)
    def gather(
        *,
        key_digest: str | None,
        require_production_srs: bool,
        require_input: bool,
        require_output: bool,
        independent: bool,
        coverage: str,
        **rest: Any,
    ) -> None:
        policy = Policy(
            Coverage(coverage),
            key_digest,
            require_production_srs,
            require_input,
            require_output,
            independent,
        )
        command(policy=policy, **rest)

    return gather


def _default_cache() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME")
    if folder and Path(folder).is_absolute():
        return Path(folder) / "zkdps"
    try:
        return Path.home() / ".cache" / "zkdps"
    except RuntimeError:
        note_problems(UsageConflict("this account has no home folder: give --cache"))
        return Path("zkdps-cache")
