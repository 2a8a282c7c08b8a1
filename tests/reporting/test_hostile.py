"""Names, reasons and values from strangers change the words of a page, never its make."""

from __future__ import annotations

import itertools
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core import synthetic
from tests.reporting import samples
from tests.reporting.outline import Element, read, shape
from zkdps.core.model_key import BlockKey
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.pages.chain_picture import MAX_LANES, BlockMark, draw_chain
from zkdps.pages.html import run_page
from zkdps.pages.tables import parameter_words
from zkdps.pages.wording import MAX_CHARACTERS, first_difference, legible, short

NASTY = [
    "</style><script>alert(1)</script>",
    "\" onload='x' <svg/onload=alert(1)>",
    "\x1b[2J\x00\x7f\r\n\u2028",
    "\u202eyek detsurt\u2066",
    "<!-- {{ 7 * 7 }} {% raw %} ]]> &lt;b&gt; &#x3c;",
]
PLAIN = ["a", "b", "c", "d", "e"]

texts = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("<>&\"'`{}%/=-!\x00\x1b\u202e\u2066\ud800\ufeff"),
        st.characters(categories=["Cs", "Cc", "Cf", "Co", "Cn"]),
    ),
    max_size=600,
)
names = st.lists(texts, min_size=5, max_size=5, unique=True)


def check(page: str) -> Element:
    """The page, if it is well made and shows nothing that does not print."""
    html = read(page)
    allowed = {"\n"}
    strange = {char for char in page if not char.isprintable()} - allowed
    assert not strange, f"shown as they are: {sorted(map(ascii, strange))}"
    return html


@given(names)
@settings(max_examples=60, deadline=None)
def test_names_never_change_how_a_page_is_made(given_names: list[str]) -> None:
    for make in (samples.named, samples.failed_with):
        page = run_page(make(given_names))
        check(page)
        plain = [each for each in shape(run_page(make(PLAIN))) if each[0] != "code"]
        found = [each for each in shape(page) if each[0] != "code"]
        assert without_optional(found) == without_optional(plain)


def without_optional(
    elements: list[tuple[str, tuple[tuple[str, str], ...]]],
) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Less what depends on whether a text is empty or long, and not on what it says."""
    optional = {"span", "dt", "dd", "bdi", "figure", "svg", "title", "desc", "g", "text", "path"}
    return [each for each in elements if each[0] not in optional]


def test_the_worst_that_we_could_think_of() -> None:
    for make in (samples.named, samples.failed_with):
        html = check(run_page(make(NASTY)))
        assert not html.all("script", "b")
        text = html.text
        assert "<script>alert(1)</script>" in text, "shown as what it is"
        assert r"\x1b[2J\x00\x7f\r\n\u2028" in text
        assert r"\u202eyek detsurt\u2066" in text
        assert "{{ 7 * 7 }}" in text


@given(texts, st.integers(0, 600))
def test_what_is_shown_prints_and_is_bounded(text: str, at_most: int) -> None:
    shown = legible(text, at_most)
    assert shown.isprintable()
    # An escape takes at most ten characters.
    assert len(shown) <= 10 * min(at_most, MAX_CHARACTERS) + 10 * at_most + 80
    assert text.isprintable() is False or len(text) > at_most or shown == text
    assert short(text, 28).isprintable() and len(short(text, 28)) <= 28


def test_long_values_that_differ_look_different() -> None:
    first, second = "ab" * 4000, "ab" * 3999 + "ac"
    assert legible(first) != legible(second) and len(legible(first)) < 300
    assert first_difference(first, second) == 8000
    assert first_difference("ab", "ac") is None, "both are shown whole"
    assert first_difference(first, first + "d") == 8001


def test_a_great_many_residuals_stay_in_their_lanes() -> None:
    count = 60
    tensors = tuple(TensorSpec(f"t{place}", (1,), "float32", 8) for place in range(count + 1))
    blocks = tuple(
        Block(place, "b", tuple(f"t{each}" for each in range(place + 1)), (f"t{place + 1}",))
        for place in range(count)
    )
    plan = Plan(tensors, ("t0",), (f"t{count}",), blocks)
    picture = draw_chain(plan, (BlockMark("planned", "", ""),) * count, {})
    assert len(picture.detours) == sum(range(count))
    assert len({each.lane_x for each in picture.detours}) == MAX_LANES
    assert all(0 < each.lane_x < picture.left for each in picture.detours)
    assert all(each.top < each.bottom < picture.height for each in picture.detours)
    tops = [(box.top, box.top + box.height) for box in picture.boxes]
    assert all(above[1] < below[0] for above, below in itertools.pairwise(tops))


def test_residuals_that_overlap_have_lanes_of_their_own() -> None:
    plan = synthetic.plan()
    picture = draw_chain(plan, (BlockMark("planned", "", ""),) * 3, {})
    (detour,) = picture.detours
    boxes = picture.boxes
    assert boxes[1].top < detour.top < boxes[1].top + boxes[1].height, "leaves block 0"
    assert boxes[3].top < detour.bottom < boxes[3].top + boxes[3].height, "enters block 2"


def test_parameters_of_any_shape_are_one_line() -> None:
    nested = json.loads('{"a": [1, {"b": null}], "c": "x\\ny", "d": true}')
    words = parameter_words(BlockKey("00" * 32, nested, {}))
    assert words == 'a [1,{"b":null}], c x\ny, d true'
    assert legible(words) == 'a [1,{"b":null}], c x\\ny, d true'
