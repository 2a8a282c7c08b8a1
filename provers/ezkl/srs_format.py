"""The SRS file format of halo2 (`ParamsKZG`, raw bytes), as ezkl reads it.

    k                u32, little-endian; n = 2**k
    g[i]             n points [sⁱ]₁
    g_lagrange[i]    n points [Lᵢ(s)]₁, Lᵢ the Lagrange polynomials of the n-th roots of unity
    g2, s_g2         [1]₂ and [s]₂

A G1 point is x ‖ y, a G2 point x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1; a coordinate is 32 bytes, little-endian,
in Montgomery form (times 2**256 modulo the field).  The identity is (0, 0).
Source: halo2 `poly/kzg/commitment.rs`; checked against files that ezkl wrote.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zkdps.core.bn254 import FIELD, POINT_BYTES, Point

G2Affine = tuple[tuple[int, int], tuple[int, int]]
"""x and y, each as (c0, c1) of c0 + c1·u."""

G2_GENERATOR: G2Affine = (
    (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
)
MAX_LOGROWS = 26
"""The largest file that anybody published."""
HEADER_BYTES = 4
G2_BYTES = 128

_MONTGOMERY = (1 << 256) % FIELD
_INVERSE = pow(_MONTGOMERY, -1, FIELD)


@dataclass(frozen=True, slots=True)
class Srs:
    """A structured reference string of `2**logrows` points."""

    logrows: int
    powers: Sequence[Point]
    """`(2**logrows,)`: [sⁱ]₁."""
    lagrange: Sequence[Point]
    """`(2**logrows,)`: [Lᵢ(s)]₁."""
    g2: G2Affine
    s_g2: G2Affine

    def to_bytes(self) -> bytes:
        """The file."""
        return b"".join(
            (
                struct.pack("<I", self.logrows),
                encode_points(self.powers),
                encode_points(self.lagrange),
                _encode_g2(self.g2),
                _encode_g2(self.s_g2),
            )
        )


def file_bytes(logrows: int) -> int:
    """Length of the file of that size."""
    return HEADER_BYTES + 2 * (POINT_BYTES << logrows) + 2 * G2_BYTES


def logrows_of(head: bytes, length: int) -> int:
    """k of a file of `length` bytes that starts with `head`.

    Raises:
        ValueError: the two do not belong together.
    """
    if len(head) < HEADER_BYTES:
        raise ValueError("shorter than its header")
    logrows: int = struct.unpack_from("<I", head)[0]
    if not 1 <= logrows <= MAX_LOGROWS:
        raise ValueError(f"logrows {logrows} is not within 1..{MAX_LOGROWS}")
    if length != file_bytes(logrows):
        raise ValueError(f"{length} bytes, a file of logrows {logrows} has {file_bytes(logrows)}")
    return logrows


def lagrange_offset(logrows: int, index: int) -> int:
    """Where Lagrange point `index` starts in a file."""
    return HEADER_BYTES + POINT_BYTES * ((1 << logrows) + index)


def parse(data: bytes) -> Srs:
    """Bytes to a record; that the points are what they should be is `srs_check`'s to find.

    Raises:
        ValueError: the length is wrong or a coordinate is not reduced.
    """
    logrows = logrows_of(data, len(data))
    half = POINT_BYTES << logrows
    body = HEADER_BYTES + half
    return Srs(
        logrows,
        decode_points(data[HEADER_BYTES:body]),
        decode_points(data[body : body + half]),
        decode_g2(data[body + half : body + half + G2_BYTES]),
        decode_g2(data[body + half + G2_BYTES :]),
    )


def encode_points(points: Iterable[Point]) -> bytes:
    """G1 points as the file holds them."""
    return b"".join(_encode(x) + _encode(y) for x, y in (point or (0, 0) for point in points))


def decode_points(data: bytes) -> list[Point]:
    """Inverse of `encode_points`."""
    return [
        _point(_decode(data, at), _decode(data, at + 32)) for at in range(0, len(data), POINT_BYTES)
    ]


def decode_g2(data: bytes) -> G2Affine:
    """The 128 bytes of a G2 point."""
    x0, x1, y0, y1 = (_decode(data, at) for at in range(0, G2_BYTES, 32))
    return (x0, x1), (y0, y1)


def _point(x: int, y: int) -> Point:
    return None if x == 0 and y == 0 else (x, y)


def _encode_g2(point: G2Affine) -> bytes:
    return b"".join(_encode(value) for coordinate in point for value in coordinate)


def _encode(value: int) -> bytes:
    return (value * _MONTGOMERY % FIELD).to_bytes(32, "little")


def _decode(data: bytes, offset: int) -> int:
    value = int.from_bytes(data[offset : offset + 32], "little")
    if value >= FIELD:
        raise ValueError(f"the coordinate at byte {offset} is not reduced")
    return value * _INVERSE % FIELD
