"""A real function of one variable, as a look-up table.

    k = floor((x*2^0 + 2^(s-1)) / 2^s)     x where it is narrow enough to be a key itself
    y = round(f(k / 2^scale(k)) * 2^scale(y)), halves to even

The look-up bounds key and value at once.  The table holds the keys at which f has a value that
the result's planned range holds; other inputs have no proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zkdps.core.errors import OutOfRange
from zkdps.core.prover import INSIDE
from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.calibrated import signed, width_of
from zkdps.provers.sumcheck.operators.interface import Reals, Role, letters_of
from zkdps.provers.sumcheck.operators.maximum import labels_of
from zkdps.provers.sumcheck.program import Width, Widths
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.tables import function_rows
from zkdps.provers.sumcheck.wires import Wire, reads_all, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder

KEY_BITS = 14
"""lg of the rows of a table, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """y = f(x), elementwise."""

    name: str
    operand: Wire
    function: Callable[[Reals], Reals]
    """Float64 to float64, elementwise; NaN or infinite where it has no value.  `str` names it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The operand's."""
        return self.operand.shape

    @property
    def reads(self) -> tuple[Wire, ...]:
        """The operand."""
        return (self.operand,)

    @property
    def written(self) -> Wire:
        """The result."""
        return whole(self.name, self.shape)

    @property
    def role(self) -> Role:
        """A table: its operand is its key."""
        return Role.TABLE

    def real(self, operands: Sequence[Reals]) -> Reals:
        """f in float64."""
        return np.asarray(self.function(operands[0]), dtype=np.float64)

    def measure(self, operands: Sequence[Reals]) -> dict[str, float]:
        """Nothing: the key's range is the operand's."""
        return {}

    def choose(self, maxima: Mapping[str, float], widths: Widths) -> dict[str, Width]:
        """The key: the operand, in fewer bits if it has too many."""
        read = width_of(self.operand, widths)
        bits = (read.count - 1).bit_length()
        if bits <= KEY_BITS:
            return {f"{self.name}.key": read}
        return {f"{self.name}.key": signed(KEY_BITS, read.scale_bits - (bits - KEY_BITS))}

    def define(self, builder: Builder) -> None:
        """One pair look-up, perhaps of a rounded key."""
        letters = letters_of(self.operand)
        axes = builder.axes((self.operand, letters), (self.written, letters))
        key = builder.operand(self.operand, axes, letters)
        planned = builder.width(f"{self.name}.key")
        if planned.scale_bits != key.scale_bits:
            rounded = f"{self.name}.key"
            builder.requantise(
                rounded,
                axes,
                letters,
                terms=((1, (builder.form(key),)),),
                scale_bits=key.scale_bits,
                magnitude=key.magnitude,
                accumulate=key.read,
            )
            key = builder.operand(whole(rounded, self.shape), axes, letters)
        result = builder.width(self.name)
        first, rows = function_rows(
            self.function,
            max(planned.low, key.low),
            min(planned.high, key.high),
            planned.scale_bits,
            result.scale_bits,
            result.low,
            result.high,
        )
        if not len(rows):
            raise builder.failed(f"{self.name}: {self.function} has no value in range")

        def compute(values: Integers) -> Int64s:
            places = key.read(values) - first
            if int(places.min()) < 0 or int(places.max()) >= len(rows):
                span = (int(places.min()) + first, int(places.max()) + first)
                error = OutOfRange(builder.block, INSIDE, (first, first + len(rows) - 1), span)
                error.add_note(f"{self.name}: {self.function}")
                raise error
            return rows[places]

        builder.commit(self.name, self.shape, result, Bound.PAIR, compute)
        self._waive_range(builder)
        labels = labels_of(axes, letters)
        value = builder.form(builder.operand(self.written, axes, letters), labels=labels)
        table = builder.table(str(self.function), first, len(rows), rows)
        builder.pair_lookup(self.name, labels, table, builder.form(key, labels=labels), value)

    def _waive_range(self, builder: Builder) -> None:
        """The pair look-up bounds its key: no second one where it reads all of a tensor.

        `check_coverage` fails where that were not so.
        """
        planned = builder.width(f"{self.name}.key")
        if len(self.operand.parts) != 1:
            return
        (part,) = self.operand.parts
        read = builder.width(part.value)
        complete = reads_all(part.index, _size(builder, part.value))
        if complete and read.scale_bits == planned.scale_bits:
            kept = [request for request in builder.ranges if request.name != part.value]
            builder.ranges[:] = kept


def _size(builder: Builder, name: str) -> int:
    return builder.tensors[builder.positions[name]].size
