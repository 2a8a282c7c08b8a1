"""Sizes and durations as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkdps.terminal.options import parse_digest, parse_shape
from zkdps.terminal.sizes import format_seconds, format_shape, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("8GiB", 8 << 30),
        ("8 gib", 8 << 30),
        ("1.5GB", 1_500_000_000),
        ("500 MB", 500_000_000),
        ("1B", 1),
        ("2kB", 2000),
        ("3TiB", 3 << 40),
    ],
)
def test_sizes_are_read(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "8", "8G", "-1GB", "GiB", "1e3MB", "0B", "nan GB", "٣GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no size|less than a byte"):
        parse_size(text)


@given(st.integers(0, 10**15))
def test_a_printed_size_reads_back_to_three_figures(size_bytes: int) -> None:
    text = format_size(size_bytes)
    assert (parse_size(text) if size_bytes else 0) == pytest.approx(size_bytes, rel=0.006)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (0.416, "0.42 s"),
        (9.999, "10.0 s"),
        (18.3, "18.3 s"),
        (99.96, "1 min 40 s"),
        (303, "5 min 03 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_shapes() -> None:
    assert format_shape((1, 8, 384)) == "1×8×384"
    assert format_shape(()) == "scalar"
    assert parse_shape("a=b=1,8") == ("a=b", (1, 8))
    for text in ("a", "=1", "a=", "a=1,", "a=-1", "a=0", "a=1,,2", "a=x"):
        with pytest.raises(ValueError):
            parse_shape(text)


def test_digests() -> None:
    assert parse_digest("AB" * 32) == "ab" * 32
    for text in ("ab" * 31, "ab" * 33, "zz" * 32, ""):
        with pytest.raises(ValueError):
            parse_digest(text)
