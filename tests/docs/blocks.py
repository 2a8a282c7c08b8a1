"""The blocks of a Markdown document that run, and how their output is compared.

`CONTRIBUTING.md` states the rule; this is all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SHARED_COMMAND = "zkdps demo digits --folder demo"
"""Takes most of the time, so it runs once a session (`digits_demo`), for documents and others."""

_FENCE = re.compile(r"^```(?P<kind>\w*)(?P<options>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)
_HEX = re.compile(r"\b[0-9a-f]{8,}\b")
_AMOUNT = re.compile(
    r"-?\b\d+(?:\.\d+(?:e-?\d+)?(?: ?(?:s|ms|[kMG]?B|[KMG]iB)\b)?|"
    r" ?(?:s|ms|[kMG]?B|[KMG]iB)\b)"
)
_RULE = re.compile("─+")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    kind: str
    """`console`, `python`, `sh`, ..."""
    exit_code: int
    """That every command in it must have."""
    body: str
    line: int
    """Where it begins, from 1."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, and the lines shown below it."""

    text: str
    shown: tuple[str, ...]


def documents() -> tuple[Path, ...]:
    """All documents, README first."""
    return (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def blocks(text: str) -> tuple[Block, ...]:
    """The fenced blocks of a document, in order."""
    found = []
    for match in _FENCE.finditer(text):
        exit_code = re.fullmatch(r"(?: exit=(\d+))?", match["options"])
        assert exit_code, f"what does {match['options']!r} mean?"
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match["kind"], int(exit_code[1] or 0), match["body"], line))
    return tuple(found)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block; a backslash at the end of a line continues it."""
    parts = re.split(r"^\$ ", block.body, flags=re.M)
    assert not parts[0].strip(), f"line {block.line}: output before the first `$ `"
    for part in parts[1:]:
        command, _, output = part.replace("\\\n", "").partition("\n")
        yield Command(" ".join(command.split()), tuple(output.splitlines()))


def masked(line: str) -> str:
    """A line without what differs from run to run and from machine to machine."""
    line = _AMOUNT.sub("<amount>", _HEX.sub("<hex>", line))
    return " ".join(_RULE.sub("─", line).split())


def missing_lines(shown: tuple[str, ...], real: str) -> list[str]:
    """The first shown line that does not occur, in the order shown, in the real output."""
    rest = iter([masked(line) for line in real.splitlines()])
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        pattern = re.compile(".*".join(map(re.escape, masked(line).split("..."))))
        if not any(pattern.fullmatch(candidate) for candidate in rest):
            # The iterator is spent now, so all further lines are missing too: one is enough.
            return [line]
    return []
