"""The SRS files in the user's cache: make, import, check, list."""

from __future__ import annotations

from pathlib import Path

from zkdps.core.srs import SrsKind
from zkdps.provers.ezkl import srs as files
from zkdps.workflows.reports import Machine, SrsFile
from zkdps.workflows.steps import file_sha256


def make_srs(logrows: int, *, machine: Machine) -> SrsFile:
    """Make the development SRS of 2**logrows points; its secret is public, see ADR 2.

    Raises:
        MissingSrs: a size that takes too long to make.
        StorageFailed: the cache cannot be written.
    """
    return _report(files.make_development(logrows, _cache(machine)))


def import_srs(
    path: Path, *, source: str, expected_sha256: str | None = None, machine: Machine
) -> tuple[SrsFile, ...]:
    """Check a ceremony's file with pairings and copy it into the cache.

    Args:
        path: the file, in halo2's raw format.
        source: which ceremony; goes into every key made with it.
        expected_sha256: the digest that the ceremony published.
        machine: whose cache.

    Raises:
        MalformedSrs: not a structured reference string, or the development SRS.
        WrongSrs: another digest than expected.
    """
    files.import_ceremony(path, source, _cache(machine), expected_sha256)
    return tuple(file for file in list_srs(machine=machine) if file.kind == SrsKind.CEREMONY)


def check_srs(path: Path) -> SrsFile:
    """Check the structure of any SRS file: points on the curve, powers of one secret.

    Raises:
        MalformedSrs: it is not one.
    """
    srs = files.check(path)
    is_development = srs.s_g2 == files.development_s_g2()
    kind = SrsKind.DEVELOPMENT if is_development else SrsKind.CEREMONY
    source = files.DEVELOPMENT_SOURCE if is_development else "unknown: the file does not say"
    return SrsFile(path, srs.logrows, kind, source, file_sha256(path), path.stat().st_size)


def list_srs(*, machine: Machine) -> tuple[SrsFile, ...]:
    """Everything in the cache."""
    return tuple(map(_report, files.list_cache(_cache(machine))))


def _cache(machine: Machine) -> Path:
    return machine.cache / "srs"


def _report(file: files.SrsFile) -> SrsFile:
    size_bytes = file.path.stat().st_size
    return SrsFile(file.path, file.logrows, file.kind, file.source, file.sha256, size_bytes)
