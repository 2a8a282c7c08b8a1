"""Every bench runs once at its smallest and leaves a record that says what it measured where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benches import BENCHES
from benches.outcome import Bench, Line, Outcome, Place, measure, median, write_record
from zkdps.workflows.reports import Machine


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BENCHES))
def test_bench_runs_and_leaves_a_record(name: str, machine: Machine, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    record = measure(BENCHES[name], Place(scratch, machine, smoke=True))
    read = json.loads(write_record(record, tmp_path / "results").read_bytes())
    assert read["bench"] == name
    assert read["smoke"] is True, "smoke numbers must not pass for measurements"
    assert read["lines"], "a bench answers with at least one line"
    for line in read["lines"]:
        assert line["met"] == (line["measured"] <= line["limit"]), line["claim"]
    assert {"machine", "versions", "load_before", "load_after", "facts"} <= read.keys()


def test_a_missed_line_is_recorded_as_missed(machine: Machine, tmp_path: Path) -> None:
    lines = (Line("too much", 2.0, 1.0), Line("just enough", 1.0, 1.0))
    bench = Bench("invented", "Is a missed line said to be missed?", lambda _: Outcome(lines, {}))
    record = measure(bench, Place(tmp_path, machine, smoke=False))
    read = json.loads(write_record(record, tmp_path).read_bytes())
    assert [line["met"] for line in read["lines"]] == [False, True]


def test_median_of_odd_and_even_counts() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5
