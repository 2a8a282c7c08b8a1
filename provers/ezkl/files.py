"""The files of a circuit, and folders for the files of one call."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zkdps.core.errors import StalePackage, StorageFailed
from zkdps.core.prover import Circuit


def member(circuit: Circuit, name: str) -> Path:
    """A file of a circuit's directory, or `StalePackage`."""
    path = circuit.directory / name
    if not path.is_file():
        raise StalePackage(str(path), "the file is missing")
    return path


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for the files of one call, gone afterwards."""
    with storage(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory("-zkdps") as name:
        yield Path(name)


@contextmanager
def storage(where: Path) -> Iterator[None]:
    """Turns what the operating system says about our own writing into `StorageFailed`."""
    try:
        yield
    except OSError as error:
        path = str(error.filename or where)
        raise StorageFailed(path, error.strerror or str(error)) from error
