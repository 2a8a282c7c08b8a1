"""What every System satisfies: positions within range, labels in their places, bounds of size.

Lowering proves more (static bounds of integers, look-ups that cover their tensors); here stands
what the argument's soundness and the verifier's memory rest on.

Source: docs/sumcheck.md, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.layout import layout_of
from zkdps.provers.sumcheck.system import (
    Affine,
    Bound,
    Form,
    Holder,
    Lookup,
    Picked,
    Relation,
    System,
    View,
)

MAX_COUNT = 1 << 18
"""Entries of any list."""
MAX_SIZE = 1 << 23
"""Values of a label, entries of a tensor's axis, rows of a table."""
MAX_LABEL_VALUES = 1 << 22
"""Values of all labels together: the verifier makes a vector for each label."""
MAX_AXIS_TUPLES = 1 << 25
"""Label tuples of all axis indices together: the verifier's work."""
MAX_ROWS_LOG = 18
"""Rows of all commitments together, in bits: the verifier makes a vector of them."""
MAX_ENTRIES = 1 << 32
"""Of one System's tensors together."""
MAX_PIECES = 1 << 18
MAX_RANK = 8
MAX_COLUMNS_LOG = 20
MAX_FORMS_A_TERM = 3


def check_system(system: System) -> None:
    """Raise unless the System is sane.

    Raises:
        CheckFailed: number 2, saying what is wrong where.
    """
    _check_tensors(system)
    if sum(label.size for label in system.labels) > MAX_LABEL_VALUES:
        _fail("labels", "more values than a verifier takes")
    for position, form in enumerate(system.forms):
        _check_form(system, form, f"form {position}")
    _check_work(system)
    for relation in system.relations:
        _check_relation(system, relation)
    for lookup in system.lookups:
        _check_lookup(system, lookup)
    _check_tables(system)
    _check_looked_up(system)


def _fail(where: str, reason: str) -> None:
    raise CheckFailed(2, f"{where}: {reason}")


def _check_positions(positions: Sequence[int], count: int, where: str) -> None:
    if len(set(positions)) != len(positions):
        _fail(where, "a position stands twice")
    if positions and not 0 <= min(positions) <= max(positions) < count:
        _fail(where, "a position is out of range")


def _check_tensors(system: System) -> None:
    names = [tensor.name for tensor in system.tensors]
    if len(set(names)) != len(names):
        _fail("tensors", "a name stands twice")
    pieces = 0
    for tensor in system.tensors:
        where = f"tensor {tensor.name!r}"
        if len(tensor.shape) > MAX_RANK:
            _fail(where, f"more than {MAX_RANK} axes")
        if tensor.low > tensor.high:
            _fail(where, "its range is empty")
        if (tensor.holder is Holder.WEIGHTS) != (tensor.bound is Bound.WEIGHT):
            _fail(where, "weights and only weights are bounded by the key's audit")
        if tensor.bound is Bound.MULTIPLICITY and tensor.holder is not Holder.AUX:
            _fail(where, "multiplicities belong in aux")
        pieces += math.prod(n.bit_count() for n in tensor.shape)
    if sum(tensor.size for tensor in system.tensors) > MAX_ENTRIES or pieces > MAX_PIECES:
        _fail("tensors", "more entries or pieces than a verifier takes")
    boundaries = [i for i, t in enumerate(system.tensors) if t.holder is Holder.BOUNDARY]
    if sorted(system.inputs + system.outputs) != boundaries or not system.outputs:
        _fail("inputs and outputs", "together not every boundary tensor once, or no output")
    _check_positions(system.public, len(system.tensors), "public")
    for position, tensor in enumerate(system.tensors):
        if position not in system.public:
            if tensor.bound is Bound.PUBLIC:
                _fail(f"tensor {tensor.name!r}", "bounded as public, and not public")
        elif tensor.holder is not Holder.BOUNDARY or max(tensor.shape, default=1) != tensor.size:
            _fail(f"tensor {tensor.name!r}", "public, and no boundary tensor of one long axis")
    if (system.weights_root != "") > any(t.holder is Holder.WEIGHTS for t in system.tensors):
        _fail("weights_root", "there are no weights")


def _check_form(system: System, form: Form, where: str) -> None:
    _check_positions(form.labels, len(system.labels), where)
    for _, view in form.views:
        labels = _check_view(system, view, where)
        if not set(labels) <= set(form.labels):
            _fail(where, "a view has a label that the form has not")


