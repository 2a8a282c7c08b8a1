"""Fiat-Shamir with Keccak-256: what was sent so far fixes the next challenge.

state := key digest ‖ instances ‖ points…; a challenge is Keccak-256(state) mod r, and the hash is
the new state.  A second challenge with nothing sent in between hashes state ‖ 0x01.
"""

from __future__ import annotations

from zkdps.verifier_contracts.reference.scalars import ORDER
from zkdps.verifier_contracts.reference.words import WORD_BYTES, keccak256


class Transcript:
    """The state between verifier and prover."""

    def __init__(self, digest: int) -> None:
        """Starts from the digest of the constraint system, which binds the key."""
        self._state = digest.to_bytes(WORD_BYTES, "big")
        self._fresh = False

    def absorb(self, data: bytes) -> None:
        """Append what the prover sent: big-endian 32-byte words."""
        self._state += data
        self._fresh = False

    def challenge(self) -> int:
        """The next challenge, a scalar."""
        if self._fresh:
            self._state += b"\x01"
        self._state = keccak256(self._state)
        self._fresh = True
        return int.from_bytes(self._state, "big") % ORDER
