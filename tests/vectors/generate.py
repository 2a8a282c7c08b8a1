"""Makes the vectors: `python -m tests.vectors.generate --out DIR [--honest DIR] [--fresh]`.

Without `--fresh` the flawed vectors are made from the stored honest ones, byte for byte the same
every time.  With it the honest ones are built and proved anew first; a released version's honest
vectors must never be replaced, so that is for a new version of a format, into new folders.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from tests.vectors import honest
from tests.vectors.flaws import FLAWS
from tests.vectors.record import HOME, write
from tests.vectors.stored import Stored
from zkdps.workflows.reports import Machine

COMMAND = "python -m tests.vectors.generate --out tests/vectors"


def make_flawed(out: Path, home: Path = HOME) -> list[str]:
    """Write every flawed vector into `out`, from the honest ones in `home`; their names."""
    stored = Stored(home)
    vectors = [flaw.vector(stored) for flaw in FLAWS.values()]
    for vector in vectors:
        write(vector, out)
    return [vector.name for vector in vectors]


def make_honest(out: Path, machine: Machine | None = None) -> list[str]:
    """Build and prove the honest vectors into `out`; their names."""
    with tempfile.TemporaryDirectory(prefix="zkdps-vectors-") as scratch:
        machine = machine or Machine(Path(scratch) / "cache")
        made = []
        for vector in honest.make(out, Path(scratch), machine):
            write(vector, out)
            made.append(vector.name)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write the vectors to")
    parser.add_argument("--honest", type=Path, default=HOME, help="folder of the honest vectors")
    parser.add_argument("--fresh", action="store_true", help="prove the honest ones anew")
    asked = parser.parse_args()
    if asked.fresh:
        make_honest(asked.out)
        make_flawed(asked.out, asked.out)
        return
    for folder in asked.out.glob("*_fail"):
        shutil.rmtree(folder)
    make_flawed(asked.out, asked.honest)


if __name__ == "__main__":
    main()
