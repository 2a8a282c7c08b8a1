"""Merging blocks for a joint proof keeps what they say, and proofs of merged Systems can be cheated
no more than others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.provers.sumcheck import systems
from tests.provers.sumcheck.cheats import blocks
from tests.provers.sumcheck.cheats.attempt import Claimed, accepted, claimed, proof_of, refused
from zkdps.provers.sumcheck.joint import merge
from zkdps.provers.sumcheck.system import Bound, System, Values


def _step(make: systems.Maker, read: str, written: str, x: np.ndarray, add: int) -> None:
    """written = read + add; both in -100..100."""
    t = make.label("t", len(x))
    x_ = make.input(read, x, Bound.LOOKUP)
    y_ = make.output(written, x + add, Bound.LOOKUP)
    for position in (x_, y_):
        make.tensors[position] = replace(make.tensors[position], low=-100, high=100)
    views = make.view(x_, t), make.view(y_, t, coefficient=-1)
    make.relation("step", (t,), (1, (make.form((t,), *views, constant=add),)))
    table = make.table(-100, 201)
    for position in (x_, y_):
        make.lookup(table, make.form((t,), make.view(position, t)))


def _two_blocks(between: int = 0) -> Claimed:
    """x + 3 in one block, and 5 more in the next, whose input is off by `between`."""
    x = np.array([-7, 0, 7, 9, 11])
    first, second = systems.Maker(), systems.Maker()
    _step(first, "x", "h", x, 3)
    _step(second, "h", "y", x + 3 + between, 5)
    makers = first, second
    made = [make.finish() for make in makers]
    joint = merge(made)
    values: Values = {}
    for make, places in zip(makers, joint.tensors, strict=True):
        for position, integers in make.values.items():
            values.setdefault(places[position], integers)
    return claimed(joint.system, blocks.with_counts(joint.system, values))


def test_two_blocks_in_one_proof() -> None:
    case = _two_blocks()
    assert blocks.broken(case) == []
    assert len(case.system.outputs) == 2
    accepted(case, proof_of(case))


def test_a_second_block_that_read_something_else() -> None:
    """There is one tensor where the blocks meet: the second one's relation is broken."""
    case = _two_blocks(between=1)
    assert blocks.broken(case) == ["relation 1/step"]
    refused(case, proof_of(case), by="claims")


def test_labels_that_would_become_one() -> None:
    """A sum over pairs must not become one over the diagonal."""
    make = systems.Maker()
    i, j = make.label("i", 3), make.label("i", 3)
    a_, b_ = make.input("a", np.arange(3)), make.input("b", np.arange(3))
    s_ = make.output("s", np.asarray(9))
    fa, fb = make.form((i,), make.view(a_, i)), make.form((j,), make.view(b_, j))
    make.relation("sums", (), (1, (fa, fb)), (-1, (make.form((), make.view(s_)),)))
    system: System = make.finish()
    assert systems.unsatisfied(system, make.values) == []
    with pytest.raises(ValueError, match="one name"):
        merge([system])
