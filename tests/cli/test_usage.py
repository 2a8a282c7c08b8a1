"""Wrong usage is found at once and all together; every help has an example."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from zkdps.cli import root, run
from zkdps.terminal.problems import Verb


def commands(
    group: click.Group = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group below `group`, itself included."""
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())


def test_the_verbs() -> None:
    assert {" ".join(path) for path in ALL if path} == {
        "build", "demo", "doctor", "inspect", "key", "key audit", "plan", "prove", "report", "srs",
        "srs check", "srs import", "srs list", "srs make", "verify", "warm",
    }  # fmt: skip


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_has_an_example_of_its_command(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    examples = out.partition("Examples:")[2]
    assert f"\n    {' '.join(('zkdps', *path))}" in examples, f"no example in:\n{out}"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_examples_name_only_options_that_exist(path: tuple[str, ...]) -> None:
    command = ALL[path]
    lines = [
        line.split() for line in (command.help or "").splitlines() if line.strip().startswith("zk")
    ]
    for words in lines:
        verb = tuple(word for word in words[1:3] if word.isalpha())
        target = ALL.get(verb) or ALL[verb[:1]]
        known = {option for param in target.params for option in param.opts}
        used = {word for word in words if word.startswith("-")}
        assert used <= known, f"{' '.join(words)}: {used - known} is no option"


@pytest.mark.parametrize("path", [path for path, c in ALL.items() if isinstance(c, Verb)])
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    for param in ALL[path].params:
        if isinstance(param, click.Option):
            assert param.help, f"{path}: {param.opts}"
    assert "--json" in {option for param in ALL[path].params for option in param.opts}


def failed(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The message of a command line that is wrong usage."""
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("zkdps: error: ") and lines[1].startswith("zkdps: hint: ")
    assert len(lines) == 2, "one error, one hint"
    return lines[0]


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: zkdps")


@pytest.mark.parametrize("args", [["nonsense"], ["srs"], ["key"], ["srs", "nonsense"], ["--no"]])
def test_unknown_words(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    failed(args, capsys)


def test_everything_missing_and_malformed_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["build", "--scale", "99", "--shape", "foo", "--max-ram", "8", "--margin", "0"]
    message = failed(args, capsys)
    for part in ("'--scale'", "'--shape'", "'--max-ram'", "'--margin'", "MODEL", "'--data'", "-o"):
        assert part in message, f"{part} is not in {message}"


def test_every_conflict_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = failed(
        [
            *("build", str(tmp_path / "none.onnx"), "--data", str(tmp_path / "none.npz")),
            *("-o", str(tmp_path / "PKG"), "--scale", "8", "--target-error", "0.1"),
            *("--blocks", "2", "--cut", "a", "--cut", "a", "--max-ram", "8GiB"),
            *("--shape", "x=1", "--shape", "x=2"),
        ],
        capsys,
    )
    for part in (
        "none.onnx",
        "none.npz",
        "--scale and --target-error exclude",
        "--blocks and --cut and --max-ram exclude",
        "--cut names a more than once",
        "--shape names x more than once",
    ):
        assert part in message, f"{part} is not in {message}"
    assert not (tmp_path / "PKG").exists(), "nothing was begun"


@pytest.mark.parametrize(
    ("extra", "part"),
    [
        ([], "--input or --inputs-dir is missing"),
        (["--input", "{here}/x.npz", "--inputs-dir", "{here}"], "--input and --inputs-dir exclude"),
        (["--inputs-dir", "{here}", "--output-file", "{here}/y.npz"], "--output-file exclude"),
        (["--inputs-dir", "{here}/x.npz"], "it is a file; a folder is needed"),
        (["--input", "{here}/x.npz", "--output-file", "{here}/no/y.npz"], "there is no folder"),
        (["--input", "{here}/x.npz", "--output-file", "{here}"], "it is a folder"),
        (["--input", "{here}/x.npz", "--timeout", "0"], "--timeout"),
    ],
)
def test_conflicts_of_prove(
    extra: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.npz").write_bytes(b"")
    args = ["prove", "{here}", "-o", "{here}/run.zkrun", *extra]
    assert part in failed([arg.format(here=tmp_path) for arg in args], capsys)


def test_one_missing_file_keeps_its_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "no-such-file", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["class"], error["path"], error["exit_code"]) == (
        "UnreadableFile",
        "no-such-file",
        2,
    )


@pytest.mark.parametrize(
    "args",
    [
        ["verify", "--json"],
        ["--json"],
        ["nonsense", "--json"],
        ["verify", "r", "--key", "k", "--key-digest", "12", "--json"],
    ],
)
def test_wrong_usage_is_json_too(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 2
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert (error["class"], error["exit_code"]) == ("UsageConflict", 2)
    assert error["message"] in err and error["hint"]


def test_the_hint_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    run(["srs", "make"])
    assert "`zkdps srs make --help` shows examples" in capsys.readouterr().err
