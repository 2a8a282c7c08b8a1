"""The Fiat-Shamir transcript: a SHA-256 chain that absorbs labelled messages and yields challenges.

Source: docs/sumcheck.md, section 4.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from dataclasses import dataclass, field

from zkdps.provers.sumcheck.field import Element, P

_LIMB_BYTES = 8


@dataclass(slots=True)
class Transcript:
    """The chain's state."""

    degree: int
    """Limbs of a challenge."""
    state: bytes = field(default=bytes(32))

    def absorb(self, label: str, data: bytes) -> None:
        """Bind everything that follows to `data`."""
        digest = hashlib.sha256(self.state + _absorbed(label, len(data)))
        digest.update(data)
        self.state = digest.digest()

    def squeeze(self, count_bytes: int) -> bytes:
        """So many bytes that nobody could foresee; none leave the state as it is."""
        if count_bytes == 0:
            return b""
        blocks = [
            hashlib.sha256(self.state + b"\x01" + struct.pack("<I", counter)).digest()
            for counter in range(-(-count_bytes // 32))
        ]
        self.state = hashlib.sha256(self.state + b"\x02").digest()
        return b"".join(blocks)[:count_bytes]

    def challenges(self, count: int) -> list[Element]:
        """`count` elements of one squeeze."""
        width = _LIMB_BYTES * self.degree
        words = struct.iter_unpack(f"<{self.degree}Q", self.squeeze(count * width))
        return [tuple([word % P for word in limbs]) for limbs in words]

    def challenge(self) -> Element:
        """One element of one squeeze."""
        return self.challenges(1)[0]

    def indices(self, count: int, size: int) -> list[int]:
        """`count` positions below `size`, a power of two."""
        words = struct.unpack(f"<{count}I", self.squeeze(4 * count))
        return [word & (size - 1) for word in words]

    def accepts(self, nonce: int, bits: int) -> bool:
        """Whether the nonce shows `bits` bits of work on this state."""
        trial = hashlib.sha256(self.state + b"\x03" + struct.pack("<Q", nonce)).digest()
        return int.from_bytes(trial[:4], "little") & ((1 << bits) - 1) == 0


@functools.lru_cache(maxsize=1 << 10)
def _absorbed(label: str, size_bytes: int) -> bytes:
    """What stands before a message in the hash that absorbs it."""
    name = label.encode()
    return b"\x00" + bytes((len(name),)) + name + struct.pack("<Q", size_bytes)
