"""`python -m benches [NAME ...]`: measure, print the lines, keep the JSON files."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benches import BENCHES
from benches.outcome import Bench, Place, measure, talk, write_record
from zkdps.workflows.reports import Machine

RESULTS = Path(__file__).parent / "results"
CACHE = Path.home() / ".cache" / "zkdps"


def main(arguments: Sequence[str]) -> int:
    """Run benches; 0 if they ran, whether or not their lines were met: evidence is no test."""
    asked = _parser().parse_args(arguments)
    chosen = [BENCHES[name] for name in asked.names or BENCHES]
    for bench in chosen:
        record = run(bench, asked.cache, smoke=asked.smoke, scratch=asked.scratch)
        path = write_record(record, asked.json_out)
        print(_table(record))
        talk(f"written to {path}")
    return 0


def run(
    bench: Bench, cache: Path, *, smoke: bool, scratch: Path | None = None
) -> dict[str, object]:
    """One bench in a folder of its own below `scratch`, which is removed afterwards."""
    talk(f"{bench.name}: {bench.question}")
    with tempfile.TemporaryDirectory(prefix="zkdps-bench-", dir=scratch) as folder:
        machine = Machine(cache, timeout_s=3600)
        return measure(bench, Place(Path(folder), machine, smoke))


def _table(record: Mapping[str, Any]) -> str:
    rows = [f"{record['bench']}: {record['question']}"]
    for line in record["lines"]:
        word = "met" if line["met"] else "MISSED"
        rows.append(
            f"  {word:6}  {line['measured']:.4g} (at most {line['limit']:.4g})  {line['claim']}"
        )
    return "\n".join(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], metavar="NAME")
    parser.add_argument("--json-out", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="SRS cache")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where to work: needs 10 GB")
    parser.add_argument("--smoke", action="store_true", help="smallest run; numbers mean nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
