"""Rows of a constant table, picked by public numbers: embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.builder import Builder
from zkdps.provers.sumcheck.operands import Integers
from zkdps.provers.sumcheck.operators.constants import Constant, Weights, integers_of
from zkdps.provers.sumcheck.operators.interface import Reals, Role
from zkdps.provers.sumcheck.system import Affine, Bound, Int64s, Picked, View
from zkdps.provers.sumcheck.wires import Wire, whole


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """y[i, ...] = table[ids[i], ...].

    ids are all entries, in order, of one public input; its range must lie in 0..rows-1.

    Integers: table' = round(table * 2^scale(y)), halves to even; y = table'[ids].
    """

    name: str
    ids: Wire
    table: Weights
    """(rows, ...)."""
    role: Role = Role.LINEAR

    @property
    def shape(self) -> tuple[int, ...]:
        """ids' shape, then the table's without its rows."""
        return (*self.ids.shape, *self.table.shape[1:])

    @property
    def reads(self) -> tuple[Wire, ...]:
        """ids, flat."""
        return (self.ids.reshape((self.ids.size,)),)

    @property
    def written(self) -> Wire:
        """y, with one axis for all ids."""
        return whole(self.name, (self.ids.size, *self.table.shape[1:]))

    def real(self, operands: Sequence[Reals]) -> Reals:
        """In float64.

        Raises:
            TypeError: the table is quantised already.
        """
        if isinstance(self.table, Constant):
            raise TypeError(f"{self.name}: its table is integers")
        return self.table[operands[0].astype(np.int64)].reshape(self.shape)

    def define(self, builder: Builder) -> None:
        """One linear relation; the look-up in the table is the verifier's, who knows the ids."""
        ids = self._public(builder)
        width = builder.width(self.name)
        rows = self.table.shape[0]
        allowed = builder.width(ids)
        if allowed.low < 0 or allowed.high >= rows:
            raise builder.failed(
                f"{self.name}: numbers of {ids!r} may be {allowed.low}..{allowed.high}, "
                f"the table has {rows} rows"
            )
        if isinstance(self.table, Constant):
            integers = self.table.integers
        else:
            integers = integers_of(self.table, width.scale_bits)
        table = f"{self.name}.table"
        held = builder.hold(table, integers, width.scale_bits)
        written = self.written
        labels = builder.labels(*written.shape)
        axes = {chr(ord("a") + i): (label,) for i, label in enumerate(labels)}
        builder.commit(self.name, written.shape, width, Bound.LOOKUP)
        y = builder.operand(written, axes, "".join(axes))
        picked = Picked(builder.positions[ids], labels[0])
        rest = tuple(Affine(0, ((label, 1),)) for label in labels[1:])
        view = View(builder.positions[table], (picked, *rest))
        form = builder.place(labels, (*y.views, (-1, view)))
        builder.relation(self.name, labels, [(1, (form,))])
        builder.prove_bounds(
            self.name,
            count=width.count,
            shift=0,
            magnitude=held.magnitude,
            decomposed=width.magnitude,
        )
        builder.range_check(self.name)

        def compute(values: Integers) -> tuple[Int64s]:
            return (integers[values[ids].reshape(-1)].astype(np.int64),)

        builder.step((self.name,), compute)

    def _public(self, builder: Builder) -> str:
        """The name of the public input that ids are."""
        index = self.reads[0].parts[0].index if len(self.ids.parts) == 1 else None
        name = self.ids.parts[0].value if index is not None else ""
        position = builder.positions.get(name)
        if position is None or index is None:
            raise builder.failed(f"{self.name}: ids must be one input of the block")
        tensor = builder.tensors[position]
        complete = np.array_equal(index, np.arange(tensor.size))
        if tensor.bound is not Bound.PUBLIC or not complete:
            raise builder.failed(f"{self.name}: ids must be all of a public input, in order")
        return name
