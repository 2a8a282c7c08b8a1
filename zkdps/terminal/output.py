"""What goes to stdout and stderr: stdout holds the result and nothing else.

Human results are *pages*: rows of rich renderables, made with the three constructors here, which
put every string through `safe`.  rich is imported when a page is made, never before.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from zkdps.core.errors import StorageFailed
from zkdps.terminal.safe import safe

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    Page = Sequence[RenderableType]

Report = TypeVar("Report")

PIPE_COLUMNS = 400
"""Width where there is no terminal: wide enough that nothing people grep for is wrapped."""

_ASCII = str.maketrans(
    {
        "→": "->",
        "×": "x",
        "│": "|",
        "├": "+",
        "◄": "<",
        "▼": "v",
        "─": "-",
        "┌": "+",
        "┐": "+",
        "└": "+",
        "┘": "+",
        "░": ".",
        "▒": ":",
        "▓": "+",
        "█": "#",
    }
)
"""What our own pictures are made of where the terminal has only ASCII."""


def emit(
    report: Report,
    as_json: bool,
    record: Callable[[Report], Mapping[str, object]],
    page: Callable[[Report], Page],
) -> None:
    """Print one result: `record(report)` as JSON, or `page(report)` for people."""
    if as_json:
        emit_json(record(report))
    else:
        _print(render(page(report), sys.stdout))


def emit_json(record: Mapping[str, object]) -> None:
    """Print one JSON object."""
    text = json.dumps(jsonable(record), indent=2, allow_nan=False)
    # JSON may hold DEL raw; a terminal should not see it.
    _print(text.replace("\x7f", "\\u007f") + "\n")


def talk(text: str) -> None:
    """One line on stderr, prefixed with the program's name."""
    # Who closed stderr does not want to hear of it; the exit code still tells.
    with contextlib.suppress(OSError):
        _write(sys.stderr, f"zkdps: {safe(text, at_most=4000)}\n")


def render(page: Page, file: TextIO) -> str:
    """The page as text for `file`: coloured on a terminal, plain elsewhere."""
    console = console_of(file)
    with console.capture() as capture:
        for part in page:
            console.print(part, soft_wrap=not _is_table(part))
    text = capture.get()
    if console.color_system is None:
        text = "".join(line.rstrip() + "\n" for line in text.splitlines())
    return text if _is_unicode(file) else text.translate(_ASCII)


def console_of(file: TextIO) -> Console:
    """A console that interprets nothing in the text it is given; honours NO_COLOR."""
    from rich.console import Console

    return Console(
        file=file,
        width=None if file.isatty() else PIPE_COLUMNS,
        markup=False,
        highlight=False,
        emoji=False,
    )


def words(*parts: object, style: str = "", at_most: int = 4000) -> Text:
    """One line: the parts joined by blanks."""
    from rich.text import Text

    return Text(" ".join(safe(part, at_most) for part in parts), style=style)


def grid(rows: Sequence[Sequence[str | Text]]) -> Table:
    """Aligned columns without lines or heads; plain strings are made safe here."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for _ in range(max((len(row) for row in rows), default=0)):
        table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    return table


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str | Text]], *, numbers: Sequence[str] = ()
) -> Table:
    """A table with heads; columns named in `numbers` are set flush right."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        made.add_column(head, justify="right" if head in numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def jsonable(value: object) -> object:
    """`value` in JSON's types: paths as strings, bytes as hex, arrays as lists, no NaN."""
    if isinstance(value, Mapping):
        return {str(name): jsonable(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _cell(cell: str | Text) -> Text:
    return words(cell, at_most=200) if isinstance(cell, str) else cell


def _is_table(part: RenderableType) -> bool:
    from rich.table import Table

    return isinstance(part, Table)


def _is_unicode(file: TextIO) -> bool:
    return (file.encoding or "ascii").lower().replace("_", "-").startswith("utf")


def silence_stdout() -> None:
    """Let what stdout still holds go nowhere; the interpreter flushes it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(text: str) -> None:
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        silence_stdout()
        raise StorageFailed("stdout", error.strerror or str(error)) from error


def _write(file: TextIO, text: str) -> None:
    file.write(text)
    file.flush()
