"""What proving a block will take, from its operators; constants are of one core of a 2024 server.

Before calibration no System exists, so entries and look-ups are counted by operator: a result that
is rounded brings a remainder and two range look-ups, a table one pair look-up, a Softmax three
square tensors, a norm five of its operand's size.  Good to a factor of two, which is enough to
compare cuts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zkdps.core.plan import Cost
from zkdps.core.prover import BlockGraph
from zkdps.provers.sumcheck.choices import Choice
from zkdps.provers.sumcheck.operators.interface import Operator, Role
from zkdps.provers.sumcheck.program import Program
from zkdps.provers.sumcheck.system import Preset

S_PER_LOOKUP = 55e-9
S_PER_ENTRY = 55e-9
"""Opening."""
S_PER_SYMBOL = 16e-9
"""Encoding and hashing, of each symbol of a codeword."""
S_PER_WEIGHT = 25e-9
S_PER_BLOCK = 0.05
SETUP_S_PER_WEIGHT = 150e-9
WORKER_BYTES = 250 << 20
BYTES_PER_ENTRY = 120
"""Of memory while proving: integers, codeword, trees of look-ups."""
TABLE_ROWS = 80_000
"""A typical block's tables."""
SMALLEST_COLUMNS_LOG = 6
LARGEST_COLUMNS_LOG = 18

_FACTORS: Mapping[Role, tuple[float, float]] = {
    Role.LINEAR: (2, 2),
    Role.PRODUCT: (2, 2),
    Role.RESIDUAL: (2, 2),
    Role.TABLE: (1, 1),
    Role.NORM: (5, 5),
    Role.PROBABILITY: (4, 4),
    Role.EXACT: (1, 1),
}
"""Role of an operator to the entries and look-ups for each element of what it makes or reads."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a block commits to."""

    entries: float
    lookups: float
    weights: int


def columns_log(entries: int, preset: Preset) -> int:
    """lg C that makes proofs short: C elements of a row, and Q columns of entries / C."""
    best = math.sqrt(max(1, preset.queries * entries / preset.degree))
    return min(max(round(math.log2(best)), SMALLEST_COLUMNS_LOG), LARGEST_COLUMNS_LOG)


def estimate(graph: BlockGraph, choice: Choice) -> Cost:
    """The predicted cost of a block; `rows` are the entries that a proof commits to."""
    from zkdps.provers.sumcheck.lowering import lower

    return cost_of(counts_of(lower(graph)), choice.preset)


def counts_of(program: Program) -> Counts:
    """Entries, look-ups and weights of a program, before its widths are known."""
    entries = lookups = float(TABLE_ROWS)
    weights = 0
    for spec in program.inputs:
        entries += math.prod(spec.shape)
        lookups += math.prod(spec.shape)
    for operation in program.operations:
        size = _size(operation)
        each = _FACTORS[operation.role]
        entries += size * each[0]
        lookups += size * each[1]
        weights += _weights(operation)
    for _, wire in program.outputs:
        entries += wire.size
        lookups += wire.size
    return Counts(entries, lookups, weights)


def cost_of(counts: Counts, preset: Preset) -> Cost:
    """Seconds and bytes of these counts."""
    rate = 1 << preset.rate_bits
    log = columns_log(round(counts.entries + counts.weights), preset)
    rows = (counts.entries + counts.weights) / (1 << log)
    paths = preset.queries * 32 * max(1, log + preset.rate_bits - 8)
    proof_bytes = (4 * preset.degree << log) + 4 * preset.queries * rows + 4 * paths + 30_000
    seconds = (
        counts.lookups * S_PER_LOOKUP
        + counts.entries * (S_PER_ENTRY + rate * S_PER_SYMBOL)
        + counts.weights * S_PER_WEIGHT
        + S_PER_BLOCK
    )
    rss_bytes = WORKER_BYTES + round(
        BYTES_PER_ENTRY * counts.entries + 4 * (rate + 2) * counts.weights
    )
    return Cost(
        rows=round(counts.entries),
        logrows=log,
        pk_bytes=round(4 * (rate + 1) * counts.weights),
        setup_rss_bytes=rss_bytes,
        prove_rss_bytes=rss_bytes,
        setup_s=SETUP_S_PER_WEIGHT * counts.weights + S_PER_BLOCK,
        prove_s=seconds,
        proof_bytes=round(proof_bytes),
    )


def _size(operation: Operator) -> int:
    """Elements of the result, or of what is read where that is more and stays in the block."""
    made = math.prod(operation.shape)
    if operation.role in (Role.PROBABILITY, Role.NORM):
        return max(made, *(wire.size for wire in operation.reads))
    return made


def _weights(operation: Operator) -> int:
    found = 0
    for name in ("weight", "bias", "gamma", "beta", "table"):
        value = getattr(operation, name, None)
        if isinstance(value, np.ndarray):
            found += value.size
    return found
