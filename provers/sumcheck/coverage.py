"""Every committed entry has a bound, and what is said to enforce it really does.

The check reads only the finished `System`: whatever made it, an entry that nothing bounds, or that
a look-up bounds in another range than is claimed, is found here.
"""

from __future__ import annotations

import numpy as np

from zkdps.core.errors import LayoutFailed
from zkdps.provers.sumcheck.evaluate import view_positions
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.system import Bound, Form, Holder, System, Table, Tensor, View

Bools = np.ndarray


def check_coverage(system: System, block: int) -> None:
    """Check every tensor of a system.

    Raises:
        LayoutFailed: naming the tensor and what it lacks.
    """
    covered = [np.zeros(tensor.size, dtype=bool) for tensor in system.tensors]
    for lookup in system.lookups:
        table = system.tables[lookup.table]
        span = (table.low, table.low + table.rows - 1)
        _mark(system, system.forms[lookup.key], span, covered)
        if lookup.value is not None and table.values is not None:
            values = (int(table.values.min()), int(table.values.max()))
            _mark(system, system.forms[lookup.value], values, covered)
    while _mark_composed(system, covered):
        pass
    for position, tensor in enumerate(system.tensors):
        reason = _fault(system, position, tensor, bool(covered[position].all()))
        if reason is not None:
            raise LayoutFailed(block, f"tensor {tensor.name!r}: {reason}")
    for table in system.tables:
        _check_table(system, table, block)
    tags = [table.tag for table in system.tables]
    if len(set(tags)) < len(tags) or min(tags, default=1) < 1:
        raise LayoutFailed(block, f"table tags {tags} are not distinct and positive")
    names = [tensor.name for tensor in system.tensors]
    if len(set(names)) < len(names):
        raise LayoutFailed(block, "two tensors have one name")


def _fault(system: System, position: int, tensor: Tensor, covered: bool) -> str | None:
    """What is wrong with a tensor's bound."""
    if tensor.size < 1 or not -P < tensor.low <= tensor.high < P:
        return f"shape {tensor.shape}, range {tensor.low}..{tensor.high}"
    boundary = position in {*system.inputs, *system.outputs}
    if boundary != (tensor.holder is Holder.BOUNDARY):
        return "a boundary tensor is committed on its own, and only a boundary tensor is"
    match tensor.bound:
        case Bound.LOOKUP | Bound.PAIR:
            if not covered:
                return f"no look-up keeps every entry in {tensor.low}..{tensor.high}"
        case Bound.WEIGHT:
            if tensor.holder is not Holder.WEIGHTS:
                return "only weights are bounded by the key's audit"
        case Bound.MULTIPLICITY:
            if sum(table.multiplicity == position for table in system.tables) != 1:
                return "multiplicities belong to exactly one table"
        case Bound.PUBLIC:
            if position not in system.public:
                return "it is not public"
        case Bound.HELPER:
            pass
    free = tensor.bound in (Bound.HELPER, Bound.MULTIPLICITY)
    if free and tensor.holder is not Holder.AUX:
        return "only auxiliary tensors may be unranged"
    if (tensor.holder is Holder.WEIGHTS) != (tensor.bound is Bound.WEIGHT):
        return "weights are bounded by the key's audit"
    return None


def _check_table(system: System, table: Table, block: int) -> None:
    tensor = system.tensors[table.multiplicity]
    if tensor.shape != (table.rows,) or tensor.bound is not Bound.MULTIPLICITY:
        raise LayoutFailed(block, f"table {table.name!r} has no multiplicities of its own")
    if table.values is not None and table.values.shape != (table.rows,):
        raise LayoutFailed(block, f"table {table.name!r} has not one value a row")


def _mark(system: System, form: Form, span: tuple[int, int], covered: list[Bools]) -> None:
    """Mark the entries that a looked-up form keeps in their tensor's range."""
    if len(form.views) != 1 or abs(form.views[0][0]) != 1:
        return
    sign, view = form.views[0]
    ends = sorted(sign * (end - form.constant) for end in span)
    tensor = system.tensors[view.tensor]
    if tensor.low <= ends[0] and ends[1] <= tensor.high:
        covered[view.tensor] |= _read(system, form, view)


def _mark_composed(system: System, covered: list[Bools]) -> bool:
    """Mark x where x + sum of c_i u_i is looked up and every u_i is in its range already.

    Interval arithmetic says where x is.  Returns whether anything new was marked.
    """
    changed = False
    for lookup in system.lookups:
        table, form = system.tables[lookup.table], system.forms[lookup.key]
        if len(form.views) < 2 or form.views[0][0] != 1:
            continue
        (_, first), *rest = form.views
        tensor = system.tensors[first.tensor]
        low = table.low - form.constant
        high = low + table.rows - 1
        for coefficient, view in rest:
            other = system.tensors[view.tensor]
            # Places that a view does not read are 0.
            ends = (coefficient * other.low, coefficient * other.high, 0)
            low, high = low - max(ends), high - min(ends)
        bounded = all(covered[view.tensor].all() for _, view in rest)
        if bounded and tensor.low <= low and high <= tensor.high and high - low < P:
            marked = covered[first.tensor] | _read(system, form, first)
            changed |= bool((marked != covered[first.tensor]).any())
            covered[first.tensor] = marked
    return changed


def _read(system: System, form: Form, view: View) -> np.ndarray:
    """Which entries, in flat order, a view reads somewhere in the box of its form's labels."""
    places = view_positions(system, view, form.labels, None).reshape(-1)
    read = np.zeros(system.tensors[view.tensor].size, dtype=bool)
    read[places[places >= 0]] = True
    return read
