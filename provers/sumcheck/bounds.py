"""Static bounds: the two rules that make a decomposition mod p one over the integers.

For hi*2^s + r - offset = acc (mod p), hi one of H consecutive integers and 0 <= r < 2^s:

    U   H * 2^s <= p     (hi, r) is unique mod p
    Z   B + M < p        |acc| <= B, |hi*2^s + r - offset| <= M: equality holds over the integers

so a value that overflows has no witness, instead of a wrapped one.  Every relation that decomposes
is proven here while its block is built; the rows are recorded and their digest is in the key.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

from zkdps.core.canonical import Json, canonical_json, parse_canonical
from zkdps.core.errors import LayoutFailed
from zkdps.core.fields import Fields
from zkdps.provers.sumcheck.field import P

MAX_BOUND = 1 << 80
"""Beyond what any relation that was proven has."""
MAX_SHIFT = 64


@dataclass(frozen=True, slots=True)
class BoundRow:
    """One relation that was proven."""

    relation: str
    count: int
    """H."""
    shift: int
    """s."""
    magnitude: int
    """B."""
    decomposed: int
    """M."""

    @property
    def unique(self) -> bool:
        """Rule U."""
        return self.count << self.shift <= P

    @property
    def integer(self) -> bool:
        """Rule Z."""
        return self.magnitude + self.decomposed < P

    @property
    def unique_slack_bits(self) -> float:
        """lg of p over what rule U bounds."""
        return math.log2(P / max(1, self.count << self.shift))

    @property
    def integer_slack_bits(self) -> float:
        """lg of p over what rule Z bounds."""
        return math.log2(P / max(1, self.magnitude + self.decomposed))


@dataclass(slots=True)
class BoundsTable:
    """The rows of a block."""

    block: int
    rows: list[BoundRow] = field(default_factory=list)

    def prove(self, relation: str, count: int, shift: int, magnitude: int, decomposed: int) -> None:
        """Record a relation for which both rules hold.

        Raises:
            LayoutFailed: one does not.
        """
        row = BoundRow(relation, count, shift, magnitude, decomposed)
        if min(count, shift, magnitude, decomposed) < 0:
            raise ValueError(f"{relation}: bounds are magnitudes, got {row}")
        if not row.unique:
            reason = (
                f"relation {relation!r}: {count} values times 2^{shift} exceed p, so the result is "
                "not unique; narrow its range, or lower the scale of what it reads"
            )
            raise LayoutFailed(self.block, reason)
        if not row.integer:
            reason = (
                f"relation {relation!r}: {magnitude} + {decomposed} is not below p, so it may "
                "wrap; narrow what it reads, or lower its scale"
            )
            raise LayoutFailed(self.block, reason)
        self.rows.append(row)

    def record(self) -> list[Json]:
        """The rows as JSON, in the order of the relations."""
        return [
            {
                "relation": row.relation,
                "count": row.count,
                "shift": row.shift,
                "magnitude": row.magnitude,
                "decomposed": row.decomposed,
            }
            for row in self.rows
        ]

    def to_file(self) -> bytes:
        """The rows as the file that the digest is of."""
        return canonical_json(self.record())

    def sha256(self) -> str:
        """Digest of the rows, as hex."""
        return hashlib.sha256(self.to_file()).hexdigest()


def table_from_file(data: bytes, path: str, block: int) -> BoundsTable:
    """Inverse of `BoundsTable.to_file`; both rules are checked again for every row.

    Raises:
        MalformedArchive: the file is not one that it wrote.
        LayoutFailed: a rule does not hold.
    """
    # The file is a list; what reads it strictly reads an object.
    fields = Fields(parse_canonical(b'{"rows":' + data + b"}", path), path, "bounds")
    table = BoundsTable(block)
    for row in fields.objects("rows"):
        table.prove(
            row.text("relation"),
            row.integer("count", 0, MAX_BOUND),
            row.integer("shift", 0, MAX_SHIFT),
            row.integer("magnitude", 0, MAX_BOUND),
            row.integer("decomposed", 0, MAX_BOUND),
        )
        row.done()
    fields.done()
    return table
