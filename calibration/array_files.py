"""Named arrays from an npz, HDF5 or safetensors file, told apart by their first bytes.

Every declared shape is checked against a bound and against the bytes behind it *before* memory is
taken for it, and nothing is unpickled.  HDF5 is for files that the operator made himself: its C
library is no parser for a stranger's bytes.
"""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkdps.core.errors import MalformedTensor, MissingPackage, UnreadableFile

Array = NDArray[Any]
"""Booleans, integers or reals of any width, as the file has them."""

MAX_DATA_BYTES = 32 << 30
"""All arrays of one file together, unpacked."""
MAX_ARRAYS = 4096
MAX_NPY_HEADER_BYTES = 10_000
"""numpy's own limit (`max_header_size`) for headers that are not trusted."""
MAX_SAFETENSORS_HEADER_BYTES = 100_000_000
"""The format's own limit (safetensors README, "Format")."""

# numpy reads a header as a Python literal and lets these through (numpy.lib.format).
_PARSER_ERRORS = (tokenize.TokenError, SyntaxError, TypeError, OverflowError, MemoryError)
# Deflate, LZMA and the zip's own records.
_PACKING_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError)

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK\x03\x04"
_EMPTY_ZIP_MAGIC = b"PK\x05\x06"
_NPY_MAGIC = b"\x93NUMPY"


def read_arrays(path: Path) -> dict[str, Array]:
    """All arrays of a file by name.

    Raises:
        UnreadableFile: missing, of no known format, truncated, damaged, too large, or it holds
            pickles, links or duplicates.
        MalformedTensor: an array holds no numbers.
        MissingPackage: a safetensors file and no safetensors.
    """
    reader = _reader(path)
    with _refusing(path):
        arrays = reader(path)
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise MalformedTensor(name, f"holds {array.dtype}, not numbers")
    return arrays


def read_npz(path: Path, at_most_bytes: int) -> dict[str, Array]:
    """As `read_arrays`, of an npz only: the one format here that may come from a stranger.

    Raises:
        UnreadableFile, MalformedTensor: as `read_arrays`; also for arrays larger than
            `at_most_bytes` together.
    """
    if _reader(path) is not _read_npz:
        raise UnreadableFile(str(path), "it is not an npz")
    with _refusing(path), zipfile.ZipFile(path) as archive:
        size_bytes = sum(member.file_size for member in archive.infolist())
    if size_bytes > at_most_bytes:
        raise UnreadableFile(str(path), f"its arrays take over {at_most_bytes} bytes")
    return read_arrays(path)


def _reader(path: Path) -> Callable[[Path], dict[str, Array]]:
    with _refusing(path):
        if path.is_dir():
            raise UnreadableFile(str(path), "it is a folder")
        with path.open("rb") as file:
            head = file.read(9)
    if head.startswith(_HDF5_MAGIC):
        return _read_hdf5
    if head.startswith((_ZIP_MAGIC, _EMPTY_ZIP_MAGIC)):
        return _read_npz
    if head.startswith(_NPY_MAGIC):
        raise UnreadableFile(str(path), "it is one array; an npz of named arrays is needed")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_SAFETENSORS_HEADER_BYTES:
        return _read_safetensors
    raise UnreadableFile(str(path), "it is neither npz, HDF5 nor safetensors")


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what the readers raise about damaged files into `UnreadableFile`."""
    try:
        yield
    except (*_PACKING_ERRORS, ValueError, KeyError, RuntimeError) as error:
        # RuntimeError: h5py for damaged objects, zipfile for encrypted members.
        raise UnreadableFile(str(path), f"it is damaged or truncated: {error}") from error
    except OSError as error:
        raise UnreadableFile(str(path), error.strerror or str(error)) from error


def _within(path: Path, sizes_bytes: Sequence[int]) -> None:
    if len(sizes_bytes) > MAX_ARRAYS:
        raise UnreadableFile(str(path), f"it holds {len(sizes_bytes)} arrays, over {MAX_ARRAYS}")
    if sum(sizes_bytes) > MAX_DATA_BYTES:
        reason = f"its arrays take {sum(sizes_bytes)} bytes, at most {MAX_DATA_BYTES}"
        raise UnreadableFile(str(path), reason)


# --- npz ---------------------------------------------------------------------------------------


def _read_npz(path: Path) -> dict[str, Array]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _within(path, [member.file_size for member in members])
        names = [member.filename for member in members]
        if len(set(names)) != len(names):
            raise UnreadableFile(str(path), "a name stands in it twice")
        return {
            member.filename.removesuffix(".npy"): _read_npy(path, archive, member)
            for member in members
        }


def _read_npy(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    name = member.filename
    if not name.endswith(".npy"):
        raise UnreadableFile(str(path), f"member {name!r} is no array")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise UnreadableFile(str(path), f"member {name!r} has npy version {version}")
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        try:
            shape, fortran, dtype = read(file, max_header_size=MAX_NPY_HEADER_BYTES)
        except _PARSER_ERRORS as error:
            raise UnreadableFile(str(path), f"member {name!r} has no npy header") from error
        if dtype.hasobject:
            raise UnreadableFile(str(path), f"member {name!r} holds pickled objects")
        size_bytes = math.prod(shape) * dtype.itemsize
        if file.tell() + size_bytes != member.file_size:
            reason = f"member {name!r} declares shape {list(shape)}, which is not its size"
            raise UnreadableFile(str(path), reason)
        # Also verifies the member's CRC, which zipfile checks at its end.
        data = file.read(size_bytes + 1)
    if len(data) != size_bytes:
        raise UnreadableFile(str(path), f"member {name!r} is truncated")
    flat = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


# --- HDF5 --------------------------------------------------------------------------------------


def _read_hdf5(path: Path) -> dict[str, Array]:
    import h5py

    with h5py.File(path, "r") as file:
        for name in file:
            item = file.get(name, getclass=True, getlink=True)
            if item is not h5py.HardLink or not isinstance(file[name], h5py.Dataset):
                raise UnreadableFile(str(path), f"{name!r} is a group or link, not an array")
            if file[name].is_virtual or file[name].external:
                raise UnreadableFile(str(path), f"the values of {name!r} lie in another file")
        _within(path, [file[name].nbytes for name in file])
        return {name: _plain(name, file[name]) for name in file}


def _plain(name: str, dataset: Any) -> Array:
    if dataset.shape is None or dataset.dtype.kind not in "biuf":
        raise MalformedTensor(name, f"holds {dataset.dtype}, not numbers")
    return np.asarray(dataset[()])


# --- safetensors -------------------------------------------------------------------------------


def _read_safetensors(path: Path) -> dict[str, Array]:
    try:
        import safetensors
        from safetensors.numpy import load_file
    except ImportError as error:
        raise MissingPackage("safetensors", "reading this file", "operator") from error
    # The format stores values unpacked, without gaps: the file's size bounds what it can declare.
    _within(path, [path.stat().st_size])
    try:
        arrays: dict[str, Array] = load_file(path)
    except safetensors.SafetensorError as error:
        reason = f"it is damaged or truncated: {error}"
        raise UnreadableFile(str(path), reason) from error
    except (AttributeError, TypeError) as error:
        # numpy has no bfloat16 or float8: safetensors asks it for them and trips.
        reason = f"numpy cannot hold one of its types ({error}); store float32"
        raise UnreadableFile(str(path), reason) from error
    _within(path, [array.nbytes for array in arrays.values()])
    return arrays
