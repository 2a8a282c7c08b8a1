"""Values out of untrusted JSON: each function returns what it promises, or refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zkdps.core.canonical import Json
from zkdps.core.errors import CheckFailed
from zkdps.verifier_contracts.reference.sumcheck.transcript import failed

MAX_NAME = 400
"""Characters."""


def malformed(what: str, expected: str, got: object) -> CheckFailed:
    """The error of a value that is not what the format says."""
    shown = repr(got)
    return failed(f"system.json: {what} is malformed", expected, shown[:80])


def integer(value: Json, what: str, low: int, high: int) -> int:
    """An integer in `low..high`; true and false are none."""
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise malformed(what, f"an integer in {low}..{high}", value)


def position(value: Json, what: str, among: Sequence[object]) -> int:
    """A position in a list."""
    return integer(value, what, 0, len(among) - 1)


def positions(value: Json, what: str, among: Sequence[object]) -> tuple[int, ...]:
    """Distinct positions in a list."""
    found = tuple(position(item, what, among) for item in array(value, what, len(among)))
    check_distinct(found, what)
    return found


def text(value: Json, what: str) -> str:
    """A string of 1 to `MAX_NAME` characters."""
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME:
        return value
    raise malformed(what, f"1 to {MAX_NAME} characters", value)


def choice(value: Json, what: str, among: Iterable[str]) -> str:
    """One of a few strings."""
    options = sorted(among)
    if isinstance(value, str) and value in options:
        return value
    raise malformed(what, " | ".join(options), value)


def flag(value: Json, what: str) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    raise malformed(what, "true or false", value)


def array(value: Json, what: str, most: int) -> Sequence[Json]:
    """A list of at most `most` items."""
    if isinstance(value, list) and len(value) <= most:
        return value
    raise malformed(what, f"a list of at most {most}", value)


def row(value: Json, what: str, length: int) -> Sequence[Json]:
    """A list of exactly `length` items."""
    if isinstance(value, list) and len(value) == length:
        return value
    raise malformed(what, f"a list of {length}", value)


def record(value: Json, what: str, keys: Iterable[str]) -> Mapping[str, Json]:
    """An object with exactly these keys."""
    names = sorted(keys)
    if isinstance(value, dict) and sorted(value) == names:
        return value
    raise malformed(what, "an object of " + ", ".join(names), value)


def check_distinct(values: Sequence[object], what: str) -> None:
    """Raise `CheckFailed` where two are equal."""
    if len(set(values)) != len(values):
        raise malformed(what, "no two equal", f"{len(values)} of which some are equal")
