"""The artifact as bytes, as words, and as fields packed into words.

A VKA is a list of 32-byte big-endian words.  Fields packed into one word are read from its low end
upwards; a list inside a word ends where only zero bits remain, so no entry may itself be zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from Crypto.Hash import keccak

from zkdps.core.errors import MalformedVka

WORD_BYTES = 32
WORD_BITS = 256
COUNT_BYTES = 8
MAX_WORDS = (1 << 16) // WORD_BYTES
"""Pointers have 16 bits, so a contract can address no more."""


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum has it (the padding before FIPS 202), 32 bytes."""
    return keccak.new(digest_bits=256, data=data).digest()


def read_words(data: bytes) -> tuple[int, ...]:
    """The words of a VKA file: a little-endian 64-bit count, then that many words.

    Raises:
        MalformedVka: another length than the count says, or more words than can be addressed.
    """
    count = int.from_bytes(data[:COUNT_BYTES], "little")
    if len(data) < COUNT_BYTES or count > MAX_WORDS:
        raise MalformedVka(0, f"a file of {len(data)} bytes that announces {count} words")
    if len(data) != COUNT_BYTES + WORD_BYTES * count:
        raise MalformedVka(0, f"{count} words announced, but the file has {len(data)} bytes")
    starts = range(COUNT_BYTES, len(data), WORD_BYTES)
    return tuple(int.from_bytes(data[at : at + WORD_BYTES], "big") for at in starts)


def key_id(words: Sequence[int]) -> str:
    """Keccak-256 of the words, hex: the name of this key on every chain and here."""
    return keccak256(b"".join(word.to_bytes(WORD_BYTES, "big") for word in words)).hex()


class Cursor:
    """Reads packed fields from a run of words; every read is bounded by `end`."""

    def __init__(self, words: Sequence[int], start: int, end: int) -> None:
        """Stands at the low end of word `start`; may read words below `end`."""
        self._words = words
        self._end = min(end, len(words))
        self.at = start
        self._rest = words[start] if 0 <= start < self._end else 0
        self._bits_left = WORD_BITS
        if not 0 <= start < self._end:
            raise MalformedVka(start, "a section starts outside the artifact")

    def take(self, bits: int) -> int:
        """The next field of the word."""
        if bits > self._bits_left:
            raise MalformedVka(self.at, "a field runs over the end of its word")
        field = self._rest & ((1 << bits) - 1)
        self._rest >>= bits
        self._bits_left -= bits
        return field

    def pointer(self) -> int:
        """The next 16 bits."""
        return self.take(16)

    @property
    def has_more(self) -> bool:
        """Whether any bit that was not read yet is set in this word."""
        return self._rest != 0

    def next_word(self) -> None:
        """To the low end of the following word, which may be the end of the section."""
        if self._rest:
            raise MalformedVka(self.at, "bits follow the last field of a word")
        self.at += 1
        if self.at > self._end:
            raise MalformedVka(self.at, "a section runs over its end")
        self._rest = self._words[self.at] if self.at < self._end else 0
        self._bits_left = WORD_BITS if self.at < self._end else 0

    def fail(self, reason: str) -> MalformedVka:
        """The error for this place, to be raised by the caller."""
        return MalformedVka(self.at, reason)
