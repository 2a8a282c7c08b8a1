"""Tensors of a user's: one npz, one array per name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zkdps.calibration.array_files import read_npz
from zkdps.core.errors import MalformedTensor
from zkdps.workflows.storage import write_bytes

MAX_TENSOR_BYTES = 4 << 30
"""All arrays of one file together, unpacked."""


def read_tensors(path: Path, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    """The arrays `names` of an npz file, all of them and no others; pickles are refused.

    Raises:
        UnreadableFile: not an npz, or damaged.
        MalformedTensor: an array is missing or foreign, or holds no numbers.
    """
    found = read_npz(path, MAX_TENSOR_BYTES)
    for name in names:
        if name not in found:
            raise MalformedTensor(name, f"is missing in {path}, which holds {sorted(found)}")
    for name in found:
        if name not in names:
            raise MalformedTensor(name, f"stands in {path}, the model has only {list(names)}")
    return found


def write_tensors(path: Path, tensors: Mapping[str, NDArray[np.generic]]) -> None:
    """Write arrays as an npz: whole or not at all."""
    buffer = io.BytesIO()
    # np.savez stamps the time of writing; equal tensors should make equal files.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(tensors):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(tensors[name]), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue()
            )
    write_bytes(path, buffer.getvalue())
