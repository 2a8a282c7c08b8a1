"""Reading untrusted JSON into typed values: one strict cursor over one object.

Every field is asked for by name and type, bounds are given where they are read, and `done` refuses
what nobody asked for, so a file cannot carry anything that the reader does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from zkdps.core.canonical import Json
from zkdps.core.errors import MalformedArchive

_DIGEST = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")

MAX_TEXT_CHARACTERS = 4096
MAX_LIST_ITEMS = 1 << 16


class Fields:
    """A JSON object of a file, being read."""

    def __init__(self, value: Json, path: str, where: str) -> None:
        """`path` names the file and `where` the place in it, for messages."""
        if not isinstance(value, Mapping):
            raise MalformedArchive(path, f"{where} is not an object")
        self._value = value
        self._left = set(value)
        self._path = path
        self._where = where

    def refuse(self, reason: str) -> MalformedArchive:
        """The error to raise about this object."""
        return MalformedArchive(self._path, f"{self._where}: {reason}")

    def _take(self, name: str) -> Json:
        if name not in self._value:
            raise self.refuse(f"{name!r} is missing")
        self._left.discard(name)
        return self._value[name]

    def text(self, name: str) -> str:
        """A string of bounded length."""
        value = self._take(name)
        if not isinstance(value, str) or len(value) > MAX_TEXT_CHARACTERS:
            raise self.refuse(f"{name!r} is not a text of at most {MAX_TEXT_CHARACTERS} characters")
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer in `low..high`."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(f"{name!r} is not an integer in {low}..{high}")
        return value

    def digest(self, name: str) -> str:
        """A SHA-256 as 64 lower-case hex digits."""
        value = self.text(name)
        if not _DIGEST.fullmatch(value):
            raise self.refuse(f"{name!r} is not a SHA-256 digest")
        return value

    def hex_bytes(self, name: str, at_most_bytes: int) -> bytes:
        """Bytes as lower-case hex."""
        value = self._take(name)
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise self.refuse(f"{name!r} is not hex")
        if len(value) > 2 * at_most_bytes:
            raise self.refuse(f"{name!r} has more than {at_most_bytes} bytes")
        return bytes.fromhex(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        items = self._list(name)
        if not all(isinstance(item, str) and len(item) <= MAX_TEXT_CHARACTERS for item in items):
            raise self.refuse(f"{name!r} is not a list of texts")
        return tuple(str(item) for item in items)

    def integers(self, name: str, low: int, high: int) -> tuple[int, ...]:
        """A list of integers in `low..high`."""
        found = []
        for item in self._list(name):
            if isinstance(item, bool) or not isinstance(item, int) or not low <= item <= high:
                raise self.refuse(f"{name!r} is not a list of integers in {low}..{high}")
            found.append(item)
        return tuple(found)

    def object(self, name: str) -> Fields:
        """A nested object."""
        return Fields(self._take(name), self._path, f"{self._where}.{name}")

    def optional_object(self, name: str) -> Fields | None:
        """A nested object, or null."""
        value = self._take(name)
        return None if value is None else Fields(value, self._path, f"{self._where}.{name}")

    def objects(self, name: str) -> Iterator[Fields]:
        """A list of objects."""
        for position, item in enumerate(self._list(name)):
            yield Fields(item, self._path, f"{self._where}.{name}[{position}]")

    def digests(self, name: str) -> dict[str, str]:
        """An object whose every value is a SHA-256 digest."""
        inner = self.object(name)
        found = {key: inner.digest(key) for key in inner.names()}
        inner.done()
        return found

    def raw(self, name: str) -> dict[str, Json]:
        """A nested object taken as it is, for a back end to read."""
        value = self._take(name)
        if not isinstance(value, dict):
            raise self.refuse(f"{name!r} is not an object")
        return value

    def everything(self) -> dict[str, Json]:
        """This object taken as it is."""
        self._left.clear()
        return dict(self._value)

    def names(self) -> tuple[str, ...]:
        """The keys of this object, sorted."""
        return tuple(sorted(self._value))

    def done(self) -> None:
        """Refuse fields that nobody read."""
        if self._left:
            raise self.refuse(f"{min(self._left)!r} is unknown")

    def _list(self, name: str) -> list[Json]:
        value = self._take(name)
        if not isinstance(value, list) or len(value) > MAX_LIST_ITEMS:
            raise self.refuse(f"{name!r} is not a list of at most {MAX_LIST_ITEMS} items")
        return value
