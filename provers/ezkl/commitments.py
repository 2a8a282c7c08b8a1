"""Polynomial commitments to tensors, in pure Python, from Lagrange points alone.

ezkl commits to a tensor v as to an unblinded column: Σᵢ vᵢ [Lᵢ(s)]₁, plus the column's last
`UNUSABLE_ROWS` rows, which hold ones.  A tensor longer than a column takes several, each with its
own ones; where the length is a multiple of the usable rows a last, empty column follows.

A *commitment basis* is the part of an SRS that the commitments of one key need: the first Lagrange
points and the sum of the last ones.  With it an auditor recomputes the commitment of a model's
input or output without an SRS file.  Layout: logrows u32, points u32 (little-endian), then the
points as the SRS file holds them (64 bytes each), the constant last.

Source: ezkl `circuit/modules/polycommit.rs`; `setup` compares with ezkl's own on every circuit.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zkdps.core.bn254 import POINT_BYTES, Point, add_pairs, is_on_curve, multiply_sum, sum_groups
from zkdps.core.bn254 import to_bytes as point_bytes
from zkdps.core.errors import UnreadableFile
from zkdps.provers.ezkl.srs_format import (
    MAX_LOGROWS,
    decode_points,
    encode_points,
    lagrange_offset,
)

UNUSABLE_ROWS = 6
"""Blinding factors plus one, in every circuit ezkl makes; checked at each setup."""
_HEADER = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Basis:
    """What committing to tensors of up to `len(points)` elements a column needs."""

    logrows: int
    points: Sequence[Point]
    """`(min(size, usable_rows),)`: the first Lagrange points."""
    constant: Point
    """The commitment of an empty column."""

    def to_bytes(self) -> bytes:
        """The key member."""
        head = _HEADER.pack(self.logrows, len(self.points))
        return head + encode_points([*self.points, self.constant])


def usable_rows(logrows: int) -> int:
    """Elements of a tensor that one column holds."""
    return (1 << logrows) - UNUSABLE_ROWS


def point_count(size: int, logrows: int) -> int:
    """Points in the commitment of a tensor of `size` elements."""
    return size // usable_rows(logrows) + 1


def read_basis(path: Path, logrows: int, size: int) -> Basis:
    """The basis for tensors of up to `size` elements, from an SRS file of exactly `logrows`.

    Raises:
        UnreadableFile: the file has gone.
    """
    needed = min(size, usable_rows(logrows))
    try:
        with path.open("rb") as stream:
            stream.seek(lagrange_offset(logrows, 0))
            points = decode_points(stream.read(POINT_BYTES * needed))
            stream.seek(lagrange_offset(logrows, usable_rows(logrows)))
            last = decode_points(stream.read(POINT_BYTES * UNUSABLE_ROWS))
    except OSError as error:
        raise UnreadableFile(str(path), error.strerror or str(error)) from error
    return Basis(logrows, points, sum_groups([last])[0])


def parse_basis(data: bytes) -> Basis:
    """Inverse of `Basis.to_bytes`, for untrusted bytes.

    Raises:
        ValueError: wrong length, a coordinate not reduced, or a point off the curve.
    """
    if len(data) < _HEADER.size:
        raise ValueError("a commitment basis shorter than its header")
    logrows, count = _HEADER.unpack_from(data)
    if not 1 <= logrows <= MAX_LOGROWS or len(data) != _HEADER.size + POINT_BYTES * (count + 1):
        raise ValueError("a commitment basis whose header and length disagree")
    points = decode_points(data[_HEADER.size :])
    if not all(point is not None and is_on_curve(point) for point in points):
        raise ValueError("a commitment basis with a point that is not on the curve")
    return Basis(logrows, points[:-1], points[-1])


def commit(values: Sequence[int], basis: Basis) -> bytes:
    """The commitment to signed integers: 64 big-endian bytes a column.

    Raises:
        ValueError: the basis is for shorter tensors.
    """
    rows = usable_rows(basis.logrows)
    if min(len(values), rows) > len(basis.points):
        raise ValueError(f"the basis is for {len(basis.points)} values, got {len(values)}")
    columns = []
    for column in range(point_count(len(values), basis.logrows)):
        part = values[column * rows : (column + 1) * rows]
        total = multiply_sum(basis.points[: len(part)], part)
        columns += add_pairs([total], [basis.constant])
    return b"".join(point_bytes(point) for point in columns)
