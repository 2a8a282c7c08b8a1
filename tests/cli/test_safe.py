"""Nothing from a file or an argument can steer the terminal."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli import samples
from zkdps.core.plan import Block
from zkdps.terminal import output, pages, records, verdicts
from zkdps.terminal.pictures import draw_chain
from zkdps.terminal.safe import safe

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x9b\x07\r\n\t\b\x7f\u202e\u2066\u200b\u2028\ud800[]/:\\"),
    ),
    max_size=60,
)
MARKUP = "[bold red]verified[/] :warning: [link=http://x]y[/link]"


@given(HOSTILE)
def test_safe_text_prints_on_one_line_and_reorders_nothing(text: str) -> None:
    shown = safe(text)
    assert shown.isprintable(), f"{shown!r} still steers"
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=60))
def test_safe_text_leaves_honest_names_alone(text: str) -> None:
    assert safe(text) == text


def test_safe_text_is_bounded() -> None:
    assert safe("x" * 300, at_most=10) == "x" * 10 + "..."
    assert safe("\x1b[2J") == "\\x1b[2J"
    assert safe("a\u202eb\nc") == "a\\u202eb\\nc"


@given(HOSTILE)
def test_a_line_shows_exactly_the_safe_text(text: str) -> None:
    shown = output.render([output.words(text)], _Utf8())
    assert shown.rstrip("\n") == safe(text).rstrip()


@pytest.mark.parametrize("text", [MARKUP, "[/]", "[", "\\[bold]"])
def test_markup_is_text(text: str) -> None:
    page: output.Page = [
        output.words(text),
        output.grid([(text, text)]),
        output.table([text], [[text]]),
    ]
    shown = output.render(page, _Utf8())
    assert shown.count(text) == 5, f"{text} was interpreted in:\n{shown}"


@given(HOSTILE.filter(lambda name: name not in {"x", "g", "y"}).map(lambda name: name[:8]))
def test_no_page_lets_a_tensor_name_through_raw(name: str) -> None:
    for page, honest in zip(_pages(name), _pages("h"), strict=True):
        shown = output.render(page, _Utf8())
        assert all(char.isprintable() for line in shown.split("\n") for char in line)
        lines = output.render(honest, _Utf8()).count("\n")
        assert shown.count("\n") == lines, f"{name!r} smuggled a line in:\n{shown}"


def _pages(name: str) -> tuple[output.Page, ...]:
    chain = draw_chain(samples.plan(name), samples.run(name))
    return (
        pages.plan_page(samples.plan_report(name)),
        verdicts.verdict_page(samples.verdict(name)),
        [output.words(line) for line in chain],
    )


@given(HOSTILE)
def test_json_holds_the_name_exactly_and_no_raw_control_character(name: str) -> None:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        output.emit_json({"name": name})
    assert json.loads(out.getvalue())["name"] == name
    assert all(" " <= char <= "~" or char == "\n" for char in out.getvalue())


@given(HOSTILE)
def test_an_inspection_shows_hostile_facts_safely(name: str) -> None:
    inspection = samples.inspection(problem=name)
    nested = {"facts": {name: [name, {name: name}]}}
    hostile = type(inspection)(inspection.path, name, nested, name)
    shown = output.render(verdicts.inspection_page(hostile), _Utf8())
    assert all(char.isprintable() for line in shown.split("\n") for char in line)
    assert records.of_inspection(hostile)["verified"] is False


def test_a_hostile_block_name_cannot_break_its_box() -> None:
    plan = samples.plan()
    evil = Block(0, "a\n┌ fake ┐" + "x" * 500, ("x",), ("h",))
    changed = type(plan)(plan.tensors, plan.inputs, plan.outputs, (evil, *plan.blocks[1:]))
    lines = draw_chain(changed, samples.run())
    box = [line for line in lines if "block 0" in line or "fake" in line]
    assert "\n" not in "".join(lines)
    assert len(box[0]) < 80, "a long name must be cut"


class _Utf8(io.StringIO):
    encoding = "utf-8"
