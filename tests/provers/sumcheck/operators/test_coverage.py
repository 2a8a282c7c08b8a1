"""A system with any bound taken away, weakened or moved does not pass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.provers.sumcheck.operators.blocks import build_it, program_of
from zkdps.core.errors import LayoutFailed
from zkdps.provers.sumcheck.build import Built
from zkdps.provers.sumcheck.coverage import check_coverage
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound, Holder
from zkdps.provers.sumcheck.wires import whole


@pytest.fixture(scope="module")
def built() -> Built:
    """Public ids, weights, remainders, and an output whose range takes two limbs."""
    rng = np.random.default_rng(3)
    rows = Gather("rows", whole("ids", (3,)), rng.normal(size=(5, 4)))
    weight = rng.normal(size=(4, 2))
    program = program_of(
        {"ids": (3,), "x": (3, 4)},
        rows,
        Linear("y", whole("rows", (3, 4)), weight, None, ("tk", "kn", "tn")),
        Linear("z", whole("x", (3, 4)), weight, None, ("tk", "kn", "tn")),
        outputs=(("out", whole("y", (3, 2))), ("other", whole("z", (3, 2)))),
        public=("ids",),
    )
    widths = {
        "ids": Width(0, 0, 4),
        "y": Width(4, -(1 << 9), (1 << 9) - 1),
        "out": Width(10, -(1 << 19), (1 << 19) - 1),
    }
    return build_it(program, widths)


def test_every_lookup_is_needed(built: Built) -> None:
    for position in range(len(built.system.lookups)):
        kept = built.system.lookups[:position] + built.system.lookups[position + 1 :]
        with pytest.raises(LayoutFailed, match="no look-up keeps every entry"):
            check_coverage(dataclasses.replace(built.system, lookups=kept), 0)


def test_every_lookup_in_a_larger_table_is_refused(built: Built) -> None:
    for position, table in enumerate(built.system.tables):
        tables = list(built.system.tables)
        tables[position] = dataclasses.replace(table, rows=table.rows + 1)
        with pytest.raises(LayoutFailed):
            check_coverage(dataclasses.replace(built.system, tables=tuple(tables)), 0)


def test_a_lookup_that_misses_a_row_of_entries_is_refused(built: Built) -> None:
    """Shrink each label in turn: some entries are no longer read."""
    for position, label in enumerate(built.system.labels):
        labels = list(built.system.labels)
        labels[position] = dataclasses.replace(label, size=label.size - 1)
        if label.size > 1:
            with pytest.raises(LayoutFailed):
                check_coverage(dataclasses.replace(built.system, labels=tuple(labels)), 0)


@pytest.mark.parametrize("end", ["low", "high"])
def test_a_range_that_is_claimed_narrower_is_refused(built: Built, end: str) -> None:
    for position, tensor in enumerate(built.system.tensors):
        if tensor.bound is not Bound.LOOKUP:
            continue
        tensors = list(built.system.tensors)
        moved = {end: getattr(tensor, end) + (1 if end == "low" else -1)}
        tensors[position] = dataclasses.replace(tensor, **moved)
        with pytest.raises(LayoutFailed):
            check_coverage(dataclasses.replace(built.system, tensors=tuple(tensors)), 0)


@pytest.mark.parametrize("bound", list(Bound))
def test_another_bound_is_refused_or_holds_as_well(built: Built, bound: Bound) -> None:
    for position, tensor in enumerate(built.system.tensors):
        alike = {tensor.bound, bound} <= {Bound.LOOKUP, Bound.PAIR}
        # An auxiliary tensor that is declared a helper is unranged by declaration: the bounds
        # table and the operators' tests are what says which tensors may be.
        declared = bound is Bound.HELPER and tensor.holder is Holder.AUX
        if bound is tensor.bound or alike or declared:
            continue
        tensors = list(built.system.tensors)
        tensors[position] = dataclasses.replace(tensor, bound=bound)
        with pytest.raises(LayoutFailed):
            check_coverage(dataclasses.replace(built.system, tensors=tuple(tensors)), 0)


def test_tags_and_names_are_distinct(built: Built) -> None:
    tables = tuple(dataclasses.replace(t, tag=1) for t in built.system.tables)
    with pytest.raises(LayoutFailed, match="tags"):
        check_coverage(dataclasses.replace(built.system, tables=tables), 0)
    tensors = tuple(dataclasses.replace(t, name="same") for t in built.system.tensors)
    with pytest.raises(LayoutFailed, match="one name"):
        check_coverage(dataclasses.replace(built.system, tensors=tensors), 0)


def test_the_bounds_table_is_in_the_system(built: Built) -> None:
    assert built.bounds.sha256() == built.system.bounds_sha256
    names = {row.relation for row in built.bounds.rows}
    assert {relation.name for relation in built.system.relations} <= names
