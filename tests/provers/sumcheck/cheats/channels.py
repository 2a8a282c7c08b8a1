"""Channels of provers that do not send what they should, and a record of what was sent."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.provers.sumcheck.cheats.attempt import Claimed, proof_of
from zkdps.provers.sumcheck.channel import Grind, ProverChannel
from zkdps.provers.sumcheck.field import Element, P

Edit = Callable[[list[Element]], list[Element]]
"""Of the elements of one message."""


@dataclass(frozen=True)
class Sent:
    """One message in a proof."""

    label: str
    """`opened` for columns and for the siblings on their paths."""
    start: int
    size: int
    state: bytes
    """The transcript's, after it."""

    def of(self, proof: bytes) -> bytes:
        return proof[self.start : self.start + self.size]

    def put(self, proof: bytes, data: bytes) -> bytes:
        """The proof with other bytes in this message's place."""
        return proof[: self.start] + data + proof[self.start + self.size :]


class Recording(ProverChannel):
    """Keeps where every message lies."""

    def __init__(self, degree: int, grind: Grind) -> None:
        super().__init__(degree, grind)
        self.sent: list[Sent] = []
        self._absorbed = False

    def message(self, label: str, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        start = len(self.proof())
        self._absorbed = True
        data = super().message(label, size_bytes, compute)
        self._absorbed = False
        self.sent.append(Sent(label, start, len(data), self.transcript.state))
        return data

    def unabsorbed(self, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        start = len(self.proof())
        data = super().unabsorbed(size_bytes, compute)
        if not self._absorbed:
            self.sent.append(Sent("opened", start, len(data), self.transcript.state))
        return data


def recorded(case: Claimed) -> tuple[bytes, list[Sent]]:
    """The honest prover's proof, and its messages."""
    made: list[Recording] = []

    def channel(degree: int, grind: Grind) -> Recording:
        made.append(Recording(degree, grind))
        return made[-1]

    proof = proof_of(case, channel)
    return proof, made[0].sent


class Editing(ProverChannel):
    """Edits the elements of messages before they are absorbed, and goes on from there."""

    def __init__(self, degree: int, grind: Grind, edits: dict[tuple[str, int], Edit]) -> None:
        super().__init__(degree, grind)
        self._edits = edits
        self._seen: dict[str, int] = {}

    def elements(
        self, label: str, count: int, compute: Callable[[], Sequence[Element]]
    ) -> list[Element]:
        number = self._seen.get(label, 0)
        self._seen[label] = number + 1
        edit = self._edits.get((label, number))
        if edit is None:
            return super().elements(label, count, compute)
        return super().elements(label, count, lambda: edit(list(compute())))


def editing(edits: dict[tuple[str, int], Edit]) -> Callable[[int, Grind], Editing]:
    """A channel that edits the n-th message of a label."""
    return lambda degree, grind: Editing(degree, grind, edits)


class Lazy(ProverChannel):
    """Sends nonces that nobody worked for."""

    def grind(self, bits: int) -> None:
        if bits:
            nonce = 0
            while self.transcript.accepts(nonce, bits):
                nonce += 1
            self.message("grind", 8, lambda: struct.pack("<Q", nonce))


class Workless(ProverChannel):
    """Leaves nonces out."""

    def grind(self, bits: int) -> None:
        del bits


def plus_one(values: list[Element]) -> list[Element]:
    """The first element, one more."""
    first, *rest = values
    return [((first[0] + 1) % P, *first[1:]), *rest]
