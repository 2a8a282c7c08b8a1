"""Arrays between processes: an npz of arrays that are named by their position."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_arrays(path: Path, arrays: Sequence[NDArray[Any]]) -> None:
    """Write arrays of any shapes and types, uncompressed."""
    named: dict[str, Any] = {str(position): array for position, array in enumerate(arrays)}
    with path.open("wb") as file:
        np.savez(file, **named)


def read_arrays(path: Path) -> list[NDArray[Any]]:
    """What `write_arrays` wrote."""
    with np.load(path) as arrays:
        return [arrays[str(position)] for position in range(len(arrays.files))]
