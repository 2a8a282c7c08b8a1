"""Commitments: integers laid out as rows, encoded, hashed; weights are kept on disk.

Source: docs/sumcheck.md, section 3.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zkdps.provers.sumcheck.integers import Tensors
from zkdps.provers.sumcheck.kernels.interface import I32, Integers, Kernels
from zkdps.provers.sumcheck.layout import Commitment, commitment_of, layout_of
from zkdps.provers.sumcheck.merkle import root_of
from zkdps.provers.sumcheck.opening import Committed
from zkdps.provers.sumcheck.system import Holder, System

ROWS_FILE = "weights-rows.npy"
CODEWORD_FILE = "weights-codeword.npy"
TREE_FILE = "weights-tree.npy"


def flatten(system: System, commitment: Commitment, values: Tensors) -> I32:
    """The commitment's integers, piece after piece, zeros up to whole rows."""
    flat = np.zeros(commitment.rows << system.columns_log, np.int32)
    for piece in commitment.pieces:
        cut = tuple(
            slice(start, start + length)
            for start, length in zip(piece.starts, piece.lengths, strict=True)
        )
        tensor = commitment.tensors[piece.box]
        values_there = values[tensor].reshape(system.tensors[tensor].shape)[cut]
        flat[piece.offset : piece.offset + piece.size] = values_there.reshape(-1)
    return flat


def commit(system: System, kernels: Kernels, integers: I32) -> Committed:
    """Encode the rows and hash the columns."""
    matrix = integers.reshape(-1, 1 << system.columns_log)
    codeword = kernels.encode(matrix, system.columns_log + system.preset.rate_bits)
    return Committed(integers, codeword, kernels.merkle_heap(codeword, system.columns_log))


def commit_boundary(system: System, position: int, integers: Integers, kernels: Kernels) -> bytes:
    """The root of a boundary tensor."""
    commitment = commitment_of(system, Holder.BOUNDARY, (position,))
    flat = flatten(system, commitment, {position: integers})
    return root_of(commit(system, kernels, flat).tree)


def commit_weights(system: System, values: Tensors, folder: Path, kernels: Kernels) -> bytes:
    """Commit to the weights and keep all of it in `folder`; the root, empty of none."""
    for commitment in layout_of(system).commitments:
        if commitment.holder is Holder.WEIGHTS:
            made = commit(system, kernels, flatten(system, commitment, values))
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / ROWS_FILE, made.integers)
            np.save(folder / CODEWORD_FILE, made.codeword)
            np.save(folder / TREE_FILE, made.tree)
            return root_of(made.tree)
    return b""


def open_weights(system: System, folder: Path) -> Committed | None:
    """What `commit_weights` kept, mapped from disk; `None` where there are no weights."""
    if all(tensor.holder is not Holder.WEIGHTS for tensor in system.tensors):
        return None
    # Rows are writable for the kernels, which are compiled for that; what is written stays here.
    return Committed(
        np.asarray(np.load(folder / ROWS_FILE, mmap_mode="c")),
        np.load(folder / CODEWORD_FILE, mmap_mode="r"),
        np.load(folder / TREE_FILE, mmap_mode="r"),
    )
