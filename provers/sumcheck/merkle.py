"""Merkle trees over the columns of a code, and openings of many columns with shared siblings.

Leaf i is SHA-256(00 | u8 lg C | u8 lg n | u32 rows | u32 i | column i), a node is
SHA-256(01 | left | right).  Depth and column length come from the key, never from a proof, and
leaves and nodes start with different bytes, so neither passes for the other.

Source: docs/sumcheck.md, section 3.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.channel import Channel

Codeword = NDArray[np.uint32]
"""(n, rows): row i is column i of the code, canonical."""
Digests = NDArray[np.uint8]
"""(2n, 32): a heap; 1 is the root, n + i is leaf i."""

DIGEST_BYTES = 32


def leaf_prefix(columns_log: int, code_log: int, rows: int) -> bytes:
    """What the hash of every leaf starts with, before its index."""
    return struct.pack("<BBBI", 0, columns_log, code_log, rows)


def merkle_tree(codeword: Codeword, columns_log: int) -> Digests:
    """The tree over all columns, by hashlib."""
    n, rows = codeword.shape
    sha256 = hashlib.sha256
    messages = np.empty((n, 11 + 4 * rows), np.uint8)
    messages[:, :7] = np.frombuffer(leaf_prefix(columns_log, n.bit_length() - 1, rows), np.uint8)
    messages[:, 7:11] = np.arange(n, dtype="<u4").view(np.uint8).reshape(n, 4)
    messages[:, 11:] = np.ascontiguousarray(codeword, "<u4").view(np.uint8).reshape(n, -1)
    data = messages.data.cast("B")
    width = messages.shape[1]
    level = [sha256(data[i : i + width]).digest() for i in range(0, n * width, width)]
    levels = [level]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        levels.append(level)
    heap = bytes(DIGEST_BYTES) + b"".join(b"".join(level) for level in reversed(levels))
    return np.frombuffer(heap, np.uint8).reshape(2 * n, DIGEST_BYTES)


def root_of(tree: Digests) -> bytes:
    """The root."""
    return bytes(tree[1])


def open_columns(
    channel: Channel,
    root: bytes,
    indices: Sequence[int],
    shape: tuple[int, int, int],
    committed: tuple[Codeword, Digests] | None,
) -> NDArray[np.uint32]:
    """Columns at `indices`, with the siblings that lead to the root: sent, or read and checked.

    Args:
        channel: either end.
        root: what the path must end in.
        indices: ascending, distinct.
        shape: (lg C, lg n, rows).
        committed: the prover's codeword and tree.

    Returns:
        (len(indices), rows) uint32: the columns.  The caller checks that words are canonical.

    Raises:
        CheckFailed: the columns are not under the root.
    """
    columns_log, code_log, rows = shape
    width = 4 * rows

    def columns() -> bytes:
        if committed is None:
            raise ValueError("a prover opens what it holds")
        return np.ascontiguousarray(committed[0][list(indices)], "<u4").tobytes()

    data = channel.unabsorbed(width * len(indices), columns)
    missing, pairs = _walk(tuple(indices), code_log)

    def siblings() -> bytes:
        if committed is None:
            raise ValueError("a prover opens what it holds")
        return committed[1][missing].tobytes()

    path = channel.unabsorbed(DIGEST_BYTES * len(missing), siblings)
    if not channel.proving:
        sha256, prefix = hashlib.sha256, leaf_prefix(columns_log, code_log, rows)
        digests = [
            sha256(prefix + struct.pack("<I", i) + data[start : start + width]).digest()
            for i, start in zip(indices, range(0, len(data), width), strict=True)
        ]
        digests += [
            path[start : start + DIGEST_BYTES] for start in range(0, len(path), DIGEST_BYTES)
        ]
        for left, right in pairs:
            digests.append(sha256(b"\x01" + digests[left] + digests[right]).digest())
        if digests[-1] != root:
            raise CheckFailed(5, "opened columns are not under the root")
    return np.frombuffer(data, "<u4").reshape(len(indices), rows)


@functools.lru_cache(maxsize=1)
def _walk(indices: tuple[int, ...], code_log: int) -> tuple[list[int], list[tuple[int, int]]]:
    """The way from leaves to the root; all commitments of a proof are opened at the same indices.

    Returns:
        Heap positions of the siblings that are due, from the leaves up, left to right; and for
        each node above, in this order, its two children by position among the leaves, the
        siblings, and the nodes so far.
    """
    leaves = [(1 << code_log) + i for i in indices]
    levels = [leaves]
    missing = []
    for _ in range(code_log):
        level = levels[-1]
        known = set(level)
        missing += [node ^ 1 for node in level if node ^ 1 not in known]
        levels.append(sorted({node >> 1 for node in level}))
    places = {node: place for place, node in enumerate([*leaves, *missing])}
    pairs = []
    for node in itertools.chain.from_iterable(levels[1:]):
        pairs.append((places[2 * node], places[2 * node + 1]))
        places[node] = len(places)
    return missing, pairs
