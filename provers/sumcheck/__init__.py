"""Transparent, hash-based proofs of blocks: sum-checks over committed integers."""
