"""Polynomial commitments: our sums are the polynomial's value at the secret, and are ezkl's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provers import blocks
from zkdps.core.bn254 import GENERATOR, ORDER, add_pairs, from_bytes, multiply, omega
from zkdps.core.bn254 import to_bytes as point_bytes
from zkdps.core.errors import UnreadableFile
from zkdps.core.prover import Ranges
from zkdps.core.statement import Link
from zkdps.provers.ezkl import commitments, srs
from zkdps.provers.ezkl.backend import EzklProver
from zkdps.provers.ezkl.commitments import UNUSABLE_ROWS, Basis, point_count, usable_rows
from zkdps.provers.ezkl.felts import felt

K = 4
ROWS = 1 << K
USABLE = ROWS - UNUSABLE_ROWS


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> srs.SrsFile:
    return srs.make_development(K, tmp_path_factory.mktemp("srs"))


def evaluate(column: list[int]) -> int:
    """The value at the public secret of the polynomial with these values on the roots."""
    secret, root = srs.DEVELOPMENT_SECRET, omega(K)
    vanishing = (pow(secret, ROWS, ORDER) - 1) * pow(ROWS, -1, ORDER)
    return sum(
        value * vanishing * pow(root, row, ORDER) * pow(secret - pow(root, row, ORDER), -1, ORDER)
        for row, value in enumerate(column)
    )


def definition(values: list[int]) -> bytes:
    columns = [values[at : at + USABLE] for at in range(0, len(values) + 1, USABLE)]
    full = [column + [0] * (USABLE - len(column)) + [1] * UNUSABLE_ROWS for column in columns]
    return b"".join(point_bytes(multiply(GENERATOR, evaluate(column) % ORDER)) for column in full)


@given(st.lists(st.integers(-(2**40), 2**40), max_size=2 * USABLE + 2))
@settings(max_examples=20, deadline=None)
def test_commitments_are_the_polynomials(file: srs.SrsFile, values: list[int]) -> None:
    basis = commitments.read_basis(file.path, K, len(values))
    assert commitments.commit(values, basis) == definition(values)
    assert len(commitments.commit(values, basis)) == 64 * point_count(len(values), K)


@pytest.mark.parametrize(
    ("size", "points"),
    [(1, 1), (USABLE - 1, 1), (USABLE, 2), (2 * USABLE - 1, 2), (2 * USABLE, 3)],
)
def test_long_tensors_take_several_columns(size: int, points: int) -> None:
    assert point_count(size, K) == points


@given(st.integers(1, USABLE + 3))
@settings(max_examples=10, deadline=None)
def test_a_basis_round_trips(file: srs.SrsFile, size: int) -> None:
    basis = commitments.read_basis(file.path, K, size)
    assert commitments.parse_basis(basis.to_bytes()) == basis
    assert len(basis.points) == min(size, USABLE)


def test_commitments_add_up(file: srs.SrsFile) -> None:
    basis = commitments.read_basis(file.path, K, 3)
    free = Basis(K, basis.points, None)
    left, right = commitments.commit([1, 2, 3], free), commitments.commit([-4, 5, 0], free)
    both = commitments.commit([-3, 7, 3], free)
    assert [from_bytes(both)] == add_pairs([from_bytes(left)], [from_bytes(right)])


def test_broken_bases_are_refused(file: srs.SrsFile) -> None:
    data = commitments.read_basis(file.path, K, 3).to_bytes()
    off_curve = data[:8] + bytes(31) + b"\1" + data[40:]
    for broken in (b"", data[:7], data[:-1], data + b"\0", b"\xff" * len(data), off_curve):
        with pytest.raises(ValueError, match=r"basis|coordinate"):
            commitments.parse_basis(broken)
    with pytest.raises(ValueError, match="basis is for 3"):
        commitments.commit([1] * 4, commitments.parse_basis(data))
    with pytest.raises(UnreadableFile):
        commitments.read_basis(Path("/nonexistent/srs"), K, 1)


def test_ezkl_commits_to_the_same_points(
    ezkl_prover: EzklProver, srs_cache: Path, tmp_path: Path
) -> None:
    graph = blocks.activation("Relu", 1, 4)
    ranges = [Ranges(0, 0, 1 << 12)]
    (chosen,) = ezkl_prover.choose(
        [graph], scale_bits=blocks.SCALE_BITS, link=Link.POLYCOMMIT, ranges=ranges
    )
    circuit = ezkl_prover.compile(graph, chosen, tmp_path)
    ezkl_prover.setup(circuit)
    file = srs.find(12, srs_cache)
    generator = np.random.default_rng(3)
    for size in (1, 100, usable_rows(12), usable_rows(12) + 7):
        values = generator.integers(-(2**20), 2**20, size=size).tolist()
        theirs = ezkl_prover._runner.kzg_commit(
            0,
            [felt(value) for value in values],
            tmp_path / "vk.key",
            tmp_path / "settings.json",
            file.path,
        )
        expected = b"".join(bytes.fromhex(p[axis])[::-1] for p in theirs for axis in "xy")
        assert commitments.commit(values, commitments.read_basis(file.path, 12, size)) == expected
