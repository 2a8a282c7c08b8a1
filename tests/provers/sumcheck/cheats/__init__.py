"""A cheating prover: every cheat is refused by both verifiers, by the check that the table names.

`docs/sumcheck.md` §11 lists them.
"""
