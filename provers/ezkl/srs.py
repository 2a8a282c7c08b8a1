"""The SRS cache: development files made here, ceremony files imported.

Layout: `CACHE/development/K.srs`, and `CACHE/ceremony/SHA256/K.srs` with `source.json` beside, one
folder a ceremony, named by the digest of `[s]₂`.  ezkl wants a file of exactly the circuit's size:
a larger one is cut down again on every call, which takes longer than the proof.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from py_ecc.optimized_bn128 import G2, multiply, normalize

from zkdps.core.bn254 import GENERATOR, ORDER, FixedBase, add_pairs, omega
from zkdps.core.bn254 import multiply as multiply_point
from zkdps.core.canonical import canonical_json, parse_canonical, sha256_hex
from zkdps.core.errors import MalformedSrs, MissingSrs, StorageFailed, UnreadableFile, WrongSrs
from zkdps.core.srs import SrsKind
from zkdps.provers.ezkl.lagrange import lagrange_basis
from zkdps.provers.ezkl.srs_check import check_structure
from zkdps.provers.ezkl.srs_format import (
    G2_BYTES,
    G2_GENERATOR,
    HEADER_BYTES,
    G2Affine,
    Srs,
    decode_g2,
    decode_points,
    file_bytes,
    logrows_of,
    parse,
)

DEVELOPMENT_SENTENCE = b"zkdps development SRS: everybody knows this secret, so it proves nothing"
DEVELOPMENT_SECRET = int.from_bytes(hashlib.sha512(DEVELOPMENT_SENTENCE).digest(), "big") % ORDER
DEVELOPMENT_SOURCE = f"secret = SHA-512({DEVELOPMENT_SENTENCE.decode()!r}) mod r"
VERIFIER_LOGROWS = 1
MAX_DEVELOPMENT_LOGROWS = 20


@dataclass(frozen=True, slots=True)
class SrsFile:
    """An SRS of one size in the cache."""

    path: Path
    logrows: int
    kind: SrsKind
    source: str
    """For people: the ceremony, or how the secret is derived."""
    sha256: str
    """SHA-256 hex of the file."""


def make_development(logrows: int, cache: Path) -> SrsFile:
    """The development SRS of that size, made if it is not there; the same bytes everywhere.

    Raises:
        MissingSrs: a size that takes too long to make (over `MAX_DEVELOPMENT_LOGROWS`).
        StorageFailed: the file could not be written.
    """
    path = _development_path(logrows, cache)
    if not _whole(path, logrows):
        if not 1 <= logrows <= MAX_DEVELOPMENT_LOGROWS:
            raise MissingSrs(logrows)
        _write(path, development_srs(logrows).to_bytes())
    return _development_file(path, logrows)


def development_srs(logrows: int) -> Srs:
    """From the public secret; 1 s at logrows 12, doubling with each further one."""
    secret, rows = DEVELOPMENT_SECRET, 1 << logrows
    powers = [1]
    for _ in range(rows - 1):
        powers.append(powers[-1] * secret % ORDER)
    base = FixedBase(GENERATOR, 2 * rows)
    return Srs(
        logrows,
        base.multiply_all(powers),
        base.multiply_all(_lagrange_at(secret, logrows)),
        G2_GENERATOR,
        development_s_g2(),
    )


def development_s_g2() -> G2Affine:
    """[s]₂ of the development secret."""
    x, y = normalize(multiply(G2, DEVELOPMENT_SECRET))
    return (int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1]))


def _lagrange_at(secret: int, logrows: int) -> list[int]:
    """Lᵢ(s) = (sⁿ - 1)/n · ωⁱ/(s - ωⁱ)."""
    rows, root = 1 << logrows, omega(logrows)
    factor = (pow(secret, rows, ORDER) - 1) * pow(rows, -1, ORDER) % ORDER
    values, node = [], 1
    for _ in range(rows):
        values.append(factor * node * pow(secret - node, -1, ORDER) % ORDER)
        node = node * root % ORDER
    return values


def verifier_part(file: SrsFile) -> bytes:
    """The 516 bytes that verification needs: an SRS of two points, cut from any size.

    Raises:
        UnreadableFile: the file has gone.
    """
    size = file_bytes(file.logrows)
    try:
        with file.path.open("rb") as stream:
            head = stream.read(HEADER_BYTES + 128)
            stream.seek(size - 2 * G2_BYTES)
            tail = stream.read()
    except OSError as error:
        raise UnreadableFile(str(file.path), error.strerror or str(error)) from error
    one, secret = decode_points(head[HEADER_BYTES:])
    half = pow(2, -1, ORDER)
    # On the roots 1 and -1: L0 = (1 + X)/2 and L1 = (1 - X)/2.
    (total,) = add_pairs([one], [secret])
    first = multiply_point(total, half)
    (second,) = add_pairs([one], [None if first is None else (first[0], -first[1])])
    lagrange = [first, second]
    g2, s_g2 = decode_g2(tail[:G2_BYTES]), decode_g2(tail[G2_BYTES:])
    return Srs(VERIFIER_LOGROWS, [one, secret], lagrange, g2, s_g2).to_bytes()


def import_ceremony(
    path: Path, source: str, cache: Path, expected_sha256: str | None = None
) -> SrsFile:
    """Check a ceremony's file and copy it into the cache.

    Raises:
        UnreadableFile: it cannot be read.
        WrongSrs: its digest is not the expected one.
        MalformedSrs: it is not a structured reference string, or it is the development SRS.
        StorageFailed: the copy could not be written.
    """
    data = _read(path)
    digest = sha256_hex(data)
    if expected_sha256 is not None and digest != expected_sha256.lower():
        raise WrongSrs(expected_sha256.lower(), digest)
    srs = check(path, data)
    if srs.s_g2 == development_s_g2():
        raise MalformedSrs(str(path), "this is the development SRS, whose secret is public")
    folder = cache / "ceremony" / _ceremony_name(srs.s_g2)
    _write(folder / "source.json", canonical_json({"source": source}))
    target = folder / f"{srs.logrows}.srs"
    _write(target, data)
    return SrsFile(target, srs.logrows, SrsKind.CEREMONY, source, digest)


def check(path: Path, data: bytes | None = None) -> Srs:
    """Parse an SRS file of either kind and prove its structure.

    Raises:
        UnreadableFile: it cannot be read.
        MalformedSrs: what is wrong with it.
    """
    data = _read(path) if data is None else data
    try:
        srs = parse(data)
        check_structure(srs)
    except ValueError as error:
        raise MalformedSrs(str(path), str(error)) from error
    return srs


def list_cache(cache: Path) -> tuple[SrsFile, ...]:
    """Every whole SRS in the cache: development first, then ceremonies, by size."""
    return tuple(_digested(file) for file in _scan(cache))


def find(
    logrows: int, cache: Path, *, kind: SrsKind | None = None, sha256: str | None = None
) -> SrsFile:
    """The SRS of exactly that size; a ceremony's is preferred, cut from a larger one if needed.

    With no `kind` the development SRS stands in only where the cache holds no ceremony at all.

    Raises:
        MissingSrs: there is none.
        WrongSrs: there is one, but not the one with that digest.
    """
    files = [file for file in _scan(cache) if kind in (None, file.kind)]
    ceremonies = [file for file in files if file.kind is SrsKind.CEREMONY]
    if sha256 is not None:
        sized = [_digested(file) for file in files if file.logrows == logrows]
        matches = [file for file in sized if file.sha256 == sha256]
        if not matches:
            raise WrongSrs(sha256, sized[0].sha256) if sized else MissingSrs(logrows)
        return matches[0]
    exact = [file for file in ceremonies or files if file.logrows == logrows]
    if exact:
        return _digested(exact[0])
    larger = [file for file in ceremonies if file.logrows > logrows]
    if larger:
        return downsize(min(larger, key=lambda file: file.logrows), logrows)
    if not ceremonies and kind in (None, SrsKind.DEVELOPMENT):
        return make_development(logrows, cache)
    raise MissingSrs(logrows)


def _scan(cache: Path) -> list[SrsFile]:
    """The whole files of the cache, their digests not taken yet."""
    found = [
        SrsFile(path, int(path.stem), SrsKind.DEVELOPMENT, DEVELOPMENT_SOURCE, "")
        for path in _by_size(cache / "development")
    ]
    for folder in sorted((cache / "ceremony").glob("*")):
        if not _by_size(folder):
            # An import that was killed before its file was in place.
            continue
        source = str(parse_canonical(_read(folder / "source.json"), "source.json")["source"])
        found += [
            SrsFile(path, int(path.stem), SrsKind.CEREMONY, source, "") for path in _by_size(folder)
        ]
    return [file for file in found if _whole(file.path, file.logrows)]


def _digested(file: SrsFile) -> SrsFile:
    return replace(file, sha256=sha256_hex(_read(file.path)))


def downsize(file: SrsFile, logrows: int) -> SrsFile:
    """Cut a ceremony's SRS to a smaller size, beside it in the cache.

    The powers are a prefix; the Lagrange basis is a Fourier transform of points, which in Python
    takes minutes from logrows 14 up (`lagrange_basis` has the numbers): import the ceremony's own
    file of the wanted size where one is published.
    """
    srs = parse(_read(file.path))
    powers = list(srs.powers[: 1 << logrows])
    data = Srs(logrows, powers, lagrange_basis(powers), srs.g2, srs.s_g2).to_bytes()
    path = file.path.with_name(f"{logrows}.srs")
    _write(path, data)
    return SrsFile(path, logrows, file.kind, file.source, sha256_hex(data))


def _development_path(logrows: int, cache: Path) -> Path:
    return cache / "development" / f"{logrows}.srs"


def _development_file(path: Path, logrows: int) -> SrsFile:
    return _digested(SrsFile(path, logrows, SrsKind.DEVELOPMENT, DEVELOPMENT_SOURCE, ""))


def _ceremony_name(s_g2: G2Affine) -> str:
    return sha256_hex(repr(s_g2).encode())


def _by_size(folder: Path) -> list[Path]:
    files = [path for path in folder.glob("*.srs") if path.stem.isdigit()]
    return sorted(files, key=lambda path: int(path.stem))


def _whole(path: Path, logrows: int) -> bool:
    """Whether a cache file is there and has its length; a cut one is made again."""
    try:
        with path.open("rb") as stream:
            return logrows_of(stream.read(HEADER_BYTES), path.stat().st_size) == logrows
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        raise UnreadableFile(str(path), error.strerror or str(error)) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(str(path), error.strerror or str(error)) from error


def _write(path: Path, data: bytes) -> None:
    """By write-then-rename: nobody ever sees a half file; what killed writers left is removed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / ".lock").open("ab") as lock:
            # Held while a part exists, so any part found by the holder has no writer any more.
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in path.parent.glob(".*.part"):
                left.unlink()
            _replace(path.with_name(f".{path.name}.part"), path, data)
    except OSError as error:
        raise StorageFailed(str(path), error.strerror or str(error)) from error


def _replace(part: Path, path: Path, data: bytes) -> None:
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
