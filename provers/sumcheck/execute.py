"""Run a block on integers: exact, or an error before anything is proven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from zkdps.core.errors import OutOfRange
from zkdps.core.prover import INSIDE
from zkdps.provers.sumcheck.build import Built
from zkdps.provers.sumcheck.evaluate import form_integers
from zkdps.provers.sumcheck.system import Bound, Holder, Int64s, Lookup, System, Tensor, Values

UNRANGED = (Bound.HELPER, Bound.MULTIPLICITY)


def execute(built: Built, inputs: Mapping[str, Int64s]) -> Values:
    """The integers of every tensor of the block's system.

    Args:
        built: the block.
        inputs: int64 integers by boundary tensor, of any shape of the tensor's size.

    Raises:
        OutOfRange: a value leaves the range that its look-up allows.
    """
    system = built.system
    places = built.positions
    known: dict[str, Int64s] = {}
    for position in system.inputs:
        name = system.tensors[position].name
        known[name] = _checked(built, position, np.asarray(inputs[name], dtype=np.int64))
    for name, integers in built.weights.items():
        # Weights may be int32: they are too many for a copy, and nobody minds who reads them.
        known[name] = _checked(built, places[name], cast("Int64s", integers))
    for step in built.steps:
        for name, integers in zip(step.names, step.compute(known), strict=True):
            known[name] = _checked(built, places[name], integers) if name in places else integers
    values = {
        position: known[name].reshape(system.tensors[position].shape)
        for name, position in places.items()
        if name in known
    }
    for position, counts in count_lookups(system, values, built.block).items():
        values[position] = counts
    return values


def count_lookups(system: System, values: Values, block: int) -> Values:
    """Multiplicities: how often each row of each table is looked up.

    Raises:
        OutOfRange: a key has no row.
        ValueError: a pair is not in its table (an operator computed it wrongly).
    """
    counts = {table.multiplicity: np.zeros(table.rows, dtype=np.int64) for table in system.tables}
    for lookup in system.lookups:
        table = system.tables[lookup.table]
        rows = form_integers(system, system.forms[lookup.key], values).reshape(-1) - table.low
        if int(rows.min()) < 0 or int(rows.max()) >= table.rows:
            raise _outside(block, lookup, table.low, table.rows, rows)
        if lookup.value is not None:
            if table.values is None:
                raise ValueError(f"look-up {lookup.name}: a value in a range table")
            held = form_integers(system, system.forms[lookup.value], values).reshape(-1)
            if not np.array_equal(held, table.values[rows]):
                raise ValueError(f"look-up {lookup.name}: values that are not the table's")
        counts[table.multiplicity] += np.bincount(rows, minlength=table.rows)
    return counts


def _checked(built: Built, position: int, integers: Int64s) -> Int64s:
    tensor = built.system.tensors[position]
    held = (np.int32, np.int64) if tensor.bound is Bound.WEIGHT else (np.int64,)
    if integers.dtype not in held or integers.size != tensor.size:
        raise ValueError(f"{tensor.name}: {integers.dtype} {integers.shape} for {tensor.shape}")
    if tensor.bound in UNRANGED:
        return integers
    low, high = int(integers.min()), int(integers.max())
    if low < tensor.low or high > tensor.high:
        what = _role_of(built.system, position, tensor)
        error = OutOfRange(built.block, what, (tensor.low, tensor.high), (low, high))
        error.add_note(f"tensor {tensor.name!r}")
        raise error
    return integers


def _role_of(system: System, position: int, tensor: Tensor) -> str:
    if tensor.holder is not Holder.BOUNDARY:
        return INSIDE
    return f"{'input' if position in system.inputs else 'output'} {tensor.name!r}"


def _outside(block: int, lookup: Lookup, low: int, rows: int, found: Int64s) -> OutOfRange:
    got = (int(found.min()) + low, int(found.max()) + low)
    error = OutOfRange(block, INSIDE, (low, low + rows - 1), got)
    error.add_note(f"look-up {lookup.name!r}")
    return error
