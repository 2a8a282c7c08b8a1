"""The `zkdps srs` commands; as thin as those in `cli.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkdps.terminal import options, pages, records
from zkdps.terminal.options import PATH, argument, option
from zkdps.terminal.problems import settle, unreadable, verb
from zkdps.terminal.voice import Voice

if TYPE_CHECKING:
    from zkdps.workflows.reports import Machine


@click.group("srs", no_args_is_help=False)
def srs_group() -> None:
    """Structured reference strings: make, import, check, list.

    \b
    Examples:
      zkdps srs list
      zkdps srs make --logrows 15
    """


@verb(srs_group, "make")
@option("--logrows", type=click.IntRange(1, 20), required=True, help="k: it serves 2**k rows.")
@options.on_machine
@options.speaking
def srs_make_command(logrows: int, machine: Machine, voice: Voice) -> None:
    """Make a development SRS.  Its secret is public: anybody can forge proofs under it.

    \b
    Examples:
      zkdps srs make --logrows 15
    """
    settle()
    from zkdps.workflows.srs import make_srs

    file = make_srs(logrows, machine=machine)
    voice.emit(file, records.of_srs, pages.srs_file_page)


@verb(srs_group, "import")
@argument("path", metavar="FILE", type=PATH)
@option("--source", required=True, help="Which ceremony it is from, for everybody who reads keys.")
@option(
    "--sha256",
    "expected_sha256",
    metavar="SHA256",
    callback=options.parsed_by(options.parse_digest),
    help="As the ceremony published it.",
)
@options.on_machine
@options.speaking
def srs_import_command(path: Path, voice: Voice, **asked: Any) -> None:
    """Check a ceremony's SRS by pairings and put it in the cache.

    \b
    Examples:
      zkdps srs import kzg17.srs --source "perpetual powers of tau" --sha256 SHA256
    """
    settle(unreadable(path))
    from zkdps.workflows.srs import import_srs

    voice.emit(import_srs(path, **asked), records.of_srs_files, pages.srs_page)


@verb(srs_group, "check")
@argument("path", metavar="FILE", type=PATH)
@options.speaking
def srs_check_command(path: Path, voice: Voice) -> None:
    """Check that a file is an SRS, by pairings.

    \b
    Examples:
      zkdps srs check kzg17.srs
    """
    settle(unreadable(path))
    from zkdps.workflows.srs import check_srs

    voice.emit(check_srs(path), records.of_srs, pages.srs_file_page)


@verb(srs_group, "list")
@options.on_machine
@options.speaking
def srs_list_command(machine: Machine, voice: Voice) -> None:
    """List the SRS files in the cache.

    \b
    Examples:
      zkdps srs list --json
    """
    settle()
    from zkdps.workflows.srs import list_srs

    voice.emit(list_srs(machine=machine), records.of_srs_files, pages.srs_page)
