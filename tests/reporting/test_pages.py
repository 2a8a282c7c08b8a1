"""What pages say, of runs that hold, runs that fail, and keys; and that they are well made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.core import synthetic
from tests.reporting import samples
from tests.reporting.outline import HEADINGS, Element, read
from zkdps.core.checks import TITLES
from zkdps.core.errors import CheckFailed
from zkdps.core.srs import SrsKind
from zkdps.pages.findings import KeyFindings
from zkdps.pages.html import key_page, run_page

PAGES = {
    "good": run_page(samples.good(accuracy=samples.accuracy())),
    "development": run_page(samples.good(SrsKind.DEVELOPMENT)),
    "key": key_page(samples.of_key(accuracy=samples.accuracy())),
    **{f"failed-{check}": run_page(samples.failed(check)) for check in samples.FAILURES},
}


def section(page: str, name: str) -> Element:
    """The section with that id."""
    return next(each for each in read(page).all("section") if each.attributes["id"] == name)


def states(page: str) -> list[str]:
    """The state of each check."""
    lines = section(page, "checks").all("li")
    return [line.all("span")[1].text for line in lines]


def test_a_good_run_says_so_first() -> None:
    page = PAGES["good"]
    verdict = section(page, "verdict")
    assert verdict.one("h1").text == "Verified"
    assert "3 of 3 blocks proved" in verdict.text
    assert "input and output values were both not compared" in verdict.text
    key = synthetic.key(SrsKind.CEREMONY)
    for value in (synthetic.run(key).run_id, key.digest, "ceremony"):
        assert value in verdict.text
    assert states(page) == ["passed"] * 6 + ["open"] * 2 + ["absent"] * 2 + ["passed"]
    main = read(page).one("main")
    first = next(part for part in main.inner if isinstance(part, Element))
    assert first.attributes["id"] == "verdict", "the verdict stands above everything"


def test_a_development_srs_is_in_the_headline() -> None:
    verdict = section(PAGES["development"], "verdict")
    assert verdict.one("h1").text == "Verified, for development only"
    assert "everybody can forge" in verdict.text
    assert "caution" in verdict.attributes["class"]


@pytest.mark.parametrize("check", samples.FAILURES)
def test_a_failed_run_says_which_check_where_expected_and_got(check: int) -> None:
    page, failure = PAGES[f"failed-{check}"], samples.FAILURES[check]
    verdict = section(page, "verdict")
    assert verdict.one("h1").text == "Not verified"
    assert f"Check {check} failed: {TITLES[check]}." in verdict.text
    assert failure.reason in verdict.text
    for label, value in (("Expected", failure.expected), ("Got", failure.got)):
        assert (value is None) or f"{label} {value}" in facts(verdict)
    if failure.block is not None:
        assert (
            f"Where block {failure.block} {synthetic.plan().blocks[failure.block].name}"
            in facts(verdict)
        )
    found = states(page)
    assert found[check - 1] == "failed" and len(found) == 11
    assert set(found[check:]) <= {"not reached"} and "not reached" not in found[:check]
    assert "Verified" not in read(page).text, "nothing on the page may read like a good verdict"


def facts(part: Element) -> list[str]:
    """`label value note` of every fact."""
    pairs = zip(part.all("dt"), part.all("dd"), strict=True)
    return [f"{label.text} {value.text}" for label, value in pairs]


def test_no_block_of_a_failed_run_is_called_proved() -> None:
    for check in samples.FAILURES:
        if check == 1:
            continue
        page = PAGES[f"failed-{check}"]
        picture = section(page, "chain").one("svg")
        assert not [each for each in picture.all("g") if each.attributes.get("class") == "proved"]
        coverage = [row.all("td")[1].text for row in section(page, "costs").all("tr")[1:]]
        assert "proved" not in coverage, coverage


def test_the_broken_boundary_is_marked() -> None:
    picture = section(PAGES["failed-6"], "chain").one("svg")
    broken = [each for each in picture.all() if "broken" in each.attributes.get("class", "")]
    assert any("from block 0: r" in each.text for each in broken), "the residual that was spliced"
    assert "block 0 → block 2" in section(PAGES["failed-6"], "verdict").text


def test_commitments_are_shown_only_of_receipts_that_fit_the_plan() -> None:
    run = synthetic.run()
    digits = run.receipts[0].statement.outputs[0].value.hex()[:8]
    assert digits in PAGES["good"] and digits in PAGES["failed-6"]
    for check in (1, 2, 3, 4):
        assert digits not in PAGES[f"failed-{check}"], f"check {check} came before they were fit"


def test_the_chain_shows_blocks_tensors_and_the_residual() -> None:
    picture = section(PAGES["good"], "chain").one("svg")
    assert picture.attributes["role"] == "img"
    texts = [each.text for each in picture.all("text")]
    for words in ("input", "block 0 stem", "block 1 body", "block 2 head", "output"):
        assert words in texts
    assert any(text.startswith("from block 0: r") for text in texts)
    assert "unsigned" in section(PAGES["good"], "chain").one("figcaption").text


def test_times_and_memory_are_the_operators_word() -> None:
    costs = section(PAGES["good"], "costs")
    assert "operator's word" in costs.text
    row = [cell.text for cell in costs.all("tr")[1].all("td")]
    assert row == ["stem", "proved", "1.50 s", "2.25 s", "1.05 MB", "7 B"]


def test_accuracy_with_and_without_a_package() -> None:
    with_package = section(PAGES["good"], "accuracy")
    assert len(with_package.all("svg")) == 2 and len(with_package.all("circle")) == 9
    assert "in 9 of 10 decisions" in with_package.text
    without = section(run_page(samples.good()), "accuracy")
    assert not without.all("svg") and "bound that the key carries" in without.text
    assert "y ±0.01172" in without.text, "3 steps of 2**-8"


def test_limits_follow_what_was_given() -> None:
    text = section(PAGES["good"], "limits").text
    assert "--key-digest" in text and "--input" in text and "float model" in text
    assert "Who ran which block" in text
    pinned = samples.good()
    key = synthetic.key(SrsKind.CEREMONY)
    pinned = replace(pinned, policy=replace(pinned.policy, key_digest=key.digest))
    page = run_page(pinned)
    assert "--key-digest" not in section(page, "limits").text
    assert "the digest that you trust" in section(page, "verdict").text
    twice = replace(pinned, policy=replace(pinned.policy, independent=True))
    assert "two verifiers" in section(run_page(twice), "limits").text
    assert "two verifiers" not in section(page, "limits").text
    assert "Who is at fault" in section(PAGES["failed-5"], "limits").text


def test_a_key_page() -> None:
    page = PAGES["key"]
    assert section(page, "verdict").one("h1").text == "Model key of toy"
    assert synthetic.key(SrsKind.CEREMONY).digest in page
    assert "vk.key" in section(page, "lineage").text and "logrows 12" in page
    assert "Verified" not in read(page).text
    failure = CheckFailed(3, "the kind of the SRS is not what the key says", expected="a", got="b")
    bad = key_page(KeyFindings(synthetic.key(), failure, None, "0.1.0"))
    assert "Do not use this key: check 3 failed" in section(bad, "verdict").text


def test_no_verdict_without_all_checks() -> None:
    with pytest.raises(ValueError, match="only checks"):
        replace(samples.good(), outcomes=samples.outcomes(11))
    with pytest.raises(ValueError, match="only checks"):
        replace(samples.good(), key=None)
    with pytest.raises(ValueError, match="passed and failed"):
        replace(samples.good(), failure=samples.FAILURES[5])


def test_pages_are_deterministic() -> None:
    assert run_page(samples.good(accuracy=samples.accuracy())) == PAGES["good"]
    assert key_page(samples.of_key(accuracy=samples.accuracy())) == PAGES["key"]


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_well_made(name: str) -> None:
    html = read(PAGES[name])
    assert html.attributes["lang"] == "en" and html.one("head").one("title").text
    elements = html.all()
    ids = [each.attributes["id"] for each in elements if "id" in each.attributes]
    assert len(set(ids)) == len(ids), "an id stands twice"
    for each in elements:
        for name_list in ("aria-labelledby", "aria-describedby"):
            assert set(each.attributes.get(name_list, "").split()) <= set(ids)
        if each.attributes.get("href", "").startswith("#"):
            assert each.attributes["href"][1:] in ids, "a link inside the page leads nowhere"
    for tag in ("header", "main", "footer", "nav", "h1"):
        assert len(html.all(tag)) == 1, f"one <{tag}>"
    levels = [int(each.tag[1]) for each in html.all(*HEADINGS)]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in pairwise(levels))
    for picture in html.all("svg"):
        assert picture.attributes["role"] == "img" and "aria-labelledby" in picture.attributes
        assert [part.tag for part in picture.inner if isinstance(part, Element)][:2] == [
            "title",
            "desc",
        ]
    for table in html.all("table"):
        assert table.all("caption") and all("scope" in each.attributes for each in table.all("th"))
        widths = {sum(1 for cell in row.all("th", "td")) for row in table.all("tr")}
        assert len(widths) == 1, "every row has as many cells as there are heads"


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_loaded_or_run(name: str) -> None:
    html = read(PAGES[name])
    assert not html.all("script", "iframe", "object", "embed", "link", "img", "form", "base")
    for each in html.all():
        assert not [found for found in each.attributes if found.startswith("on")]
        assert "style" not in each.attributes, "the policy would refuse it"
        for place in ("href", "src", "action", "xlink:href"):
            assert each.attributes.get(place, "#").startswith("#")
    assert not re.search(r"url\(|@import", html.one("style").text)
    policy = next(each for each in html.all("meta") if "http-equiv" in each.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")
    addresses = set(re.findall(r"[a-z]+://[^\s\"<]+", PAGES[name]))
    assert addresses <= {"http://www.w3.org/2000/svg"}, addresses


# --- colours -----------------------------------------------------------------------------------


def schemes() -> Iterator[dict[str, str]]:
    """Colour variables of the light and the dark scheme."""
    style = read(PAGES["good"]).one("style").text
    for block in re.findall(r":root \{(.*?)\}", style)[:2]:
        yield dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio (WCAG 2.2)."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_enough_in_light_and_dark() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    found = list(schemes())
    assert len(found) == 2 and found[0].keys() == found[1].keys()
    for colours in found:
        surfaces = {name: value for name, value in colours.items() if name.startswith("surface")}
        assert len(surfaces) == 5
        for name, value in colours.items():
            least = {"text": 4.5, "mark": 3.0}.get(name.partition("-")[0])
            if least is None or name == "mark-faint":
                continue
            for surface, behind in surfaces.items():
                ratio = contrast(value, behind)
                assert ratio >= least, f"{name} on {surface}: {ratio:.2f}"


def test_text_has_text_colours_and_backgrounds_are_surfaces() -> None:
    style = read(PAGES["good"]).one("style").text
    for found in re.findall(r"[{;] color: ([^;]+);", style):
        assert found.startswith("var(--text"), found
    for found in re.findall(r"background: ([^;]+);", style):
        assert found.startswith("var(--surface"), found
    assert "mark-faint" not in "".join(re.findall(r"(?:fill|stroke): ([^;]+);", style)), (
        "faint lines separate, they carry no meaning"
    )
