"""Sizes and durations, as people write and read them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNITS = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z]+)", re.ASCII)


def parse_size(text: str) -> int:
    """`8GiB`, `500 MB` or `1.5GB` in bytes; a bare number is refused, it names no unit.

    Raises:
        ValueError: not a positive size of at least a byte.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f"{text!r} is no size; write a number and a unit, like 8GiB or 500MB")
    size_bytes = int(float(match[1]) * _UNITS[match[2].lower()])
    if size_bytes < 1:
        raise ValueError(f"{text!r} is less than a byte")
    return size_bytes


def format_size(size_bytes: int) -> str:
    """Bytes in decimal units, three figures: `512 B`, `18.4 MB`, `1.21 GB`."""
    if abs(size_bytes) < 1000:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if abs(value) < 999.5:
            return f"{_three_figures(value)} {unit}"
    return f"{_three_figures(value / 1000)} TB"


def format_seconds(seconds: float) -> str:
    """Seconds as `0.42 s`, `18.3 s`, `5 min 03 s` or `2 h 05 min`."""
    if seconds < 99.95:
        return f"{_three_figures(seconds)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_shape(shape: Sequence[int]) -> str:
    """Axes joined by `×`; `scalar` where there are none."""
    return "×".join(str(axis) for axis in shape) or "scalar"


def _three_figures(value: float) -> str:
    if abs(value) < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"
