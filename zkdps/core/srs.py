"""Who could forge: the structured reference string (SRS) behind a key.

A KZG proof binds only if nobody knows the secret of its SRS.  A *development* SRS has a secret that
everybody knows (it is derived from a public sentence), so it is the same on every machine and
proves nothing to anybody; a *ceremony* SRS comes from a multi-party ceremony and is imported by the
operator, who names its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class SrsKind(StrEnum):
    """What an SRS may be trusted for."""

    DEVELOPMENT = "development"
    CEREMONY = "ceremony"


@dataclass(frozen=True, slots=True)
class SrsIdentity:
    """The SRS of a key: everything a reader must know to judge it."""

    kind: SrsKind
    source: str
    """For people: the ceremony, or how the development SRS is derived."""
    digests: Mapping[int, str]
    """logrows to SHA-256 hex of the whole SRS file of exactly that size."""
    verifier_sha256: str
    """SHA-256 hex of the part that verification needs (`[1]₁ [s]₁ [1]₂ [s]₂`), a key member."""
