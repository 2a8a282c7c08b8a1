"""Flaws of the zip file around honest members.

Written by hand, byte by byte: libraries refuse most of these, and compress differently from one
release to the next.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.vectors.flaws.registry import flaw
from tests.vectors.stored import Stored
from zkdps.workflows.archive import encode_archive

BASE = "honest_polycommit"
_DATE = 33
"""1980-01-01 as DOS writes it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as the zip holds it."""

    name: bytes
    data: bytes
    """As stored in the file."""
    size: int
    """As the headers claim, once unpacked."""
    crc: int
    method: int = 0
    flags: int = 0
    mode: int = 0o600
    """Permissions and kind, as Unix writes them."""
    extra: bytes = b""


def stored(name: str, data: bytes) -> Entry:
    """A member as `encode_archive` writes it."""
    return Entry(name.encode(), data, len(data), zlib.crc32(data))


def entries(members: Mapping[str, bytes]) -> list[Entry]:
    """All members in order."""
    return [stored(name, members[name]) for name in sorted(members)]


def zip_file(found: Sequence[Entry], comment: bytes = b"") -> bytes:
    """The file (PKWARE APPNOTE 6.3, without zip64)."""
    body, directory = b"", b""
    for entry in found:
        shared = struct.pack(
            "<HHHHIIIHH",
            entry.flags,
            entry.method,
            0,
            _DATE,
            entry.crc,
            len(entry.data),
            entry.size,
            len(entry.name),
            len(entry.extra),
        )
        tail = struct.pack("<HHHII", 0, 0, 0, entry.mode << 16, len(body))
        directory += b"PK\x01\x02" + struct.pack("<BBH", 20, 3, 20) + shared + tail
        directory += entry.name + entry.extra
        body += b"PK\x03\x04" + struct.pack("<H", 20) + shared + entry.name + entry.extra
        body += entry.data
    count, sizes = len(found), (len(directory), len(body), len(comment))
    end = struct.pack("<HHHHIIH", 0, 0, count, count, *sizes)
    return body + directory + b"PK\x05\x06" + end + comment


def deflated(data: bytes) -> bytes:
    """A deflate stream without compression (RFC 1951, 3.2.4), up to 65535 bytes."""
    return b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data


def _change(name: str, **fields: object) -> Callable[[dict[str, bytes]], bytes]:
    def build(members: dict[str, bytes]) -> bytes:
        found = entries(members)
        return zip_file(
            [
                replace(entry, **fields) if entry.name == name.encode() else entry  # type: ignore[arg-type]
                for entry in found
            ]
        )

    return build


def _add(*more: Entry) -> Callable[[dict[str, bytes]], bytes]:
    return lambda members: zip_file([*entries(members), *more])


def _compressed(members: dict[str, bytes]) -> bytes:
    data = members["manifest.json"]
    return _change("manifest.json", data=deflated(data), method=8)(members)


def _duplicate(members: dict[str, bytes]) -> bytes:
    return _add(stored("proofs/2.bin", members["proofs/1.bin"]))(members)


def _late_manifest(members: dict[str, bytes]) -> bytes:
    found = entries(members)
    return zip_file([*found[1:], found[0]])


MEMBER = "proofs/0.bin"
NAME = "is not ours"
OTHER = "the zip is not encoded as zkdps encodes it"
NOT_ZIP = "not a zip archive as zkdps writes it"

ARCHIVES: dict[str, tuple[str, Callable[[dict[str, bytes]], bytes], str]] = {
    "zip_trailing_bytes": (
        "A byte follows the archive.",
        lambda members: encode_archive(members) + b"\x00",
        OTHER,
    ),
    "zip_leading_bytes": (
        "A byte precedes the archive.",
        lambda members: b"\x00" + encode_archive(members),
        OTHER,
    ),
    "zip_truncated": (
        "The archive lacks its last bytes.",
        lambda members: encode_archive(members)[:-7],
        NOT_ZIP,
    ),
    "zip_empty_file": ("The file is empty.", lambda members: b"", NOT_ZIP),
    "zip_not_a_zip": ("The file is text.", lambda members: b"a run, honestly\n", NOT_ZIP),
    "zip_comment": (
        "The archive has a comment.",
        lambda members: zip_file(entries(members), b"hello"),
        OTHER,
    ),
    "zip_compressed": ("The manifest is deflated.", _compressed, "is compressed or encrypted"),
    "zip_bomb": (
        "A small deflated member claims to be four gigabytes.",
        _change(MEMBER, data=deflated(b""), size=0xFFFF_0000, method=8),
        "is compressed or encrypted",
    ),
    "zip_larger_than_the_file": (
        "A stored member claims more bytes than the file has.",
        _change(MEMBER, size=0x7FFF_0000),
        "the members are larger than the file",
    ),
    "zip_encrypted": (
        "A member says that it is encrypted.",
        _change(MEMBER, flags=1),
        "is compressed or encrypted",
    ),
    "zip_wrong_crc": ("A member's checksum is wrong.", _change(MEMBER, crc=1), NOT_ZIP),
    "zip_duplicate": ("A proof stands twice, with two contents.", _duplicate, "stands twice"),
    "zip_unsorted": ("The members are not in order.", _late_manifest, OTHER),
    "zip_symlink": (
        "A proof is a symbolic link.",
        _change(MEMBER, mode=0o120777),
        OTHER,
    ),
    "zip_executable": ("A proof is marked as a program.", _change(MEMBER, mode=0o755), OTHER),
    "zip_extra_field": (
        "A member has an extra field to hide things in.",
        _change(MEMBER, extra=b"\xfe\xca\x04\x00hide"),
        OTHER,
    ),
    "zip_climbing_path": (
        "A member's name climbs out of the archive.",
        _add(stored("../evil", b"x")),
        NAME,
    ),
    "zip_absolute_path": (
        "A member's name is an absolute path.",
        _add(stored("/etc/evil", b"x")),
        NAME,
    ),
    "zip_backslash": (
        "A member's name has a backslash.",
        _add(stored("proofs\\3.bin", b"x")),
        NAME,
    ),
    "zip_upper_case": (
        "A member's name differs from another in case alone.",
        _add(stored("Manifest.json", b"{}")),
        NAME,
    ),
    "zip_folder": ("The archive has an entry for a folder.", _add(stored("proofs/", b"")), NAME),
}
"""Name to sentence, how the file is built, and part of the message; check 1 fails."""


def _register(name: str) -> None:
    sentence, build, says = ARCHIVES[name]

    @flaw(name, sentence, check=1, says=says)
    def _(honest: Stored) -> bytes:
        return build(dict(honest.run(BASE).members()))


for _name in ARCHIVES:
    _register(_name)
