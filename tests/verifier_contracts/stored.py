"""The stored proofs of `vectors/`, for tests that need no prover."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.verifier_contracts.circuits import CASES
from zkdps.verifier_contracts.reference import Vka, decode, read_words

VECTORS = Path(__file__).parent / "vectors"
NAMES = tuple(case.name for case in CASES)
REBUILD = "python -m tests.verifier_contracts.build_vectors"


@dataclass(frozen=True)
class Stored:
    """What one folder holds."""

    name: str
    words: tuple[int, ...]
    vka: Vka
    proof: bytes
    instances: tuple[int, ...]

    @property
    def folder(self) -> Path:
        """Where ezkl's own verifying key and settings lie too."""
        return VECTORS / self.name


@lru_cache
def stored(name: str) -> Stored:
    folder = VECTORS / name
    words = read_words((folder / "vka.bin").read_bytes())
    instances = tuple(int(v, 16) for v in json.loads((folder / "instances.json").read_text()))
    return Stored(name, words, decode(words), (folder / "proof.bin").read_bytes(), instances)
