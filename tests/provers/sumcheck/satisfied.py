"""Whether integers satisfy a system: relations and look-ups entry by entry, in plain integers.

Slow on purpose and written from `docs/sumcheck.md` §2 alone: it shares no code with the evaluation
that execution uses, nor with the argument.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.system import Bound, Form, Picked, System, Values, View

Point = Mapping[int, int]


def holds(system: System, values: Values) -> bool:
    """All relations and look-ups hold, public values are in range, multiplicities are right."""
    return not list(faults(system, values))


def faults(system: System, values: Values) -> Iterator[str]:
    """Names of what does not hold."""
    flat = [[int(v) for v in values[i].reshape(-1)] for i in range(len(system.tensors))]
    for position, tensor in enumerate(system.tensors):
        if len(flat[position]) != math.prod(tensor.shape):
            yield f"size of {tensor.name}"
        if tensor.bound is Bound.PUBLIC and not all(
            tensor.low <= v <= tensor.high for v in flat[position]
        ):
            yield f"public {tensor.name}"
    for relation in system.relations:
        for point in _box(system, relation.labels):
            total = 0
            for term in relation.terms:
                free = {n for f in term.forms for n in system.forms[f].labels} - set(
                    relation.labels
                )
                for inner in _box(system, tuple(sorted(free))):
                    product = term.coefficient
                    for form in term.forms:
                        product *= _form(system, flat, system.forms[form], {**point, **inner})
                    total += product
            if total % P:
                yield f"relation {relation.name} at {point}"
    counts = {table.multiplicity: [0] * table.rows for table in system.tables}
    for lookup in system.lookups:
        table = system.tables[lookup.table]
        for point in _box(system, lookup.labels):
            key = _form(system, flat, system.forms[lookup.key], point) % P
            row = (key - table.low) % P
            if row >= table.rows:
                yield f"key of {lookup.name} at {point}"
                continue
            counts[table.multiplicity][row] += 1
            value = 0 if table.values is None else int(table.values[row])
            got = 0
            if lookup.value is not None:
                got = _form(system, flat, system.forms[lookup.value], point)
            if (value - got) % P:
                yield f"value of {lookup.name} at {point}"
    for position, expected in counts.items():
        if flat[position] != expected:
            yield f"multiplicities {system.tensors[position].name}"


def _form(system: System, flat: list[list[int]], form: Form, point: Point) -> int:
    return form.constant + sum(c * _view(system, flat, view, point) for c, view in form.views)


def _view(system: System, flat: list[list[int]], view: View, point: Point) -> int:
    place = 0
    for axis, size in zip(view.index, system.tensors[view.tensor].shape, strict=True):
        if isinstance(axis, Picked):
            at = flat[axis.tensor][point[axis.label]]
        else:
            at = axis.offset + sum(stride * point[label] for label, stride in axis.terms)
        if not 0 <= at < size:
            return 0
        place = place * size + at
    return flat[view.tensor][place]


def _box(system: System, labels: tuple[int, ...]) -> Iterator[dict[int, int]]:
    for values in itertools.product(*(range(system.labels[label].size) for label in labels)):
        yield dict(zip(labels, values, strict=True))
