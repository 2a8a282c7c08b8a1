"""Verifiers for contracts, and the reference they are tested against."""

REFERENCES = frozenset({"ezkl", "sumcheck"})
"""Back ends whose proofs a reference verifier reads, by name."""
