"""Key and run archives: zip files with exactly one encoding per content.

Members are stored uncompressed, in order of name, with a fixed date and no attributes.  A reader
rebuilds the archive from the members it found and compares bytes, so nothing can hide in it:
links, absolute or climbing paths, repeated entries, compression bombs, comments, gaps and trailing
bytes all make a different file.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

from zkdps.core.errors import MalformedArchive
from zkdps.workflows.storage import read_bytes, write_bytes

MAX_ARCHIVE_BYTES = 1 << 29
MAX_MEMBERS = 1 << 16
_MEMBER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*){0,3}")
_DATE = (1980, 1, 1, 0, 0, 0)
# OverflowError: a zip64 offset beyond what the operating system can seek to.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


def encode_archive(members: Mapping[str, bytes]) -> bytes:
    """The archive of `members`: equal members give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, date_time=_DATE)
            entry.create_system = 3
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def decode_archive(data: bytes, path: str) -> dict[str, bytes]:
    """Untrusted bytes to members.

    Raises:
        MalformedArchive: not a zip, out of bounds, or not encoded as `encode_archive` does.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, len(data), path)
            members = {entry.filename: archive.read(entry) for entry in entries}
    except _ZIP_ERRORS as error:
        raise MalformedArchive(path, f"not a zip archive as zkdps writes it: {error}") from error
    except NotImplementedError as error:
        raise MalformedArchive(path, "it uses zip features that zkdps never writes") from error
    if encode_archive(members) != data:
        raise MalformedArchive(path, "the zip is not encoded as zkdps encodes it")
    return members


def _check_entries(entries: list[zipfile.ZipInfo], size_bytes: int, path: str) -> None:
    if len(entries) > MAX_MEMBERS:
        raise MalformedArchive(path, f"{len(entries)} members, at most {MAX_MEMBERS}")
    if len({entry.filename for entry in entries}) != len(entries):
        raise MalformedArchive(path, "a member stands twice in it")
    for entry in entries:
        if not _MEMBER_NAME.fullmatch(entry.filename):
            raise MalformedArchive(path, f"the member name {entry.filename[:80]!r} is not ours")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise MalformedArchive(path, f"member {entry.filename!r} is compressed or encrypted")
    if sum(entry.file_size for entry in entries) > size_bytes:
        raise MalformedArchive(path, "the members are larger than the file")


def read_archive(path: Path) -> dict[str, bytes]:
    """The members of an archive on disk.

    Raises:
        UnreadableFile: it cannot be read, or is larger than `MAX_ARCHIVE_BYTES`.
        MalformedArchive: see `decode_archive`.
    """
    return decode_archive(read_bytes(path, MAX_ARCHIVE_BYTES), str(path))


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write an archive: whole or not at all."""
    write_bytes(path, encode_archive(members))
