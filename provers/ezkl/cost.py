"""What a circuit costs, from its settings file: columns, proving key, proof, memory, time.

The layout is ezkl's own arithmetic.  With n = 2**k rows, c columns to a base block and
U = n - `RESERVED_ROWS`:
    base blocks     B  = blocks(assignments), blocks(x) = (x + x/Uc + 1)/Uc + 1, rounded down
    einsum blocks   Be = blocks(the planner's cells), 0 without einsum columns
    dynamic blocks  Bd = (dynamic + shuffle cells)/U + 1, 0 without
    constants       K  = constants/U + 1
    advice          A  = 3cB + 6cBe + 3Bd + polycommit columns
    permutation     P  = A + K + 1
    lookups         L  = cB for each range check, table, and for shuffles
    fixed           F  = K + 1 + selectors + Σ range checks t + Σ tables 2t + L + einsum selectors,
                         t the columns of a table; selectors after ezkl's compression
    extension       e  = 8 with wide tables, shuffles, dynamic lookups or hashes, else 4
    proving key        = 32 n ((2 + e)(F + P) + 3e) bytes

Measured on 22 small circuits (k 12 and 13, c 1 and 2, with and without einsums, which the selector
counts were fitted on): proving keys within 0.1 %, one at 1.6 %; proofs exact, one a word short.
Memory: setup within 5 %, proving within 6 %; on circuits of k 15 to 17 that were not fitted on,
within 7 %.  Seconds depend
on what else the machine does: `machine.py` fits them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zkdps.core.plan import Cost
from zkdps.provers.ezkl.commitments import point_count
from zkdps.provers.ezkl.einsums import capacity_cells, output_axes

RESERVED_ROWS = 9
"""Rows of a column that neither cells nor tables can use."""
FIELD_BYTES = 32
POSEIDON_ADVICE = 4
POSEIDON_FIXED = 5
"""Columns of the hash, whatever it hashes; with one column to a base block one more is fixed."""


SETUP_RSS_BASE_BYTES = 34_000_000
SETUP_RSS_PER_PK_BYTE = 1.46
PROVE_RSS_BASE_BYTES = 37_000_000
PROVE_RSS_PER_PK_BYTE = 1.53
PROVE_RSS_PER_LOOKUP_BYTE = 5.56
"""Of the lookup arguments on the extended domain, which all stand in memory at once."""


@dataclass(frozen=True, slots=True)
class Machine:
    """How CPU seconds follow a circuit's size on one machine."""

    setup_base_s: float = 0.6
    setup_s_per_gb: float = 40.0
    """Per 10**9 bytes of proving key."""
    prove_base_s: float = 0.4
    prove_s_per_unit: float = 1.0
    """Per unit of `Layout.prove_work`."""
    measured: bool = False
    """Whether these were fitted on this machine; the defaults are from a 2-vCPU server."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a circuit."""

    logrows: int
    base_blocks: int
    einsum_blocks: int
    advice: int
    permutation: int
    fixed: int
    lookups: int
    """Lookup arguments, shuffles included."""
    extension: int
    hashed: bool
    """Whether it has ezkl's Poseidon gates."""

    @property
    def column_bytes(self) -> int:
        """One column of scalars."""
        return FIELD_BYTES << self.logrows

    @property
    def pk_bytes(self) -> int:
        """Proving key on disk."""
        polynomials = (2 + self.extension) * (self.fixed + self.permutation) + 3 * self.extension
        return self.column_bytes * polynomials

    @property
    def setup_rss_bytes(self) -> int:
        """Peak memory of `setup`."""
        return SETUP_RSS_BASE_BYTES + round(SETUP_RSS_PER_PK_BYTE * self.pk_bytes)

    @property
    def prove_rss_bytes(self) -> int:
        """Peak memory of `prove`."""
        lookups = self.column_bytes * self.extension * self.lookups
        return (
            PROVE_RSS_BASE_BYTES
            + round(PROVE_RSS_PER_PK_BYTE * self.pk_bytes)
            + round(PROVE_RSS_PER_LOOKUP_BYTE * lookups)
        )

    @property
    def prove_work(self) -> float:
        """Proving time in units of about a CPU second: reading the key, then columns by kind."""
        columns = 475.0 * self.advice + 730.0 * self.lookups
        return (7.5 * self.pk_bytes + columns * self.column_bytes) / 1e9

    @property
    def proof_bytes(self) -> int:
        """Length of the transcript: commitments of 64 bytes, evaluations of 32."""
        degree = self.extension + 1
        products = -(-self.permutation // (degree - 2))
        words = 4 * self.advice + (self.permutation - self.advice) + 5 * products
        words += self.fixed + self.base_blocks + 2 * self.einsum_blocks + 7 * self.lookups
        return 32 * (words + 3 * self.extension + 2 - (POSEIDON_ADVICE if self.hashed else 0))


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
    hashed = settings["module_sizes"]["poseidon"][0] > 0
    wide = (
        shuffled or hashed or any(t > 1 for t in ranges + tables) or (columns >= 4 and einsums > 0)
    )
    advice = 3 * columns * base + 6 * columns * einsums + 3 * dynamics + committed
    advice += POSEIDON_ADVICE if hashed else 0
    return Layout(
        logrows=k,
        base_blocks=base,
        einsum_blocks=einsums,
        advice=advice,
        permutation=advice + constants + 1,
        fixed=constants
        + 1
        + (4 * base if columns > 1 else 3 * base - 1)
        + sum(ranges)
        + 2 * sum(tables)
        + (2 if shuffled else 0)
        + ((POSEIDON_FIXED + 2 - columns) if hashed else 0)
        + columns * base * (len(ranges) + len(tables))
        + _einsum_selectors(einsums, columns, output_axes(einsum["equations"])),
        hashed=hashed,
        lookups=columns * base * (len(ranges) + len(tables) + (1 if shuffled else 0)),
        extension=8 if wide else 4,
    )


def predict(settings: Mapping[str, Any], machine: Machine, logrows: int | None = None) -> Cost:
    """The cost of a circuit on a machine."""
    shape = layout(settings, logrows)
    return Cost(
        rows=settings["num_rows"],
        logrows=shape.logrows,
        pk_bytes=shape.pk_bytes,
        setup_rss_bytes=shape.setup_rss_bytes,
        prove_rss_bytes=shape.prove_rss_bytes,
        setup_s=machine.setup_base_s + machine.setup_s_per_gb * shape.pk_bytes / 1e9,
        prove_s=machine.prove_base_s + machine.prove_s_per_unit * shape.prove_work,
        proof_bytes=shape.proof_bytes,
    )


def _einsum_selectors(blocks: int, columns: int, axes: int) -> int:
    """Fixed columns that the selectors of the einsum gates are compressed into (fitted)."""
    if blocks == 0:
        return 0
    return 6 * blocks**2 + 4 * blocks - (1 if columns > 1 else 2) + max(0, axes - 2) * blocks


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
