"""What a circuit costs, from its settings file: columns, proving key, memory, time.

The layout is ezkl's own arithmetic, so the proving key is predicted exactly where no einsum columns
are involved; memory and time follow the key's size with constants of the machine (`machine.py`).

With n = 2**k rows, c columns to a base block and U = n - `RESERVED_ROWS`:
    base blocks     B  = ⌊(a + ⌊a/Uc⌋ + 1)/Uc⌋ + 1, a the assignments
    einsum blocks   Be = the same of the planner's cells, 0 without einsum columns
    dynamic blocks  Bd = (dynamic + shuffle cells)/U + 1, 0 without
    constants       K  = constants/U + 1
    permutation     P  = 3cB + 6cBe + 3Bd + polycommit columns + K + 1
    fixed           F  = K + 1 + 4B + Σ range checks (t + cB) + Σ lookups (2t + cB) + 2 [shuffles]
                         + 6Be² + 4Be - 1 [einsums], t the columns of a table
    extension       e  = 8 with tables of several columns, shuffles or dynamic lookups, else 4
    proving key        = 32 n ((2 + e)(F + P) + 3e) bytes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zkdps.core.plan import Cost
from zkdps.provers.ezkl.commitments import point_count
from zkdps.provers.ezkl.einsums import capacity_cells

RESERVED_ROWS = 9
"""Rows of a column that neither cells nor tables can use."""
FIELD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Machine:
    """How memory and seconds follow the proving key's size on one machine."""

    setup_rss_base_bytes: int = 30_000_000
    setup_rss_per_byte: float = 1.47
    prove_rss_base_bytes: int = 50_000_000
    prove_rss_per_byte: float = 2.23
    setup_base_s: float = 0.9
    setup_s_per_gb: float = 33.0
    prove_base_s: float = 0.35
    prove_s_per_gb: float = 47.8
    measured: bool = False
    """Whether these were fitted on this machine; the defaults are from a 2-vCPU server."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a circuit."""

    logrows: int
    base_blocks: int
    einsum_blocks: int
    permutation: int
    fixed: int
    extension: int
    advice: int
    lookups: int
    """Lookup arguments, shuffles included."""

    @property
    def pk_bytes(self) -> int:
        """Proving key on disk."""
        polynomials = (2 + self.extension) * (self.fixed + self.permutation) + 3 * self.extension
        return (FIELD_BYTES << self.logrows) * polynomials

    @property
    def proof_bytes(self) -> int:
        """About: commitments and evaluations that the transcript holds."""
        degree = self.extension + 1
        products = -(-self.permutation // (degree - 2))
        points = self.advice + 2 * self.lookups + products + 1 + self.extension + 2
        scalars = (
            2 * self.advice + self.fixed + self.permutation + 3 * products + 3 * self.lookups + 1
        )
        return 64 * points + 32 * scalars


def layout(settings: Mapping[str, Any], logrows: int | None = None) -> Layout:
    """The layout of a circuit with these settings, at its own `logrows` or another.

    At another, the decomposition base follows: `2**(logrows - 1)`.
    """
    args = settings["run_args"]
    k = args["logrows"] if logrows is None else logrows
    columns, usable = args["num_inner_cols"], (1 << k) - RESERVED_ROWS
    dynamic = settings["total_dynamic_col_size"] + settings["total_shuffle_col_size"]
    einsum = settings["einsum_params"]
    base = _blocks(settings["total_assignments"], usable * columns)
    einsums = (
        _blocks(capacity_cells(einsum["equations"]), usable * columns)
        if einsum["total_einsum_col_size"]
        else 0
    )
    dynamics = dynamic // usable + 1 if dynamic else 0
    constants = settings["total_const_size"] // usable + 1
    committed = sum(point_count(size, k) for size in settings["module_sizes"]["polycommit"])
    ranges = [_table_columns(pair, usable) for pair in _range_checks(settings, k)]
    tables = [_table_columns(args["lookup_range"], usable)] * len(settings["required_lookups"])
    shuffled = bool(settings["num_shuffles"] or settings["num_dynamic_lookups"])
    wide = shuffled or any(t > 1 for t in ranges + tables) or (columns >= 4 and einsums > 0)
    advice = 3 * columns * base + 6 * columns * einsums + 3 * dynamics + committed
    return Layout(
        logrows=k,
        base_blocks=base,
        einsum_blocks=einsums,
        permutation=advice + constants + 1,
        fixed=constants
        + 1
        + 4 * base
        + sum(t + columns * base for t in ranges)
        + sum(2 * t + columns * base for t in tables)
        + (2 if shuffled else 0)
        + (6 * einsums**2 + 4 * einsums - 1 if einsums else 0),
        extension=8 if wide else 4,
        advice=advice,
        lookups=columns * base * (sum(ranges) + sum(tables)) + (columns * base if shuffled else 0),
    )


def predict(settings: Mapping[str, Any], machine: Machine, logrows: int | None = None) -> Cost:
    """The cost of a circuit on a machine."""
    shape = layout(settings, logrows)
    size = shape.pk_bytes
    return Cost(
        rows=settings["num_rows"],
        logrows=shape.logrows,
        pk_bytes=size,
        setup_rss_bytes=machine.setup_rss_base_bytes + round(machine.setup_rss_per_byte * size),
        prove_rss_bytes=machine.prove_rss_base_bytes + round(machine.prove_rss_per_byte * size),
        setup_s=machine.setup_base_s + machine.setup_s_per_gb * size / 1e9,
        prove_s=machine.prove_base_s + machine.prove_s_per_gb * size / 1e9,
        proof_bytes=shape.proof_bytes,
    )


def _blocks(cells: int, block_cells: int) -> int:
    # ezkl adds one cell a block for the row that is duplicated where a block ends.
    blocks = cells // block_cells + 1
    return (cells + blocks) // block_cells + 1


def _table_columns(pair: list[int], usable: int) -> int:
    return (pair[1] - pair[0]) // usable + 1


def _range_checks(settings: Mapping[str, Any], logrows: int) -> list[list[int]]:
    """The checked ranges; that of the decomposition's digits follows `logrows`."""
    base = settings["run_args"]["decomp_base"]
    other = 1 << (logrows - 1)
    moved = settings["run_args"]["logrows"] != logrows
    return [
        [0, other - 1] if moved and pair == [0, base - 1] else pair
        for pair in settings["required_range_checks"]
    ]
