"""Values as words: names of strangers made harmless, sizes, durations, shapes, reals.

Every expression in a template passes through `legible` and is then escaped by jinja2, so a name
can neither end a tag nor repaint, reorder or flood the page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from zkdps.core.plan import MODEL

MAX_CHARACTERS = 400
"""Shown of one value: longer than any digest, commitment or sentence of ours."""
_HEAD = 160


def legible(value: object, at_most: int = MAX_CHARACTERS) -> str:
    r"""`str(value)` with what does not print as an escape (`\x1b`, `\n`, `\u202e`), and bounded.

    Of a longer value: its beginning, its length and the first digits of its SHA-256, so that two
    long values that differ look different.
    """
    text = str(value)
    if len(text) <= at_most:
        return _printable(text)
    data = text.encode("utf-8", "surrogatepass")
    digits = hashlib.sha256(data).hexdigest()[:16]
    head = _printable(text[: min(_HEAD, at_most)])
    return f"{head}… ({len(text)} characters, SHA-256 {digits}…)"


def short(name: str, at_most: int) -> str:
    """The end of a name, which tells ONNX names apart, in at most so many characters."""
    text = _printable(name[-at_most - 1 :])
    if len(text) <= at_most:
        return text
    return "…" + text[1 - at_most :]


def first_difference(expected: str, got: str) -> int | None:
    """The first character, from 1, where two values too long to show differ."""
    if max(len(expected), len(got)) <= MAX_CHARACTERS:
        return None
    pairs = zip(expected, got, strict=False)
    common = min(len(expected), len(got))
    return next((place for place, (a, b) in enumerate(pairs) if a != b), common) + 1


def size_words(size_bytes: int) -> str:
    """Bytes in decimal units, three figures."""
    value, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if abs(value) < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{size_bytes} B" if unit == "B" else f"{three_figures(value)} {unit}"


def seconds_words(seconds: float) -> str:
    """Seconds, and minutes where there are many."""
    if seconds < 99.95:
        return f"{three_figures(seconds)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def three_figures(value: float) -> str:
    """A plain decimal of about three figures."""
    if abs(value) < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"


def shape_words(shape: Sequence[int]) -> str:
    """Axes joined by `×`."""
    return "×".join(map(str, shape)) or "scalar"


def real_words(value: float) -> str:
    """A measured real in four figures."""
    return f"{value:.4g}"


def producer_words(index: int) -> str:
    """`input`, or `block N`."""
    return "input" if index == MODEL else f"block {index}"


def consumer_words(index: int) -> str:
    """`output`, or `block N`."""
    return "output" if index == MODEL else f"block {index}"


def count_words(count: int, thing: str) -> str:
    """`1 block`, `3 blocks`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _printable(text: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
