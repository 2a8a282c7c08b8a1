"""HTML read strictly: what does not balance is refused; what a reader's software sees is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "hr", "br", "link", "img", "input"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


@dataclass
class Element:
    """One element with its text, white space folded."""

    tag: str
    attributes: dict[str, str]
    inner: list[str | Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything inside."""
        parts = (part if isinstance(part, str) else part.text for part in self.inner)
        return " ".join("".join(parts).split())

    def all(self, *tags: str) -> list[Element]:
        """Elements inside of these tags, in order; all without any."""
        found = []
        for part in self.inner:
            if isinstance(part, Element):
                if not tags or part.tag in tags:
                    found.append(part)
                found += part.all(*tags)
        return found

    def one(self, tag: str) -> Element:
        """The only element of a tag."""
        (found,) = self.all(tag)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> repeats an attribute"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inner.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inner.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:80]!r}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data[:80]!r}")


def read(page: str) -> Element:
    """The root `<html>` of a page that balances."""
    assert page.startswith("<!DOCTYPE html>\n")
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert len(reader.open) == 1, f"never closed: {[each.tag for each in reader.open[1:]]}"
    (html,) = reader.open[0].all("html")
    return html


def shape(page: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Tags and attributes in order, without the values that hold names or numbers."""
    kept = {"id", "class", "role", "scope", "lang", "charset", "href", "tabindex"}
    return [
        (each.tag, tuple((n, v) for n, v in each.attributes.items() if n in kept))
        for each in read(page).all()
    ]
