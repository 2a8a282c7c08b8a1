"""What the documents say exists does, and what exists is documented."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.docs.blocks import ROOT, blocks, commands, documents, masked, missing_lines
from zkdps.cli import root
from zkdps.core import errors

MAX_LINE = 140
OTHERS = tuple(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))
ALL = (*documents(), *(path for path in OTHERS if path.exists()))


def _commands(
    group: click.Group = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        here = (*path, name)
        if isinstance(command, click.Group):
            yield from _commands(command, here)
        else:
            yield " ".join(here), command


COMMANDS = dict(_commands())
GROUPS = {path.rsplit(" ", 1)[0] for path in COMMANDS if " " in path}
OPTIONS = {
    name: {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for name, command in COMMANDS.items()
}
TEXT = "\n".join(path.read_text() for path in documents())
LEAVES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type)
    and issubclass(value, errors.ZkdpsError)
    and not value.__subclasses__()
]


def _anchors(path: Path) -> set[str]:
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve_and_lines_are_short(path: Path) -> None:
    text = path.read_text()
    # A row of a table cannot be wrapped.
    long = [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > MAX_LINE and not line.startswith("|")
    ]
    assert not long, f"lines over {MAX_LINE} characters: {long}"
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'src="([^"]+)"', prose)
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in _anchors(linked), f"{target}: no such heading"


def _help() -> str:
    # A process: click's own test runner forces another width than a terminal of 80 columns has.
    environment = {**os.environ, "COLUMNS": "80"}
    command = [sys.executable, "-m", "zkdps", "--help"]
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_readme_shows_the_real_help() -> None:
    shown = [
        command
        for block in blocks((ROOT / "README.md").read_text())
        if block.kind == "console"
        for command in commands(block)
        if command.text == "zkdps --help"
    ]
    real = _help()
    assert [list(command.shown) for command in shown] == [real.splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    assert f"zkdps {name}" in TEXT, f"no document mentions `zkdps {name}`"
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            names = [*parameter.opts, *parameter.secondary_opts]
            mentioned = any(re.search(rf"(?<![\w-]){option}(?![\w-])", TEXT) for option in names)
            assert mentioned, f"no document mentions {names} of `zkdps {name}`"


@pytest.mark.parametrize("cls", LEAVES, ids=lambda cls: cls.__name__)
def test_hints_name_what_exists(cls: type[errors.ZkdpsError]) -> None:
    for quoted in re.findall(r"`(zkdps [^`]+)`", cls.hint):
        _check_command_line(quoted)
    bare = re.sub(r"`[^`]+`", "", cls.hint)
    known = {option for options in OPTIONS.values() for option in options}
    for option in re.findall(r"--[a-z][\w-]*", bare):
        assert option in known, f"the hint of {cls.__name__} names {option}"


def test_commands_quoted_in_prose_exist() -> None:
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S)
    for quoted in re.findall(r"`(zkdps [^`]+)`", prose):
        if not re.match(r"zkdps [a-z-]", quoted) or re.match(r"zkdps-", quoted):
            continue
        _check_command_line(" ".join(quoted.split()))


def _check_command_line(line: str) -> None:
    words = line.split()[1:]
    if words[0].isupper() or words[0].startswith("-"):
        assert words[0].isupper() or words[0] in ("--help", "--version"), line
        return
    name = words[0]
    if name in GROUPS and len(words) > 1:
        verbs = words[1].strip("{}").split(",")
        for verb in verbs:
            assert f"{name} {verb}" in COMMANDS, f"`{line}`: there is no such command"
        name = f"{name} {verbs[0]}"
    assert name in COMMANDS or name in GROUPS, f"`{line}`: there is no such command"
    for option in re.findall(r"(?<!\S)--?[a-z][\w-]*", line):
        assert option in OPTIONS.get(name, set()), f"`{line}`: `zkdps {name}` has no {option}"


def test_error_classes_in_the_documents_exist() -> None:
    known = {name for name, value in vars(errors).items() if isinstance(value, type)}
    for name in re.findall(r"^\| `([A-Z]\w+)`", TEXT, re.M):
        assert name in known, f"{name} is no error class"


def test_masking_keeps_whole_numbers_and_order() -> None:
    assert masked("block 0   Gemm   0.72 s   65.0 MB") == "block 0 Gemm <amount> <amount>"
    assert masked("run  bee71e6352e96f95") == "run <hex>"
    assert masked("4 of 4 blocks") == "4 of 4 blocks"
    assert missing_lines(("a", "...", "b"), "a\nx\nb") == []
    assert missing_lines(("ok ... end",), "ok\nok 3 end") == []
    assert missing_lines(("b", "a"), "a\nb") == ["a"]
    assert missing_lines(("3 blocks",), "4 blocks") == ["3 blocks"]
