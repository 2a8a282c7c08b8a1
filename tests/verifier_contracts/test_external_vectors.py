"""Hash, curve and pairing against vectors that others published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zkdps.verifier_contracts.reference.bn254 import Point, is_on_curve, multiply_sum
from zkdps.verifier_contracts.reference.pairing import is_in_g2, product_is_one
from zkdps.verifier_contracts.reference.vka import G2Point
from zkdps.verifier_contracts.reference.words import keccak256

PRECOMPILES: dict[str, Any] = json.loads(
    (Path(__file__).parent / "external" / "precompiles.json").read_text()
)

# EmptyCodeHash, EmptyRootHash (of RLP's empty string) and EmptyUncleHash (of RLP's empty list) of
# go-ethereum, core/types/hashes.go, commit 0b56af5a01b8a0c6fc9d60247bb79ffd03d1bcfd.
KECCAK = {
    b"": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    b"\x80": "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    b"\xc0": "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
}


def _vectors(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in PRECOMPILES[kind]]


def _integers(data: str) -> list[int]:
    return [int(data[at : at + 64], 16) for at in range(0, len(data), 64)]


def _point(x: int, y: int) -> Point:
    assert is_on_curve(x, y), "a published point is not on our curve"
    return x, y


@pytest.mark.parametrize("data", KECCAK, ids=["no code", "empty trie", "no uncles"])
def test_keccak(data: bytes) -> None:
    assert keccak256(data).hex() == KECCAK[data]


@pytest.mark.parametrize("vector", _vectors("add"))
def test_add(vector: dict[str, str]) -> None:
    x1, y1, x2, y2 = _integers(vector["input"])
    expected = tuple(_integers(vector["expected"]))
    assert multiply_sum([(_point(x1, y1), 1), (_point(x2, y2), 1)]) == expected


@pytest.mark.parametrize("vector", _vectors("multiply"))
def test_multiply(vector: dict[str, str]) -> None:
    x, y, scalar = _integers(vector["input"])
    assert multiply_sum([(_point(x, y), scalar)]) == tuple(_integers(vector["expected"]))


@pytest.mark.parametrize("vector", _vectors("pairing"))
def test_pairing(vector: dict[str, Any]) -> None:
    integers = _integers(vector["input"])
    pairs: list[tuple[Point, G2Point]] = []
    for at in range(0, len(integers), 6):
        x, y, x1, x0, y1, y0 = integers[at : at + 6]
        q = (x0, x1), (y0, y1)
        assert is_in_g2(q), "a published point is not in our G2"
        pairs.append((_point(x, y), q))
    assert product_is_one(pairs) is vector["expected"]
