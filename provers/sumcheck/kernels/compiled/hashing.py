"""A Merkle tree's hashes: SHA-256 of many messages of one length, side by side.

Message words are put together from 32-bit words that the formats leave unaligned: a leaf starts
with 11 bytes, a node with one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zkdps.provers.sumcheck.kernels.compiled.jit import kernel, loop, primitive
from zkdps.provers.sumcheck.kernels.compiled.sha256 import LANES, begin, compress

_U32 = np.uint32


@primitive
def _swapped(x: Any) -> Any:
    return _U32(
        _U32(x << _U32(24))
        | _U32(_U32(x << _U32(8)) & _U32(0xFF0000))
        | _U32(_U32(x >> _U32(8)) & _U32(0xFF00))
        | _U32(x >> _U32(24))
    )


@loop
def _gather(codeword: Any, rows: Any, first: Any, last: Any, row: Any, out: Any) -> None:
    for i in range(LANES):
        out[i] = codeword[min(first + i, last) * rows + row]


@loop
def _join(before: Any, after: Any, word: Any) -> None:
    """Three bytes of one little-endian word and the first of the next, big-endian."""
    for i in range(LANES):
        word[i] = _U32(_swapped(before[i]) << _U32(8)) | _U32(after[i] & _U32(255))


@kernel("RIIU")
def leaves(codeword: Any, rows: Any, head: Any, heap: Any) -> None:
    """heap[8 (n + i) ..] = the hash of leaf i, in big-endian words; n = len(heap) / 16.

    head: lg C | lg n << 8, the second and third byte of every leaf.
    """
    n = len(heap) // 16
    words, work = np.empty(16 * LANES, np.uint32), np.empty(8 * LANES, np.uint32)
    state = np.empty(8 * LANES, np.uint32)
    before, after = np.empty(LANES, np.uint32), np.empty(LANES, np.uint32)
    size = 11 + 4 * rows
    blocks = (size + 9 + 63) // 64
    for first in range(0, n, LANES):
        begin(state)
        before[:] = _U32(head << 16)
        for k in range(16 * blocks):
            row = k - 2
            if row == -2:
                after[:] = _U32(rows)
            elif row == -1:
                for i in range(LANES):
                    after[i] = _U32(first + i)
            elif row < rows:
                _gather(codeword, rows, first, n - 1, row, after)
            else:
                after[:] = _U32(0x80 if row == rows else 0)
            _join(before, after, words[(k % 16) * LANES : (k % 16 + 1) * LANES])
            before[:] = after
            if k == 16 * blocks - 1:
                words[15 * LANES : 16 * LANES] = _U32(8 * size)
            if k % 16 == 15:
                compress(words, work, state)
        for i in range(min(LANES, n - first)):
            for k in range(8):
                heap[8 * (n + first + i) + k] = state[k * LANES + i]


@kernel("U")
def nodes(heap: Any) -> None:
    """heap[8 i ..] = the hash of the node over heap entries 2 i and 2 i + 1, for i = n-1 .. 1."""
    words, work = np.empty(16 * LANES, np.uint32), np.empty(8 * LANES, np.uint32)
    state = np.empty(8 * LANES, np.uint32)
    count = len(heap) // 32
    while count:
        for first in range(0, count, LANES):
            begin(state)
            for i in range(LANES):
                start = 16 * (count + min(first + i, count - 1))
                head = _U32(1 << 24)
                for k in range(16):
                    x = heap[start + k]
                    words[k * LANES + i] = head | _U32(x >> _U32(8))
                    head = _U32(x << _U32(24))
            compress(words, work, state)
            for i in range(LANES):
                x = heap[16 * (count + min(first + i, count - 1)) + 15]
                words[i] = _U32(x << _U32(24)) | _U32(0x800000)
            words[LANES:] = _U32(0)
            words[15 * LANES : 16 * LANES] = _U32(65 * 8)
            compress(words, work, state)
            for i in range(min(LANES, count - first)):
                for k in range(8):
                    heap[8 * (count + first + i) + k] = state[k * LANES + i]
        count //= 2
