"""Folders for the files of one call, and what the operating system says about writing."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zkdps.core.errors import StorageFailed

_PREFIX = "zkdps-work-"
_LOCK = ".lock"
SWEPT_AFTER_S = 60.0
"""Age from which a workplace without an owner is removed: one being made has no lock yet."""


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for the files of one call, gone afterwards.

    A killed process cannot remove its own, which hold witnesses, large and private; so each is
    locked while it is used, and the next call removes those that nobody holds.
    """
    base = Path(tempfile.gettempdir())
    with storage(base):
        for left in base.glob(f"{_PREFIX}*"):
            _sweep(left)
        with (
            tempfile.TemporaryDirectory(prefix=_PREFIX) as name,
            (Path(name) / _LOCK).open("wb") as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(name)


def _sweep(folder: Path) -> None:
    # Another's, or gone meanwhile: not ours to remove, and no reason to fail.
    with suppress(OSError):
        found = folder.lstat()
        if found.st_uid != os.getuid() or time.time() - found.st_mtime < SWEPT_AFTER_S:
            return
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(handle)


@contextmanager
def storage(where: Path) -> Iterator[None]:
    """Turns what the operating system says about our own writing into `StorageFailed`."""
    try:
        yield
    except OSError as error:
        path = str(error.filename or where)
        raise StorageFailed(path, error.strerror or str(error)) from error
