"""How much a verification will cost, known from sizes before any of it is done."""

from __future__ import annotations

from dataclasses import dataclass

from zkdps.verifier_contracts.reference.vka import Expression, Vka

MAX_MULTIPLICATIONS = 1 << 20
MAX_GROUP_TERMS = 1 << 12


@dataclass(frozen=True, slots=True)
class Work:
    """An upper bound for one proof, pairing excluded (it costs the same for every key)."""

    multiplications: int
    """In the scalar field."""
    group_terms: int
    """Scalar-times-point terms of the one multi-scalar multiplication."""


def work_bound(vka: Vka) -> Work:
    """Linear in the key's words and the proof's bytes.

    A step of an expression takes at least three bytes of the artifact, every commitment and every
    evaluation is opened once, and every instance costs seven multiplications; so with at most 2^16
    bytes of artifact, 2^16 of proof and 2^16 instances no key that decodes exceeds the two limits
    above.  `tests/verifier_contracts/test_work.py` counts against this bound.
    """
    # A table that several lookups share is one object, evaluated once.
    tables = {id(lookup.table): lookup.table for lookup in vka.lookups}
    expressions: list[Expression] = [*vka.gates, *tables.values()]
    for lookup in vka.lookups:
        expressions += lookup.inputs
    steps = sum(len(one.steps) + len(one.outputs) for one in expressions)
    columns = sum(len(group.columns) for group in vka.permutation)
    opened = sum(len(group.opened) for group in vka.openings)
    points = sum(len(group.rotations) for group in vka.openings)
    multiplications = (
        steps
        + len(vka.gates)
        + 12 * len(vka.lookups)
        + 4 * sum(len(lookup.inputs) for lookup in vka.lookups)
        + 4 * columns
        + 8 * len(vka.permutation)
        + 7 * (vka.instances + vka.unusable_rows + 2)
        + vka.evaluations
        + 3 * opened
        + 48 * points
        + len(vka.quotient_points)
        + 2 * vka.logrows
        + 64
    )
    return Work(multiplications, opened + len(vka.quotient_points) + 3)