def _check_view(system: System, view: View, where: str) -> list[int]:
    if not 0 <= view.tensor < len(system.tensors):
        _fail(where, "no such tensor")
    shape = system.tensors[view.tensor].shape
    if len(view.index) != len(shape):
        _fail(where, "not one index for each axis")
    labels: list[int] = []
    for axis in view.index:
        if isinstance(axis, Affine):
            own = [label for label, _ in axis.terms]
            _check_positions(own, len(system.labels), where)
        else:
            own = [axis.label]
            _check_picked(system, axis, where)
        labels += own
    _check_positions(labels, len(system.labels), where)
    return labels


def _check_work(system: System) -> None:
    tuples = sum(
        math.prod(system.labels[label].size for label, _ in axis.terms)
        for form in system.forms
        for _, view in form.views
        for axis in view.index
        if isinstance(axis, Affine)
    )
    if tuples > MAX_AXIS_TUPLES:
        _fail("forms", "axis indices of more label tuples than a verifier takes")
    layout = layout_of(system)
    if layout.variables - layout.columns_log > MAX_ROWS_LOG:
        _fail("columns_log", "more rows than a verifier takes")


def _check_picked(system: System, axis: Picked, where: str) -> None:
    if axis.tensor not in system.public or not 0 <= axis.label < len(system.labels):
        _fail(where, "an index is picked from a tensor that is not public, or by no label")
    if system.tensors[axis.tensor].size != system.labels[axis.label].size:
        _fail(where, "a picked label has not as many values as the public tensor has entries")


def _check_relation(system: System, relation: Relation) -> None:
    where = f"relation {relation.name!r}"
    _check_positions(relation.labels, len(system.labels), where)
    for term in relation.terms:
        if len(term.forms) > MAX_FORMS_A_TERM:
            _fail(where, f"more than {MAX_FORMS_A_TERM} forms in a term")
        if any(not 0 <= form < len(system.forms) for form in term.forms):
            _fail(where, "no such form")


def _check_lookup(system: System, lookup: Lookup) -> None:
    where = f"look-up {lookup.name!r}"
    _check_positions(lookup.labels, len(system.labels), where)
    if not 0 <= lookup.table < len(system.tables):
        _fail(where, "no such table")
    if (lookup.value is None) != (system.tables[lookup.table].values is None):
        _fail(where, "a pair table takes pairs, a range table takes keys")
    for form in (lookup.key,) if lookup.value is None else (lookup.key, lookup.value):
        if not 0 <= form < len(system.forms) or system.forms[form].labels != lookup.labels:
            _fail(where, "a form that has not exactly the look-up's labels")


def _check_tables(system: System) -> None:
    tags = [table.tag for table in system.tables]
    if len(set(tags)) != len(tags) or any(not 1 <= tag < P for tag in tags):
        _fail("tables", "tags are not distinct integers from 1")
    counted = [table.multiplicity for table in system.tables]
    _check_positions(counted, len(system.tensors), "tables")
    bounded = [i for i, t in enumerate(system.tensors) if t.bound is Bound.MULTIPLICITY]
    if sorted(counted) != bounded:
        _fail("tables", "multiplicity tensors are not one a table")
    for table in system.tables:
        tensor = system.tensors[table.multiplicity]
        if tensor.shape != (table.rows,) or tensor.holder is not Holder.AUX:
            _fail(f"table {table.name!r}", "its multiplicities are not (rows,) in aux")
        if abs(table.low) + table.rows > P // 2:
            _fail(f"table {table.name!r}", "keys beyond the field's half")
    leaves = sum(
        math.prod(system.labels[label].size for label in lookup.labels) for lookup in system.lookups
    )
    pieces = sum(
        math.prod(system.labels[label].size.bit_count() for label in lookup.labels)
        for lookup in system.lookups
    )
    if leaves + sum(table.rows for table in system.tables) >= P or pieces > MAX_PIECES:
        _fail("look-ups", "p leaves or more: their counts could wrap around")


def _check_looked_up(system: System) -> None:
    """Every tensor that claims a look-up's bound is read by one, at least."""
    forms = {lookup.key for lookup in system.lookups}
    forms |= {lookup.value for lookup in system.lookups if lookup.value is not None}
    read = {view.tensor for form in forms for _, view in system.forms[form].views}
    for position, tensor in enumerate(system.tensors):
        if tensor.bound in (Bound.LOOKUP, Bound.PAIR) and position not in read:
            _fail(f"tensor {tensor.name!r}", "bounded by a look-up, and no look-up reads it")
