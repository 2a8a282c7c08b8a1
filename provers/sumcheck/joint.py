"""One System for all blocks of a plan, so that one proof covers a whole run.

Merging renames and renumbers, nothing else: a joint proof states exactly what the blocks' proofs
state together, and boundary tensors, which the blocks share by name, are linked by being the same
tensor.  What is shared gets cheaper: one opening, one Merkle tree for all weights, one for all
other tensors, and one copy of every table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zkdps.core.canonical import digest_of
from zkdps.provers.sumcheck.system import (
    Affine,
    AxisIndex,
    Bound,
    Form,
    Holder,
    Label,
    Lookup,
    Picked,
    Relation,
    System,
    Table,
    Tensor,
    Term,
    Values,
    View,
)


@dataclass(frozen=True, slots=True)
class Joint:
    """The merged System and where each block's tensors went."""

    system: System
    tensors: tuple[tuple[int, ...], ...]
    """Block index, then the block's tensor position, to the position in the merged System."""

    def merge_values(self, blocks: Sequence[Values]) -> Values:
        """The merged System's integers from the blocks': counts of look-ups add up."""
        merged: Values = {}
        for places, values in zip(self.tensors, blocks, strict=True):
            for position, integers in values.items():
                place = places[position]
                if self.system.tensors[place].bound is Bound.MULTIPLICITY and place in merged:
                    merged[place] = merged[place] + integers
                else:
                    merged[place] = integers
        return merged


def merge(systems: Sequence[System]) -> Joint:
    """The System of all blocks of a plan, in its order.

    What a block writes is an output; boundary tensors that none writes are the model's inputs.

    Raises:
        ValueError: the blocks differ in preset or columns, or in what they say of a boundary
            tensor; or labels of a block are not told apart by their names.
    """
    if len({(system.preset, system.columns_log) for system in systems}) != 1:
        raise ValueError("blocks of different presets or columns have no joint proof")
    written = {system.tensors[position].name for system in systems for position in system.outputs}
    merging = _Merging()
    places = tuple(merging.add(index, system) for index, system in enumerate(systems))
    boundaries = [
        position
        for position, tensor in enumerate(merging.tensors)
        if tensor.holder is Holder.BOUNDARY
    ]
    system = System(
        preset=systems[0].preset,
        columns_log=systems[0].columns_log,
        labels=tuple(merging.labels),
        tensors=tuple(merging.tensors),
        forms=tuple(merging.forms),
        relations=tuple(merging.relations),
        lookups=tuple(merging.lookups),
        tables=tuple(merging.tables),
        inputs=tuple(p for p in boundaries if merging.tensors[p].name not in written),
        outputs=tuple(p for p in boundaries if merging.tensors[p].name in written),
        public=tuple(sorted(merging.public)),
        bounds_sha256=digest_of([system.bounds_sha256 for system in systems]),
        weights_root="",
    )
    return Joint(system, places)


class _Merging:
    """The merged System as far as it is put together."""

    def __init__(self) -> None:
        self.labels: list[Label] = []
        self.tensors: list[Tensor] = []
        self.forms: list[Form] = []
        self.relations: list[Relation] = []
        self.lookups: list[Lookup] = []
        self.tables: list[Table] = []
        self.public: set[int] = set()
        self._boundaries: dict[str, int] = {}
        self._contents: dict[tuple[int, int, bytes], int] = {}

    def add(self, index: int, system: System) -> tuple[int, ...]:
        """Append a block; where its tensors went."""
        prefix = f"{index}/"
        if len(set(system.labels)) != len(system.labels):
            # One label for two would make a sum over all pairs one over the diagonal.
            raise ValueError(f"block {index} has two labels of one name and size")
        labels = [self._label(label) for label in system.labels]
        shared = {table.multiplicity: self._seen(table) for table in system.tables}
        places = tuple(
            self._tensor(prefix, tensor, shared.get(position))
            for position, tensor in enumerate(system.tensors)
        )
        first = len(self.forms)
        self.forms += [_form(form, labels, places) for form in system.forms]
        self.relations += [
            Relation(
                prefix + relation.name,
                tuple(labels[label] for label in relation.labels),
                tuple(
                    Term(term.coefficient, tuple(first + form for form in term.forms))
                    for term in relation.terms
                ),
            )
            for relation in system.relations
        ]
        tables = [self._table(prefix, table, places) for table in system.tables]
        self.lookups += [
            Lookup(
                prefix + lookup.name,
                tuple(labels[label] for label in lookup.labels),
                tables[lookup.table],
                first + lookup.key,
                None if lookup.value is None else first + lookup.value,
            )
            for lookup in system.lookups
        ]
        self.public.update(places[position] for position in system.public)
        return places

    def _label(self, label: Label) -> int:
        """Blocks share labels: within one relation they stay as distinct as they were."""
        if label not in self.labels:
            self.labels.append(label)
        return self.labels.index(label)

    def _seen(self, table: Table) -> int | None:
        """Where the multiplicities of a table of equal content already are."""
        position = self._contents.get(_content(table))
        return None if position is None else self.tables[position].multiplicity

    def _tensor(self, prefix: str, tensor: Tensor, place: int | None) -> int:
        if place is not None:
            return place
        if tensor.holder is not Holder.BOUNDARY:
            self.tensors.append(replace(tensor, name=prefix + tensor.name))
            return len(self.tensors) - 1
        known = self._boundaries.get(tensor.name)
        if known is None:
            known = self._boundaries[tensor.name] = len(self.tensors)
            self.tensors.append(tensor)
        elif replace(self.tensors[known], bound=tensor.bound) != tensor:
            raise ValueError(f"blocks describe the boundary tensor {tensor.name!r} differently")
        return known

    def _table(self, prefix: str, table: Table, places: Sequence[int]) -> int:
        content = _content(table)
        if content not in self._contents:
            self._contents[content] = len(self.tables)
            self.tables.append(
                replace(
                    table,
                    name=prefix + table.name,
                    tag=len(self.tables) + 1,
                    multiplicity=places[table.multiplicity],
                )
            )
        return self._contents[content]


def _content(table: Table) -> tuple[int, int, bytes]:
    values = b"" if table.values is None else np.ascontiguousarray(table.values, "<i4").tobytes()
    return table.low, table.rows, values


def _form(form: Form, labels: Sequence[int], places: Sequence[int]) -> Form:
    return Form(
        tuple(labels[label] for label in form.labels),
        form.constant,
        tuple(
            (
                coefficient,
                View(
                    places[view.tensor],
                    tuple(_index(axis, labels, places) for axis in view.index),
                ),
            )
            for coefficient, view in form.views
        ),
    )


def _index(axis: AxisIndex, labels: Sequence[int], places: Sequence[int]) -> AxisIndex:
    if isinstance(axis, Picked):
        return Picked(places[axis.tensor], labels[axis.label])
    return Affine(axis.offset, tuple((labels[label], stride) for label, stride in axis.terms))
