"""Content-addressed steps: redo only what changed, resume where a killed process was.

A step makes one folder from inputs that are named by a digest.  Its record, written last, holds the
digest of those inputs and of every file made.  A step is done if its record has the same inputs and
every file still has its digest; anything else is made again, in a scratch folder that is renamed
into place.  So at every moment the folder holds either nothing or the whole result.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zkdps.core.canonical import Json, canonical_json, digest_of, parse_canonical
from zkdps.core.errors import MalformedArchive, UnreadableFile
from zkdps.workflows.observer import Observer
from zkdps.workflows.storage import (
    fresh_folder,
    make_folder,
    move_folder,
    read_bytes,
    storing,
    write_bytes,
)

MAX_RECORD_BYTES = 8 << 20


class Steps:
    """The steps of one workflow in one root folder."""

    def __init__(self, root: Path, observer: Observer) -> None:
        """`observer` hears of each step."""
        self._root = root
        self._total = 1
        self._observer = observer
        self._position = 0
        make_folder(root / "steps")
        with storing(root), suppress(FileNotFoundError):
            # Half-made by a killed process, perhaps of a step that this workflow no longer has.
            shutil.rmtree(root / ".scratch")

    def expect(self, total: int) -> None:
        """Say how many steps there will be, as far as is known now."""
        self._total = total

    def run(self, name: str, inputs: Json, make: Callable[[Path], None]) -> Path:
        """The folder `root/name`, made by `make(folder)` unless it is there from equal `inputs`.

        Raises:
            StorageFailed: the disk refused; what `make` raises passes through.
        """
        self._position += 1
        wanted = digest_of(inputs)
        folder = self._root / name
        if self.is_done(name, inputs):
            self._observer.reused(name, self._position, self._total)
            return folder
        self._observer.started(name, self._position, self._total)
        record = self._root / "steps" / f"{name.replace('/', '.')}.json"
        self.forget(name)
        with self._scratch(name) as scratch:
            with storing(folder):
                make(scratch)
            files: Json = {
                str(file.relative_to(scratch)): file_sha256(file)
                for file in sorted(scratch.rglob("*"))
                if file.is_file()
            }
            move_folder(scratch, folder)
        write_bytes(record, canonical_json({"inputs_sha256": wanted, "files": files}))
        self._observer.finished(name, self._position, self._total)
        return folder

    def forget(self, name: str) -> None:
        """Have the step's result made again, whatever lies there."""
        record = self._root / "steps" / f"{name.replace('/', '.')}.json"
        with storing(record):
            record.unlink(missing_ok=True)

    def folder(self, name: str) -> Path:
        """Where the step's result lies, once it is done."""
        return self._root / name

    @contextmanager
    def _scratch(self, name: str) -> Iterator[Path]:
        place = self._root / ".scratch"
        try:
            yield fresh_folder(place / name.replace("/", "."))
        finally:
            # Frees the disk after a failure too: what a step left unfinished is of no use.
            shutil.rmtree(place, ignore_errors=True)

    def is_done(self, name: str, inputs: Json) -> bool:
        """Whether `run` would find the step's result there."""
        found = _record(self._root, name)
        if found is None or found.get("inputs_sha256") != digest_of(inputs):
            return False
        return _changed(found, self._root / name) is None


def damage(root: Path, name: str) -> str | None:
    """What is wrong with the step's files, for people; `None` if they are as they were made.

    Raises:
        UnreadableFile: a file is there and cannot be read.
    """
    found = _record(root, name)
    return f"{name} has no record" if found is None else _changed(found, root / name)


def _record(root: Path, name: str) -> dict[str, Json] | None:
    record = root / "steps" / f"{name.replace('/', '.')}.json"
    try:
        return parse_canonical(read_bytes(record, MAX_RECORD_BYTES), str(record))
    except (UnreadableFile, MalformedArchive):
        return None


def _changed(record: dict[str, Json], folder: Path) -> str | None:
    files = record.get("files")
    if not isinstance(files, dict):
        return "its record lists no files"
    for file, digest in files.items():
        if not (folder / file).is_file():
            return f"{file} is missing"
        if file_sha256(folder / file) != digest:
            return f"{file} is not what its record says"
    return None


def file_sha256(path: Path) -> str:
    """SHA-256 hex of a file of any size.

    Raises:
        UnreadableFile: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFile(str(path), error.strerror or str(error)) from error
