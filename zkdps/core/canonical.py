"""Canonical JSON and digests: one byte string per value, so that equal records have equal digests.

Canonical means: UTF-8, sorted keys, no insignificant white space, no floats, ASCII escapes.  Real
numbers travel as decimal strings or as fixed point.  Parsing is strict: duplicate keys, floats,
NaN, deep nesting and oversized texts are refused, and the text must be in canonical form already,
so that a file has exactly one encoding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

from zkdps.core.errors import MalformedArchive

Json: TypeAlias = "None | bool | int | str | Sequence[Json] | Mapping[str, Json]"

MAX_JSON_BYTES = 32 << 20
MAX_JSON_DEPTH = 16
MAX_JSON_VALUES = 1 << 20
"""Counted from the punctuation, strings included; an empty list costs 3 bytes here and 64 once
read."""
MAX_INTEGER_DIGITS = 40

_SCALARS = (int, str, bool, type(None))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
"""What a bracket does to the depth."""
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))


def sha256_hex(data: bytes) -> str:
    """SHA-256 (FIPS 180-4) of `data`, as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Json) -> bytes:
    """The one byte string that stands for `value`.

    Raises:
        TypeError: `value` holds a float or another type outside `Json` (a programmer's error).
    """
    _refuse_floats(value)
    return _encoded(value)


def digest_of(value: Json) -> str:
    """SHA-256 of the canonical JSON of `value`, as hex."""
    return sha256_hex(canonical_json(value))


def parse_canonical(data: bytes, path: str) -> dict[str, Json]:
    """Untrusted bytes to a JSON object, or `MalformedArchive` naming `path`.

    Bounded: at most `MAX_JSON_BYTES`, `MAX_JSON_VALUES` values and `MAX_JSON_DEPTH` levels;
    integers of at most `MAX_INTEGER_DIGITS` digits; keys unique; encoding canonical.
    """
    if len(data) > MAX_JSON_BYTES:
        raise MalformedArchive(path, f"JSON of {len(data)} bytes, at most {MAX_JSON_BYTES}")
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise MalformedArchive(path, f"JSON of more than {MAX_JSON_VALUES} values")
    if _depth(data) > MAX_JSON_DEPTH:
        raise MalformedArchive(path, f"JSON nested deeper than {MAX_JSON_DEPTH}")
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_bounded_int,
            object_pairs_hook=_unique,
        )
    except (ValueError, RecursionError) as error:
        raise MalformedArchive(path, f"not JSON as zkdps writes it: {error}") from error
    if not isinstance(value, dict):
        raise MalformedArchive(path, "the JSON is not an object")
    if _encoded(value) != data:
        raise MalformedArchive(path, "the JSON is not in canonical form")
    return value


def _encoded(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _refuse_floats(value: Json) -> None:
    if type(value) in _SCALARS:
        # Nearly all of a large record; what follows is right for these too, and slow.
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"JSON key {key!r} is not a string")
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)
    elif value is not None and not isinstance(value, (bool, int, str)):
        raise TypeError(f"{type(value).__name__} has no canonical JSON form")


def _depth(data: bytes) -> int:
    # Brackets inside strings count too: an over-estimate, which only makes the bound stricter.
    brackets = data.translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _refuse_number(text: str) -> None:
    raise ValueError(f"the number {text[:40]} is not an integer")


def _bounded_int(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return record
