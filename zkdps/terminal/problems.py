"""Wrong usage, found all at once and before any work.

Each finder is pure and returns one problem or none.  click's own findings (missing options, values
of the wrong type) are collected by `Verb` and its parameters, instead of ending at the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from zkdps.core.errors import UnreadableFile, UsageConflict, ZkdpsError
from zkdps.core.policy import Policy

_FOUND = "zkdps.problems"


def settle(*found: ZkdpsError | None) -> None:
    """Raise what was found, here and by the shared options of the command being run.

    Raises:
        ZkdpsError: the one problem, as it is; of several, a `UsageConflict` listing them.
    """
    context = click.get_current_context(silent=True)
    noted: list[ZkdpsError] = [] if context is None else context.meta.get(_FOUND, [])
    problems = [*noted, *(problem for problem in found if problem is not None)]
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise UsageConflict("; ".join(problem.message() for problem in problems))


def note_problems(*found: ZkdpsError | None) -> None:
    """Keep problems for the next `settle` of this command."""
    noted = click.get_current_context().meta.setdefault(_FOUND, [])
    noted.extend(problem for problem in found if problem is not None)


def unreadable(path: Path | None) -> UnreadableFile | None:
    """A path to read that is not there."""
    try:
        if path is not None and not path.exists():
            return UnreadableFile(str(path), "there is no such file or folder")
    except OSError as error:
        return UnreadableFile(str(path), error.strerror or str(error))
    return None


def not_a_folder(path: Path | None) -> UnreadableFile | None:
    """A folder to read that is not there, or is a file."""
    missing = unreadable(path)
    if missing is None and path is not None and not path.is_dir():
        return UnreadableFile(str(path), "it is a file; a folder is needed")
    return missing


def unwritable(path: Path | None) -> UsageConflict | None:
    """A file to write in a folder that is not there, or where a folder stands."""
    if path is None:
        return None
    if path.is_dir():
        return UsageConflict(f"cannot write the file {path}: it is a folder")
    if not path.parent.is_dir():
        return UsageConflict(f"cannot write {path}: there is no folder {path.parent}")
    return None


def clash(options: Mapping[str, object], why: str) -> UsageConflict | None:
    """More than one given of options that exclude each other; `None`, `()` count as not given."""
    given = [name for name, value in options.items() if value is not None and value != ()]
    if len(given) < 2:
        return None
    return UsageConflict(f"{' and '.join(given)} exclude each other: {why}")


def none_given(options: Mapping[str, object], why: str) -> UsageConflict | None:
    """None given of options of which one is needed."""
    if any(value is not None for value in options.values()):
        return None
    return UsageConflict(f"{' or '.join(options)} is missing: {why}")


def needs_run(asked: Mapping[str, object]) -> UsageConflict | None:
    """What only a run can be held against, asked of a model key by itself."""
    ends = {"--input": asked["inputs"], "--output": asked["outputs"]}
    given = [name for name, value in ends.items() if value is not None]
    if asked["policy"] != Policy():
        given.append("what you demand of a run")
    if not given:
        return None
    return UsageConflict(f"{' and '.join(given)}: a run is needed, and its model key with --key")


def repeated(option: str, names: Sequence[str]) -> UsageConflict | None:
    """A repeatable option that says the same name twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    return UsageConflict(f"{option} names {', '.join(twice)} more than once") if twice else None


class CollectingOption(click.Option):
    """An option whose bad value does not hide the next one's."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """As click does, but a usage error is collected."""
        try:
            return super().handle_parse_result(ctx, opts, args)
        except click.UsageError as error:
            _usage_errors(ctx).append(error)
            return None, args


class CollectingArgument(click.Argument):
    """An argument whose absence does not hide the next one's."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """As click does, but a usage error is collected."""
        try:
            return super().handle_parse_result(ctx, opts, args)
        except click.UsageError as error:
            _usage_errors(ctx).append(error)
            return None, args


class Verb(click.Command):
    """A command that lists everything wrong with its arguments at once."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; raises one `UsageError` with all that was collected."""
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            _usage_errors(ctx).append(error)
            rest = []
        errors = _usage_errors(ctx)
        if errors:
            texts = [error.format_message().rstrip(".") for error in errors]
            raise click.UsageError("; ".join(text[:1].lower() + text[1:] for text in texts), ctx)
        return rest


def verb(group: click.Group, name: str) -> Callable[[Callable[..., None]], click.Command]:
    """A command whose usage errors are listed together."""
    return group.command(name, cls=Verb)


def _usage_errors(ctx: click.Context) -> list[click.UsageError]:
    errors: list[click.UsageError] = ctx.meta.setdefault("zkdps.usage_errors", [])
    return errors
