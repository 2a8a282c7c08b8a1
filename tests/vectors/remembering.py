"""A prover that remembers what it said of a proof: mutated runs share their honest blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from zkdps.core.errors import CheckFailed
from zkdps.core.prover import Prover
from zkdps.core.statement import Proof, Statement


class _Remembering:
    """Everything that is not remembered goes to the prover itself."""

    def __init__(self, prover: Prover) -> None:
        self._prover = prover
        self._said: dict[bytes, CheckFailed | None] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prover, name)

    def verify(
        self,
        material: Mapping[str, bytes],
        trust: Mapping[str, bytes],
        statement: Statement,
        proof: Proof,
        context: bytes = b"",
    ) -> None:
        """As the protocol: a verdict is a function of exactly these bytes."""
        name = _digest(material, trust, statement, proof, context)
        if name not in self._said:
            try:
                self._prover.verify(material, trust, statement, proof, context)
                self._said[name] = None
            except CheckFailed as error:
                self._said[name] = error
        said = self._said[name]
        if said is not None:
            raise said


def remembering(prover: Prover) -> Prover:
    """The prover, with a memory for verdicts."""
    return cast(Prover, _Remembering(prover))


def _digest(
    material: Mapping[str, bytes],
    trust: Mapping[str, bytes],
    statement: Statement,
    proof: Proof,
    context: bytes,
) -> bytes:
    members = sorted(material.items()), sorted(trust.items())
    record = repr((*members, statement, proof.data, context))
    return hashlib.sha256(record.encode()).digest()
