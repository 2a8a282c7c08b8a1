"""The search for a grinding nonce: SHA-256 of one block, many nonces side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkdps.provers.sumcheck.kernels.compiled.jit import kernel
from zkdps.provers.sumcheck.kernels.compiled.sha256 import LANES, begin, compress


@kernel("RIIIS")
def grind(prefix: Any, mask: Any, first: Any, count: Any, found: Any) -> None:
    """found[0] = the smallest nonce of first, .., first + count - 1 that fits, else -1.

    prefix: the 32 bytes as eight big-endian words.  The message is prefix | 03 | nonce
    (u64 little-endian): 41 bytes, one block.  It fits if the digest's first four bytes,
    little-endian, are 0 under the mask.
    """
    words, work = np.empty(16 * LANES, np.uint32), np.empty(8 * LANES, np.uint32)
    state = np.empty(8 * LANES, np.uint32)
    found[0] = -1
    for start in range(first, first + count, LANES):
        for i in range(LANES):
            nonce = start + i
            for k in range(8):
                words[k * LANES + i] = prefix[k]
            for k in range(11, 15):
                words[k * LANES + i] = 0
            head = 3
            for k in range(3):
                head = head << 8 | (nonce >> 8 * k & 255)
            words[8 * LANES + i] = head
            head = 0
            for k in range(3, 7):
                head = head << 8 | (nonce >> 8 * k & 255)
            words[9 * LANES + i] = head
            words[10 * LANES + i] = (nonce >> 56 & 255) << 24 | 0x800000
            words[15 * LANES + i] = 41 * 8
        begin(state)
        compress(words, work, state)
        for i in range(LANES):
            x = np.int64(state[i])
            swapped = (x & 255) << 24 | (x >> 8 & 255) << 16 | (x >> 16 & 255) << 8 | x >> 24
            if swapped & mask == 0:
                found[0] = start + i
                return
