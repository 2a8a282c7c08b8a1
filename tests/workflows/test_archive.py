"""Archives have one encoding; whatever else a zip can hold is refused."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkdps.core.errors import MalformedArchive, UnreadableFile
from zkdps.workflows import archive

MEMBERS = {"manifest.json": b"{}", "proofs/0.bin": b"\x00" * 40, "proofs/1.bin": b"x"}
NAMES = st.from_regex(archive._MEMBER_NAME, fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(max_size=64), max_size=6))
def test_round_trip_and_reproducible(members: dict[str, bytes]) -> None:
    data = archive.encode_archive(members)
    assert archive.decode_archive(data, "f") == members
    assert archive.encode_archive(dict(reversed(members.items()))) == data


@given(st.data())
def test_any_changed_byte_changes_the_content_or_is_refused(data: st.DataObject) -> None:
    honest = archive.encode_archive(MEMBERS)
    changed = bytearray(honest)
    position = data.draw(st.integers(0, len(honest) - 1))
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        found = archive.decode_archive(bytes(changed), "f")
    except MalformedArchive:
        return
    assert found != MEMBERS


def _zip(build: object, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(buffer, "w", compression) as file:
            build(file)  # type: ignore[operator]
    return buffer.getvalue()


def _link(file: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("manifest.json")
    entry.external_attr = 0o120777 << 16
    file.writestr(entry, "/etc/passwd")


def _far_away() -> bytes:
    """An archive whose one member starts at a zip64 offset of 2**64 - 1."""
    honest = archive.encode_archive({"a": b"x"})
    directory, end = honest.index(b"PK\x01\x02"), honest.index(b"PK\x05\x06")
    entry, tail = bytearray(honest[directory:end]), bytearray(honest[end:])
    extra = struct.pack("<HHQ", 1, 8, (1 << 64) - 1)
    entry[30:32] = struct.pack("<H", len(extra))
    entry[42:46] = b"\xff" * 4
    tail[12:16] = struct.pack("<I", len(entry) + len(extra))
    return honest[:directory] + bytes(entry) + extra + bytes(tail)


HOSTILE = {
    "empty": b"",
    "not a zip": b"PK not really",
    "truncated": archive.encode_archive(MEMBERS)[:-5],
    "trailing": archive.encode_archive(MEMBERS) + b"\x00",
    "leading": b"\x00" + archive.encode_archive(MEMBERS),
    "climbing": _zip(lambda f: f.writestr("../manifest.json", b"{}")),
    "absolute": _zip(lambda f: f.writestr("/manifest.json", b"{}")),
    "backslash": _zip(lambda f: f.writestr("a\\b", b"{}")),
    "upper case": _zip(lambda f: f.writestr("Manifest.json", b"{}")),
    "duplicate": _zip(lambda f: (f.writestr("a", b"1"), f.writestr("a", b"2"))),
    "bomb": _zip(lambda f: f.writestr("a", b"\x00" * 10_000_000), zipfile.ZIP_DEFLATED),
    "many": _zip(lambda f: [f.writestr(f"m{i}", b"") for i in range(archive.MAX_MEMBERS + 1)]),
    "link": _zip(_link),
    "comment": _zip(lambda f: setattr(f, "comment", b"hello")),
    "unsorted": _zip(lambda f: (f.writestr("b", b""), f.writestr("a", b""))),
    "deep": _zip(lambda f: f.writestr("a/b/c/d/e", b"")),
    "far away": _far_away(),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused(case: str) -> None:
    with pytest.raises(MalformedArchive):
        archive.decode_archive(HOSTILE[case], "f")


def test_oversized_and_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableFile):
        archive.read_archive(tmp_path / "nowhere.zkrun")
    with pytest.raises(UnreadableFile):
        archive.read_archive(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFile, match="regular"):
        archive.read_archive(tmp_path / "pipe")
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 100)
    archive.write_archive(tmp_path / "run", MEMBERS)
    with pytest.raises(UnreadableFile, match="larger"):
        archive.read_archive(tmp_path / "run")
