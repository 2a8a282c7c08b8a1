"""Files at the edge: whole or not at all, and one writer at a time.

Everything is written beside its final place and renamed into it, after it has reached the disk, so
a reader sees the old content or the new and a killed process leaves at most a `.tmp-` file, which
the next holder of the folder's lock removes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from zkdps.core.errors import PackageBusy, StorageFailed, UnreadableFile


def read_bytes(path: Path, at_most_bytes: int) -> bytes:
    """The content of a file of bounded size.

    Raises:
        UnreadableFile: missing, not a regular file, too large, or unreadable.
    """
    try:
        # Before opening: that would wait for ever on a pipe without a writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableFile(str(path), "it is not a regular file")
        with path.open("rb") as file:
            data = file.read(at_most_bytes + 1)
    except OSError as error:
        raise UnreadableFile(str(path), error.strerror or str(error)) from error
    if len(data) > at_most_bytes:
        raise UnreadableFile(str(path), f"it is larger than {at_most_bytes} bytes")
    return data


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals while writing `path` into `StorageFailed`."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(str(path), error.strerror or str(error)) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`: whole, on disk, or not at all.

    Raises:
        StorageFailed: disk full, read-only, no such folder.
    """
    with storing(path):
        handle, name = tempfile.mkstemp(prefix=f".tmp-{path.name}-", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def make_folder(path: Path) -> None:
    """Create a folder and its parents where they are missing."""
    with storing(path):
        path.mkdir(parents=True, exist_ok=True)


def fresh_folder(path: Path) -> Path:
    """An empty folder at `path`; what lay there, half-made by a killed process, is removed."""
    with storing(path):
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True)
    return path


def move_folder(source: Path, target: Path) -> None:
    """Put a finished folder in its place; files reach the disk first."""
    with storing(target):
        for file in sorted(source.rglob("*")):
            if file.is_file():
                _sync(file)
        if target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` alone; the lock dies with the process.

    A folder that did not exist before and holds no file when the body fails is removed again.  The
    body may remove the folder itself.

    Raises:
        PackageBusy: somebody else holds it.
        StorageFailed: it cannot be made.
    """
    existed = folder.exists()
    with _locked(folder):
        with storing(folder):
            for left in [*folder.glob(".tmp-*"), *folder.glob("*/.tmp-*")]:
                left.unlink(missing_ok=True)
        try:
            yield
        except BaseException:
            if not existed and _holds_only_lock(folder):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _locked(folder: Path) -> BinaryIO:
    """The open lock file; closing it lets go."""
    while True:
        make_folder(folder)
        with storing(folder), suppress(FileNotFoundError):
            lock = (folder / ".lock").open("a+b")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The last holder may have removed the folder between our opening and locking.
                if os.fstat(lock.fileno()).st_ino == (folder / ".lock").stat().st_ino:
                    return lock
                lock.close()
            except BlockingIOError as error:
                lock.close()
                raise PackageBusy(str(folder)) from error
            except OSError:
                lock.close()
                raise


def _holds_only_lock(folder: Path) -> bool:
    return all(path.is_dir() or path == folder / ".lock" for path in folder.rglob("*"))


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
