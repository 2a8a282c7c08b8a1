"""Fiat-Shamir over SHA-256, and the proof read along it (`docs/sumcheck.md` §4)."""

from __future__ import annotations

import hashlib
import struct

from zkdps.core.errors import CheckFailed
from zkdps.verifier_contracts.reference.sumcheck.field import LIMB_BYTES, Field, P

CHECK = 5
DIGEST_BYTES = 32
_NONCE_BYTES = 8
_WORD_BYTES = 4
_SAMPLE_BYTES = 8
"""Of the squeezed bytes that make one limb of a challenge."""


def failed(reason: str, expected: str | None = None, got: str | None = None) -> CheckFailed:
    """The error of every step here."""
    return CheckFailed(CHECK, reason, expected=expected, got=got)


def sha256(*parts: bytes) -> bytes:
    """SHA-256 (FIPS 180-4) of the parts, one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()


class Transcript:
    """A 32-byte state that everything is absorbed into and challenges are drawn from."""

    def __init__(self) -> None:
        self.state = bytes(DIGEST_BYTES)

    def absorb(self, label: str, data: bytes) -> None:
        """state = H(state | 0x00 | u8 len(label) | label | u64 len(data) | data)."""
        name = label.encode()
        lengths = struct.pack("<B", len(name)), struct.pack("<Q", len(data))
        self.state = sha256(self.state, b"\x00", lengths[0], name, lengths[1], data)

    def squeeze(self, length: int) -> bytes:
        """Blocks H(state | 0x01 | u32 counter); then state = H(state | 0x02)."""
        blocks = range(-(-length // DIGEST_BYTES))
        data = b"".join(sha256(self.state, b"\x01", struct.pack("<I", i)) for i in blocks)
        self.state = sha256(self.state, b"\x02")
        return data[:length]


class Messages:
    """The proof, read message by message; what is read is absorbed."""

    def __init__(self, field: Field, proof: bytes) -> None:
        self.field = field
        self.transcript = Transcript()
        self._proof = proof
        self._at = 0

    def take(self, length: int) -> bytes:
        """The next bytes, not absorbed: column openings.

        Raises:
            CheckFailed: the proof ends before.
        """
        data = self._proof[self._at : self._at + length]
        if len(data) != length:
            raise failed("the proof is too short", f"{self._at + length} bytes", str(self.size))
        self._at += length
        return data

    def words(self, count: int) -> tuple[int, ...]:
        """The next u32 words, not absorbed."""
        return struct.unpack(f"<{count}I", self.take(_WORD_BYTES * count))

    def data(self, label: str, length: int) -> bytes:
        """One message of bytes."""
        data = self.take(length)
        self.transcript.absorb(label, data)
        return data

    def elements(self, label: str, count: int) -> list[int]:
        """One message of field elements, D canonical limbs each.

        Raises:
            CheckFailed: the proof ends before, or a limb is not below p.
        """
        degree = self.field.degree
        data = self.data(label, count * degree * LIMB_BYTES)
        limbs = struct.unpack(f"<{count * degree}I", data)
        check_canonical(limbs, label)
        element = self.field.element
        return [element(limbs[i : i + degree]) for i in range(0, len(limbs), degree)]

    def challenges(self, count: int) -> tuple[int, ...]:
        """Elements drawn in one squeeze, eight bytes mod p a limb; none leave the state alone."""
        if count == 0:
            return ()
        degree = self.field.degree
        data = self.transcript.squeeze(count * degree * _SAMPLE_BYTES)
        limbs = [sample % P for (sample,) in struct.iter_unpack("<Q", data)]
        starts = range(0, len(limbs), degree)
        return tuple(self.field.element(limbs[i : i + degree]) for i in starts)

    def challenge(self) -> int:
        """One element."""
        return self.challenges(1)[0]

    def indices(self, count: int, size: int) -> list[int]:
        """Positions below `size`, a power of two, drawn in one squeeze."""
        data = self.transcript.squeeze(count * _WORD_BYTES)
        return [word & size - 1 for (word,) in struct.iter_unpack("<I", data)]

    def grind(self, difficulty_bits: int) -> None:
        """Read the nonce that made the next challenges expensive to choose.

        Raises:
            CheckFailed: it does not.
        """
        if difficulty_bits == 0:
            return
        nonce = self.take(_NONCE_BYTES)
        work = sha256(self.transcript.state, b"\x03", nonce)
        if int.from_bytes(work[:_WORD_BYTES], "little") & (1 << difficulty_bits) - 1:
            raise failed("a nonce does not show the work that the key asks for")
        self.transcript.absorb("grind", nonce)

    @property
    def size(self) -> int:
        """Bytes of the proof."""
        return len(self._proof)

    def end(self) -> None:
        """Raise `CheckFailed` where bytes are left over."""
        if self._at != self.size:
            raise failed("the proof has trailing bytes", f"{self._at} bytes", str(self.size))


def check_canonical(words: tuple[int, ...], what: str) -> None:
    """Raise `CheckFailed` where a word is not below p."""
    if words and max(words) >= P:
        raise failed(f"a field element of {what!r} is not below p")
