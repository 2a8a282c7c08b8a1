"""Verifiers for contracts, and the reference they are tested against."""
