"""The files of a circuit."""

from __future__ import annotations

from pathlib import Path

from zkdps.core.errors import StalePackage
from zkdps.core.prover import Circuit


def member(circuit: Circuit, name: str) -> Path:
    """A file of a circuit's directory, or `StalePackage`."""
    path = circuit.directory / name
    if not path.is_file():
        raise StalePackage(str(path), "the file is missing")
    return path
