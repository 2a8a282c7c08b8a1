"""How likely a false statement is to pass, in bits, step by step: arithmetic on the System alone.

Every step is a round in which the verifier's randomness must hit a set of bad challenges.  In the
random oracle model with SHA-256, a prover who hashes q times wins with at most q times the largest
round's chance (round-by-round soundness); `sum` adds all rounds up, which is the chance in one
interactive run.  Work for a nonce counts in the round it stands before, and nowhere else.

Several blocks do not add up: roots on record fix the first false block, and that one must pass.

Sources: Haböck, eprint 2022/1530 (look-ups); Ben-Sasson et al., eprint 2020/654, and Diamond and
Gruen, eprint 2024/1351 (proximity gaps within unique decoding); Canetti et al., eprint 2018/1004
(round-by-round soundness).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zkdps.core.prover import Strength
from zkdps.provers.sumcheck.field import P, bits
from zkdps.provers.sumcheck.layout import layout_of, leaves_of
from zkdps.provers.sumcheck.system import System
from zkdps.provers.sumcheck.terms import terms_of

HASH_BITS = 128.0
"""Finding a collision of SHA-256."""
_TREE_ROUND_DEGREE = 3
_OPENING_ROUND_DEGREE = 2


@dataclass(frozen=True, slots=True)
class Soundness:
    """Bits of one System's argument."""

    steps: Mapping[str, float]
    """Step to the bits of its weakest round."""
    round_by_round: float
    """The weakest round of all; hashes count against this."""
    sum: float
    """All rounds of one run together."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Rounds of one kind."""

    worst: float
    """log2 of the largest chance of a round."""
    total: float
    """log2 of the sum of the rounds' chances."""


def soundness_of(system: System) -> Soundness:
    """The bits of a System's argument under its preset."""
    steps = _steps(system)
    worst = max(step.worst for step in steps.values())
    total = _log_sum([step.total for step in steps.values()])
    return Soundness(
        {name: -step.worst for name, step in steps.items()},
        min(-worst, HASH_BITS),
        min(-total, HASH_BITS),
    )


def strength_of(systems: Sequence[System]) -> Strength:
    """What proofs of these blocks are worth: the weakest round of all, and all rounds together."""
    found = [soundness_of(system) for system in systems]
    names = {name: None for block in found for name in block.steps}
    return Strength(
        min(block.round_by_round for block in found),
        -_log_sum([-block.sum for block in found]),
        {name: min(b.steps[name] for b in found if name in b.steps) for name in names},
        is_zero_knowledge=False,
    )


def _steps(system: System) -> dict[str, _Step]:
    field_log = system.preset.degree * math.log2(P)
    grind = system.preset.grind_bits
    layout, terms = layout_of(system), terms_of(system)
    steps: dict[str, _Step] = {}

    def add(name: str, degrees: Sequence[int], work_bits: int = 0) -> None:
        """Rounds in which a polynomial of such a degree must vanish at a random point."""
        degrees = [degree for degree in degrees if degree > 0]
        if degrees:
            base = -field_log - work_bits
            steps[name] = _Step(math.log2(max(degrees)) + base, math.log2(sum(degrees)) + base)

    if system.tables:
        leaves = leaves_of(system)
        count = sum(piece.size for piece in leaves.lookups + leaves.tables)
        add("look-ups", [max(count - 1, 1)], grind)
        depths = (leaves.lookup_depth, leaves.table_depth)
        # In each layer: the batching, its rounds, the merging of children.
        rounds = [
            degree
            for depth in depths
            for k in range(depth)
            for degree in [1, *[_TREE_ROUND_DEGREE] * k, 1]
        ]
        add("trees of fractions", rounds)
    if system.relations:
        point = max(
            sum(system.labels[label].bits for label in relation.labels)
            for relation in system.relations
        )
        # One polynomial in rho and lambda together.
        add("relations at a point", [point + len(system.relations) - 1])
    variables = sum(system.labels[label].bits for label in terms.labels)
    add("sum-check of relations", [terms.degree] * variables)
    add("public tensors", [bits(system.tensors[position].size) for position in system.public])
    claims = 1 + 2 * bool(system.tables) + len(terms.factors) + len(system.public)
    add("batching of claims", [claims - 1])
    n = 1 << layout.code_log
    high = layout.variables - layout.columns_log
    add("sum-check of the opening", [_OPENING_ROUND_DEGREE] * layout.variables)
    # Coordinates of the row combination are challenges of the opening's last rounds.
    add("proximity of rows", [n] * high)
    columns = 1 << layout.columns_log
    radius = (n - columns) // 2
    queries = system.preset.queries * math.log2(1 - (radius + 1) / n) - grind
    steps["queries"] = _Step(queries, queries)
    return steps


def _log_sum(logs: Sequence[float]) -> float:
    largest = max(logs)
    return largest + math.log2(sum(2.0 ** (log - largest) for log in logs))
