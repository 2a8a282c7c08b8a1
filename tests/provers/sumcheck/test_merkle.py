"""Merkle trees: both kernel modules make the same one, and only its columns open."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.channel import ProverChannel, VerifierChannel
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.merkle import Codeword, merkle_tree, open_columns, root_of


def codeword_of(lg_n: int, rows: int) -> Codeword:
    return np.random.default_rng(rows).integers(0, P, (1 << lg_n, rows)).astype(np.uint32)


@pytest.mark.parametrize("rows", [1, 2, 11, 12, 13, 14, 27, 28, 29, 30, 156])
@pytest.mark.parametrize("lg_n", [1, 4, 6, 8])
def test_compiled_tree_is_hashlibs(lg_n: int, rows: int) -> None:
    codeword = codeword_of(lg_n, rows)
    tree = merkle_tree(codeword, 1)
    compiled = kernels_for(4, compiled=True).merkle_heap(codeword, 1)
    assert np.array_equal(tree[1:], compiled[1:])


def no_work(state: bytes, bits: int) -> int:
    raise AssertionError


@given(st.integers(1, 6), st.integers(1, 5), st.data())
@settings(max_examples=40, deadline=None)
def test_opened_columns_are_read_back(lg_n: int, rows: int, data: st.DataObject) -> None:
    codeword = codeword_of(lg_n, rows)
    tree = merkle_tree(codeword, 1)
    indices = sorted(data.draw(st.sets(st.integers(0, (1 << lg_n) - 1), min_size=1)))
    prover = ProverChannel(4, no_work)
    shape = (1, lg_n, rows)
    open_columns(prover, root_of(tree), indices, shape, (codeword, tree))
    proof = prover.proof()
    verifier = VerifierChannel(4, proof)
    opened = open_columns(verifier, root_of(tree), indices, shape, None)
    verifier.finish()
    assert np.array_equal(opened, codeword[indices])
    position = data.draw(st.integers(0, len(proof) - 1))
    wrong = proof[:position] + bytes([proof[position] ^ 1]) + proof[position + 1 :]
    with pytest.raises(CheckFailed):
        open_columns(VerifierChannel(4, wrong), root_of(tree), indices, shape, None)


def test_shape_is_hashed() -> None:
    """The same words as another number of rows, or under another lg C, have another root."""
    codeword = codeword_of(4, 2)
    roots = {
        root_of(merkle_tree(codeword, 1)),
        root_of(merkle_tree(codeword, 2)),
        root_of(merkle_tree(codeword.reshape(8, 4), 1)),
    }
    assert len(roots) == 3
