"""Pages opened in headless Chromium, at a desk and on a phone: compared by structure.

`ZKDPS_SCREENSHOTS=FOLDER` keeps the pictures, to look at.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tests.reporting import samples
from tests.reporting.browser import Browser
from tests.reporting.outline import Element, read
from zkdps.core.srs import SrsKind
from zkdps.pages.html import key_page, run_page

pytestmark = pytest.mark.browser

LONG = [f"{letter}{'/very_long_name' * 40}" for letter in "abcde"]
PAGES = {
    "good": run_page(samples.good(accuracy=samples.accuracy())),
    "development": run_page(samples.good(SrsKind.DEVELOPMENT)),
    "failed-1": run_page(samples.failed(1)),
    "failed-6": run_page(samples.failed(6)),
    "key": key_page(samples.of_key(accuracy=samples.accuracy())),
    "long-names": run_page(samples.failed_with(LONG)),
}
DESK, PHONE, SMALL = (1280, 900), (390, 844), (320, 568)

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OUTSIDE = """
[...document.querySelectorAll("main *")].filter(each =>
  !each.closest(".scroll, svg") && each.getBoundingClientRect().right > innerWidth + 1
).map(each => each.outerHTML.slice(0, 120))
"""
FIRST_SCREEN = """
[...document.querySelectorAll(SELECTOR)].map(each => each.getBoundingClientRect().bottom)
""".replace("SELECTOR", "'#verdict h1, #verdict .lead'")


@pytest.fixture
def opened(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Browser:
    """The page and screen that the test is parametrised by."""
    name, (width, height), dark = request.param
    page = tmp_path / "page.html"
    page.write_text(PAGES[name], encoding="utf-8")
    browser.open(page, width, height, dark=dark)
    folder = os.environ.get("ZKDPS_SCREENSHOTS")
    if folder:
        picture = f"{name}-{width}{'-dark' if dark else ''}.png"
        (Path(folder) / picture).write_bytes(browser.screenshot())
    return browser


def every(*screens: tuple[int, int], dark: bool = False) -> pytest.MarkDecorator:
    """All pages on these screens."""
    cases = [(name, screen, dark) for name in PAGES for screen in screens]
    return pytest.mark.parametrize(
        "opened", cases, indirect=True, ids=[f"{name}-{screen[0]}" for name, screen, _ in cases]
    )


@every(DESK, PHONE, SMALL)
def test_it_opens_quietly_and_fits_the_screen(opened: Browser) -> None:
    assert opened.complaints() == []
    assert all(address.startswith("file:") for address in opened.requests())
    assert len(opened.requests()) == 1, "the page itself and nothing else"
    assert opened.value(OVERFLOW) <= 0, "the page scrolls sideways"
    assert opened.value(OUTSIDE) == []
    shot = opened.screenshot()
    assert struct.unpack(">I", shot[16:20])[0] == opened.value("innerWidth"), "PNG as wide"


@every(DESK)
def test_the_browser_corrects_nothing(opened: Browser) -> None:
    tree = "[...document.querySelectorAll('*')].map(each =>"
    tree += " each.tagName.toLowerCase() + ' in ' + (each.parentElement?.tagName ?? ''))"
    name = opened.value("document.title")
    (page,) = [page for page in PAGES.values() if read(page).one("head").one("title").text == name]
    assert [each.lower() for each in opened.value(tree)] == nested(read(page))


def nested(root: Element, parent: str = "") -> list[str]:
    """`tag in parent` of every element, in order, as the text of the page has them."""
    inner = [each for each in root.inner if isinstance(each, Element)]
    return [
        f"{root.tag} in {parent}",
        *(line for each in inner for line in nested(each, root.tag)),
    ]


@every(DESK, PHONE)
def test_the_style_sheet_is_applied_and_the_verdict_is_on_the_first_screen(
    opened: Browser,
) -> None:
    weight = opened.value("getComputedStyle(document.querySelector('.verdict')).borderLeftWidth")
    assert weight == "10px", "the policy refuses our own style sheet"
    if "a/very" not in opened.value("document.title"):
        assert max(opened.value(FIRST_SCREEN)) <= opened.value("innerHeight")


@every(DESK)
def test_what_a_screen_reader_meets(opened: Browser) -> None:
    roles = opened.roles()
    kinds = [role for role, _ in roles]
    for landmark in ("banner", "main", "navigation", "contentinfo"):
        assert kinds.count(landmark) == 1, f"{kinds.count(landmark)} × {landmark}"
    regions = [name for role, name in roles if role == "region"]
    assert all(regions), "a region without a name"
    assert all(name for role, name in roles if role in ("img", "image", "heading", "link"))
    headings = [name for role, name in roles if role == "heading"]
    assert headings[0] == opened.value("document.querySelector('h1').textContent")


@pytest.mark.parametrize("opened", [("good", DESK, False)], indirect=True, ids=["good"])
def test_no_script_runs_even_if_one_got_in(opened: Browser) -> None:
    opened.value(
        "document.body.insertAdjacentHTML('beforeend',"
        '\'<img src=x onerror="window.broken = 1"><p style="color: red" id=styled>x</p>\')'
    )
    assert opened.value("window.broken") is None
    assert opened.value("getComputedStyle(document.getElementById('styled')).color") != (
        "rgb(255, 0, 0)"
    )
    assert opened.complaints(), "the policy says what it refused"


@every(PHONE, dark=True)
def test_dark(opened: Browser) -> None:
    assert opened.complaints() == []
    assert opened.value("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 28)"


@every(DESK)
def test_print(opened: Browser) -> None:
    assert opened.pdf().startswith(b"%PDF-")
    opened.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert opened.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    hidden = opened.value(
        "[...document.querySelectorAll('.scroll')].filter(each =>"
        " getComputedStyle(each).overflowX !== 'visible').length"
    )
    assert hidden == 0, "paper cannot be scrolled"
