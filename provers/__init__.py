"""Back ends behind the prover protocol, found by name."""
