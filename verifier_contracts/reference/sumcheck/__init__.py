"""The reference verifier of sumcheck proofs: Python's integers and `hashlib`, nothing else.

It shares no code with the prover and reads only a key's bytes, `system.json` and `tables.bin`.
It is the executable form of `docs/sumcheck.md`; docstrings cite its sections.

Read it in this order: `field`, `polynomials`, `transcript` (what things are made of), `system`
(what a key says), `parse`, `rules`, `work` (untrusted bytes to that), `layout` (where integers
lie), `functionals` (what is claimed of them), then the protocol: `fractions` (look-ups),
`relations`, `opening`, and `verify`, which has all steps in order.
"""

from zkdps.verifier_contracts.reference.sumcheck.verify import verify

__all__ = ["verify"]
