"""What pointers of the artifact mean: addresses of an EVM call, turned into indices.

ezkl's reusable verifier finds the words at memory 0xa0 and after them its scratch space; proof byte
p lies at calldata 0x84 + p.  Every pointer of the artifact is such an address, 16 bits wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zkdps.core.errors import MalformedVka
from zkdps.verifier_contracts.reference.bn254 import Point, is_on_curve
from zkdps.verifier_contracts.reference.vka import Operand, Source
from zkdps.verifier_contracts.reference.words import WORD_BYTES, Cursor

MEMORY_START = 0xA0
CALLDATA_START = 0x84
POINT_BYTES = 64
MAX_ADDRESS = 1 << 16


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one artifact and its proofs lies."""

    words: Sequence[int]
    points: int
    """Of a proof, without the opening's two."""
    evaluations: int
    key_points: range
    """Words that hold commitments of the key, two words each."""
    constants: range
    """Words that hold constants of expressions."""
    challenges_at_bytes: int
    """Where the challenges start, from the start of the scratch space."""
    user_challenges: int

    @property
    def scratch(self) -> int:
        """Address of the scratch space: the end of the words."""
        return MEMORY_START + WORD_BYTES * len(self.words)

    def word(self, address: int, at: int) -> int:
        """The index of the word at a memory address."""
        index, odd = divmod(address - MEMORY_START, WORD_BYTES)
        if odd or not 0 <= index < len(self.words):
            raise MalformedVka(at, f"address {address:#x} is not one of a word")
        return index

    def evaluation(self, cursor: Cursor) -> int:
        """Read a calldata pointer to a scalar of the proof."""
        address = cursor.pointer()
        start = CALLDATA_START + POINT_BYTES * self.points
        index, odd = divmod(address - start, WORD_BYTES)
        if odd or not 0 <= index < self.evaluations:
            raise cursor.fail(f"address {address:#x} is not one of an evaluation")
        return index

    def point(self, address: int, at: int) -> int:
        """The index of the proof's point at a calldata address; the opening's two come last."""
        index, odd = divmod(address - CALLDATA_START, POINT_BYTES)
        if odd or not 0 <= index < self.points:
            raise MalformedVka(at, f"address {address:#x} is not one of a point of the proof")
        return index

    def key_point(self, address: int, at: int) -> Point:
        """The commitment of the key at a memory address."""
        index = self.word(address, at)
        if index not in self.key_points or (index - self.key_points.start) % 2:
            raise MalformedVka(at, f"address {address:#x} is not one of a commitment")
        return point_at(self.words, index)

    def operand(self, cursor: Cursor, base: int, steps: int) -> Operand:
        """Read a memory pointer in an expression whose results start at `base`."""
        address = cursor.pointer()
        slot, odd = divmod(address - base, WORD_BYTES)
        if not odd and 0 <= slot < steps:
            return Source.STEP, slot
        challenge = address - self.scratch - self.challenges_at_bytes
        index, odd = divmod(challenge, WORD_BYTES)
        if not odd and 0 <= index < self.user_challenges:
            return Source.CHALLENGE, index
        index, odd = divmod(address - MEMORY_START, WORD_BYTES)
        if not odd and index in self.constants:
            return Source.CONSTANT, index - self.constants.start
        raise cursor.fail(f"address {address:#x} is no constant, challenge or earlier step")


def point_at(words: Sequence[int], index: int) -> Point:
    """Two words as a point; (0, 0) is the identity.

    Raises:
        MalformedVka: not on the curve.
    """
    x, y = words[index], words[index + 1]
    if x == y == 0:
        return None
    if not is_on_curve(x, y):
        raise MalformedVka(index, "a commitment that is not on the curve")
    return x, y
