"""Verifiers for contracts, and the reference they are tested against."""

REFERENCES = frozenset({"ezkl"})
"""Back ends whose proofs the reference verifier reads, by name."""
