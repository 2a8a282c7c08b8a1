"""Write honest runs and their key, which must verify for ever.

python -m tests.vectors.sumcheck.generate --out tests/vectors/sumcheck/stored

May be used before a version is released, or into a new folder for a new version.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.vectors.edits import archive
from tests.vectors.sumcheck.chain import INPUTS, Bench
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.reports import Machine

KEY = "model.zkvk"


def write(out: Path) -> None:
    """The key, and a run for each input."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        machine = Machine(Path(folder) / "cache", timeout_s=300)
        with open_prover("sumcheck", machine) as prover:
            bench = Bench(Path(folder), machine, prover)
            (out / KEY).write_bytes(archive(bench.key()))
            for name in INPUTS:
                (out / f"{name}.zkrun").write_bytes(archive(bench.honest(name)))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    write(parser.parse_args().out)


if __name__ == "__main__":
    main()
