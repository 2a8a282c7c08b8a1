"""Manifests that are JSON of a kind, and not the one text that stands for the record."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.vectors.flaws.registry import flaw
from tests.vectors.stored import Stored
from zkdps.workflows.archive import encode_archive

BASE = "honest_polycommit"


def _sub(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(text: bytes) -> bytes:
        if old not in text:
            raise ValueError(f"{old!r} is not in the manifest")
        return text.replace(old, new, 1)

    return change


def _indented(text: bytes) -> bytes:
    return json.dumps(json.loads(text), indent=1, sort_keys=True).encode()


def _unsorted(text: bytes) -> bytes:
    record = json.loads(text)
    turned = dict(reversed(record.items()))
    return json.dumps(turned, separators=(",", ":")).encode()


VERSION = b'"version":1'
NOT_OURS = "not JSON as zkdps writes it"
NOT_CANONICAL = "the JSON is not in canonical form"

TEXTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "json_indented": ("The manifest has white space.", _indented, NOT_CANONICAL),
    "json_unsorted": ("The manifest's keys are not sorted.", _unsorted, NOT_CANONICAL),
    "json_trailing_newline": (
        "A newline follows the manifest.",
        lambda text: text + b"\n",
        NOT_CANONICAL,
    ),
    "json_escaped_letter": (
        "A letter of the manifest is written as an escape.",
        _sub(b'"version"', b'"\\u0076ersion"'),
        NOT_CANONICAL,
    ),
    "json_duplicate_key": (
        "A key stands twice in the manifest.",
        _sub(VERSION, VERSION + b"," + VERSION),
        "a key stands twice in one object",
    ),
    "json_float": (
        "The version is written with a decimal point.",
        _sub(VERSION, b'"version":1.0'),
        "the number 1.0 is not an integer",
    ),
    "json_exponent": (
        "The version is written with an exponent.",
        _sub(VERSION, b'"version":1e0'),
        "the number 1e0 is not an integer",
    ),
    "json_nan": (
        "The version is not a number.",
        _sub(VERSION, b'"version":NaN'),
        "the number NaN is not an integer",
    ),
    "json_infinity": (
        "The version is infinite.",
        _sub(VERSION, b'"version":Infinity'),
        "the number Infinity is not an integer",
    ),
    "json_minus_zero": (
        "A number is minus zero, which Python reads as zero.",
        _sub(VERSION, b'"version":-0'),
        NOT_CANONICAL,
    ),
    "json_huge_integer": (
        "An integer has five thousand digits.",
        _sub(VERSION, b'"version":' + b"1" * 5000),
        "an integer of 5000 digits",
    ),
    "json_deep": (
        "The manifest is nested five thousand levels deep.",
        lambda text: b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        "JSON nested deeper than 16",
    ),
    "json_cut_off": (
        "The manifest ends in the middle.",
        lambda text: text[: len(text) // 2],
        NOT_OURS,
    ),
    "json_empty": ("The manifest is empty.", lambda text: b"", NOT_OURS),
    "json_not_utf8": (
        "The manifest is not UTF-8.",
        _sub(b"zkdps-run", b"zkdps-\xff\xfe"),
        NOT_OURS,
    ),
    "json_utf16": (
        "The manifest is UTF-16.",
        lambda text: text.decode().encode("utf-16"),
        NOT_OURS,
    ),
    "json_byte_order_mark": (
        "The manifest starts with a byte order mark.",
        lambda text: b"\xef\xbb\xbf" + text,
        NOT_OURS,
    ),
    "json_lone_surrogate": (
        "A text of the manifest is half of a character.",
        _sub(b'"zkdps-run"', b'"\\ud800"'),
        "version 1, this zkdps reads zkdps-run version 1",
    ),
}
"""Name to sentence, change of the text, and part of the message; check 1 fails."""


def _register(name: str) -> None:
    sentence, change, says = TEXTS[name]

    @flaw(name, sentence, check=1, says=says)
    def _(stored: Stored) -> bytes:
        members = stored.run(BASE).members()
        return encode_archive({**members, "manifest.json": change(members["manifest.json"])})


for _name in TEXTS:
    _register(_name)
