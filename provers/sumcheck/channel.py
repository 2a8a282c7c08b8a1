"""The two ends of a proof: the prover's channel writes messages, the verifier's reads them.

A protocol step is one text for both.  It names each message, says how long it is and how to
compute it; only the prover computes.  Whatever goes through is absorbed, so the challenges of both
ends agree as long as the messages do.

    value, = channel.elements("linear", 1, lambda: [state.total()])
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Protocol

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.field import Element, P
from zkdps.provers.sumcheck.transcript import Transcript

Grind = Callable[[bytes, int], int]
"""(state, bits) to a nonce: `Kernels.grind`."""


class Channel(Protocol):
    """What a protocol step needs of its end."""

    transcript: Transcript
    proving: bool

    def message(self, label: str, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        """An absorbed message of so many bytes."""

    def unabsorbed(self, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        """Bytes that no later challenge depends on: column openings."""

    def elements(
        self, label: str, count: int, compute: Callable[[], Sequence[Element]]
    ) -> list[Element]:
        """An absorbed message of so many elements."""

    def grind(self, bits: int) -> None:
        """A nonce that cost 2^bits hashes; no message for 0 bits."""


class ProverChannel:
    """Writes a proof."""

    def __init__(self, degree: int, grind: Grind) -> None:
        self.transcript = Transcript(degree)
        self.proving = True
        self._grind = grind
        self._parts: list[bytes] = []

    def message(self, label: str, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        """Computes, writes and absorbs."""
        data = self.unabsorbed(size_bytes, compute)
        self.transcript.absorb(label, data)
        return data

    def unabsorbed(self, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        """Computes and writes."""
        data = compute()
        if len(data) != size_bytes:
            raise ValueError(f"a message of {len(data)} bytes, {size_bytes} are due")
        self._parts.append(data)
        return data

    def elements(
        self, label: str, count: int, compute: Callable[[], Sequence[Element]]
    ) -> list[Element]:
        """Computes, writes and absorbs."""
        values = list(compute())
        words = [limb for value in values for limb in value]
        data = struct.pack(f"<{len(words)}I", *words)
        self.message(label, 4 * self.transcript.degree * count, lambda: data)
        return values

    def grind(self, bits: int) -> None:
        """Searches, writes and absorbs."""
        if bits:
            nonce = struct.pack("<Q", self._grind(self.transcript.state, bits))
            self.message("grind", 8, lambda: nonce)

    def proof(self) -> bytes:
        """All messages in order."""
        return b"".join(self._parts)


class VerifierChannel:
    """Reads a proof; its length and every limb are checked on the way.

    Methods raise `CheckFailed` (5) where the proof is cut off or not canonical.
    """

    def __init__(self, degree: int, proof: bytes) -> None:
        self.transcript = Transcript(degree)
        self.proving = False
        self._proof = proof
        self._read = 0

    def message(self, label: str, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        """Reads and absorbs."""
        del compute
        data = self._next(size_bytes)
        self.transcript.absorb(label, data)
        return data

    def unabsorbed(self, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        """Reads."""
        del compute
        return self._next(size_bytes)

    def elements(
        self, label: str, count: int, compute: Callable[[], Sequence[Element]]
    ) -> list[Element]:
        """Reads and absorbs; a limb of p or more is a rejection."""
        del compute
        degree = self.transcript.degree
        data = self._next(4 * degree * count)
        words = struct.unpack(f"<{degree * count}I", data)
        if words and max(words) >= P:
            raise CheckFailed(5, f"message {label!r} holds a limb that is not below p")
        self.transcript.absorb(label, data)
        return [words[start : start + degree] for start in range(0, len(words), degree)]

    def grind(self, bits: int) -> None:
        """Reads, checks and absorbs."""
        if bits:
            nonce = self._next(8)
            if not self.transcript.accepts(int.from_bytes(nonce, "little"), bits):
                raise CheckFailed(5, "a nonce does not show the work that is due")
            self.transcript.absorb("grind", nonce)

    def finish(self) -> None:
        """Raises unless the proof has been read to its end."""
        if self._read != len(self._proof):
            raise CheckFailed(5, "the proof goes on after its end")

    def _next(self, size_bytes: int) -> bytes:
        data = self._proof[self._read : self._read + size_bytes]
        if len(data) != size_bytes:
            raise CheckFailed(5, "the proof is cut off")
        self._read += size_bytes
        return data
