"""Canonical JSON: one encoding per value, and a strict reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkdps.core.canonical import MAX_JSON_DEPTH, MAX_JSON_VALUES, canonical_json, parse_canonical
from zkdps.core.errors import MalformedArchive

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_round_trip(record: dict[str, object]) -> None:
    data = canonical_json(record)  # type: ignore[arg-type]
    try:
        assert parse_canonical(data, "f") == record
    except MalformedArchive as error:
        assert "nested deeper" in error.reason  # brackets inside strings count too


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5), st.data())
def test_one_encoding_per_value(record: dict[str, object], data: st.DataObject) -> None:
    encoded = bytearray(canonical_json(record))  # type: ignore[arg-type]
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] = data.draw(st.integers(0, 255))
    try:
        parsed = parse_canonical(bytes(encoded), "f")
    except MalformedArchive:
        return
    assert canonical_json(parsed) == bytes(encoded)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":NaN}',
        b'{"a":1e3}',
        b'{"a": 1}',
        b'{"b":1,"a":1}',
        b'{"a":' + b"9" * 100 + b"}",
        b'{"a":' + b"[" * (MAX_JSON_DEPTH + 1) + b"]" * (MAX_JSON_DEPTH + 1) + b"}",
        b'{"a":' + b"[" * 100_000,
        b'{"a":[' + b"[]," * MAX_JSON_VALUES + b"[]]}",
        b'{"a":"\xff"}',
        b'{"a":"\xc3\xa9"}',
    ],
)
def test_everything_else_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedArchive):
        parse_canonical(text, "f")


def test_floats_have_no_canonical_form() -> None:
    with pytest.raises(TypeError):
        canonical_json({"a": 1.5})  # type: ignore[dict-item]
