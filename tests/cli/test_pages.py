"""What people read: one line per block, boundary and check, the chain as a picture."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tests.cli import samples
from zkdps.core.srs import SrsKind
from zkdps.terminal import output, pages, records, verdicts
from zkdps.terminal.pictures import draw_chain, draw_image

REPORTS: Mapping[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "tensors": (samples.plan().tensors, records.of_tensors, pages.tensors_page),
    "plan": (samples.plan_report(), records.of_plan, pages.plan_page),
    "build": (samples.build_report(), records.of_build, pages.build_page),
    "prove": (samples.prove_report(), records.of_prove, pages.prove_page),
    "many": ((samples.prove_report(),) * 2, records.of_proves, pages.proves_page),
    "verdict": (samples.verdict(), records.of_verdict, verdicts.verdict_page),
    "inspection": (samples.inspection(), records.of_inspection, verdicts.inspection_page),
    "bounds": (samples.bounds_report(), records.of_bounds, verdicts.bounds_page),
    "audit": (samples.audit_report(), records.of_audit, verdicts.audit_page),
    "srs": (samples.srs_file(), records.of_srs, pages.srs_file_page),
    "srs list": ((samples.srs_file(),), records.of_srs_files, pages.srs_page),
    "no srs": ((), records.of_srs_files, pages.srs_page),
    "doctor": (samples.findings(True), records.of_findings, pages.findings_page),
    "demo": (samples.demo_report(), records.of_demo, pages.demo_page),
}


class File(io.StringIO):
    """A stdout of some encoding, perhaps a terminal."""

    def __init__(self, encoding: str = "utf-8", is_terminal: bool = False) -> None:
        super().__init__()
        self._encoding = encoding
        self._is_terminal = is_terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._is_terminal


def text_of(page: Any, encoding: str = "utf-8") -> str:
    return output.render(page, File(encoding))


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_has_a_page_and_a_json_object(name: str) -> None:
    report, record, page = REPORTS[name]
    again = json.loads(json.dumps(output.jsonable(record(report)), allow_nan=False))
    assert isinstance(again, dict) and again, "a report is one JSON object"
    shown = text_of(page(report))
    assert shown.endswith("\n") and "\x1b" not in shown, "no colours outside a terminal"
    assert all(line == line.rstrip() for line in shown.splitlines())


@pytest.mark.parametrize("name", REPORTS)
def test_every_page_fits_an_ascii_terminal(name: str) -> None:
    report, _, page = REPORTS[name]
    assert text_of(page(report), "ascii").isascii()


def test_colours_on_a_terminal_unless_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    page = verdicts.verdict_page(samples.verdict())
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in output.render(page, File(is_terminal=True))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", output.render(page, File(is_terminal=True)))


def test_verify_has_a_line_per_block_boundary_and_check_and_ends_in_the_verdict() -> None:
    lines = text_of(verdicts.verdict_page(samples.verdict())).splitlines()
    starts = [re.match(r"[a-z]+ [0-9]*", line) for line in lines]
    found = [match[0] for match in starts if match]
    assert [each for each in found if each.startswith("block")] == ["block 0", "block 1", "block 2"]
    assert [each for each in found if each.startswith("check")] == [
        f"check {number}" for number in range(1, 12)
    ]
    boundaries = [line for line in lines if line.startswith("boundary")]
    assert len(boundaries) == len(samples.plan().boundaries) == 5
    assert any("block 0 → block 2" in line and "h bbbbbbbb" in line for line in boundaries)
    assert lines[-1].startswith("verified: 3 of 3 blocks proved")
    assert sum(line.startswith("verified") for line in lines) == 1


def test_the_verdict_says_what_it_does_not_cover() -> None:
    line = verdicts.verdict_line(samples.verdict()).plain
    assert "DEVELOPMENT SRS" in line and "output values not compared" in line
    assert "input values" not in line and " input " not in line
    assert "DEVELOPMENT" not in verdicts.verdict_line(samples.verdict(kind=SrsKind.CEREMONY)).plain


def test_the_plan_adds_up_and_takes_the_largest_memory() -> None:
    lines = text_of(pages.plan_page(samples.plan_report())).splitlines()
    (total,) = [line for line in lines if line.lstrip().startswith("total")]
    assert total.split("  ")[-1].strip() == "6.75 s"
    assert "55.2 MB" in total and "400 MB" in total and "9000" in total
    assert any("2 Conv, Relu" in line for line in lines)
    assert any("this machine's probes" in line for line in lines)


def test_an_output_is_shown_in_part_and_given_whole_as_json() -> None:
    report = samples.prove_report(40)
    shown = text_of(pages.prove_page(report))
    assert "output y (1×40): 0, 0.25, 0.5" in shown and "... (40 values)" in shown
    whole = output.jsonable(records.of_prove(report))
    assert isinstance(whole, dict)
    assert np.array_equal(whole["outputs"]["y"], report.outputs["y"])


def test_the_chain_shows_residuals_and_commitments() -> None:
    assert draw_chain(samples.plan(), samples.run()) == [
        "    input",
        "      │  x  aaaaaaaa",
        "      ▼",
        "    ┌────────────────────┐",
        "    │ block 0  Conv+Relu │",
        "    └────────────────────┘",
        "      │  h  bbbbbbbb",
        "      ▼",
        "    ┌───────────────┐",
        "    │ block 1  Gemm │",
        "    └───────────────┘",
        "      │  g  cccccccc",
        "      ├──◄ block 0: h  bbbbbbbb",
        "      ▼",
        "    ┌──────────────┐",
        "    │ block 2  Add │",
        "    └──────────────┘",
        "      │  y  dddddddd",
        "      ▼",
        "    output",
    ]


def test_a_picture_has_two_characters_a_pixel_and_clips() -> None:
    image = np.array([[-1.0, 0.5, 9.0]], dtype=np.float32)
    assert draw_image(image) == ["  ▒▒██"]


def test_the_demo_shows_digit_answer_chain_costs_and_verdict() -> None:
    shown = text_of(pages.demo_page(samples.demo_report()))
    for part in ("▒▒██", "expected 3, predicted 3", "block 2  Add", "410 MB", "verified: 3 of 3"):
        assert part in shown, f"{part} is missing in\n{shown}"


def test_the_build_gives_the_bound_in_real_units() -> None:
    shown = text_of(pages.build_page(samples.build_report()))
    # 3 steps at scale_bits 8.
    assert re.search(r"error of y +at most 0\.01172 on 32 held-out samples", shown), shown


def test_the_doctor_says_how_to_get_what_is_missing() -> None:
    shown = text_of(pages.findings_page(samples.findings(False)))
    assert re.search(r"missing +ezkl", shown) and "to get it: pip install ezkl" in shown
    assert re.search(r"absent +torch", shown)
    assert records.of_findings(samples.findings(False))["works"] is False
    assert records.of_findings(samples.findings(True))["works"] is True


def test_the_bounds_show_both_rules_and_what_is_left() -> None:
    shown = text_of(verdicts.bounds_page(samples.bounds_report()))
    row = r"gemm +65536 +14 +805306368 +536870912 +holds 0\.99 bits +holds 0\.67 bits"
    assert re.search(row, shown), shown
    assert "1 relations" in shown.splitlines()[-1]
