"""Mutated proofs, instances and keys are refused, by ezkl's verifier too where it reads them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.verifier_contracts.mutate import reference_accepts, run, same_constraints
from tests.verifier_contracts.stored import NAMES, stored
from zkdps.verifier_contracts.reference.vka import Expression, Op, Source, Step

COMMAND = "python -m tests.verifier_contracts.mutate --count 10000 --seed 0"


def test_a_few_mutations() -> None:
    tally = run(90, seed=7)
    assert not tally.wrong
    assert sum(tally.outcomes.values()) == 90
    assert len(tally.outcomes) > 8, f"the mutations are not varied: {tally.outcomes}"


def test_a_dead_constraint_may_change_and_a_live_one_may_not() -> None:
    """The decision that excuses a mutated key for accepting, on keys made for it."""
    one, rng = stored("maxpool"), random.Random(0)
    outcomes = set()
    for i, gate in enumerate(one.vka.gates):
        doubled = Step(Op.ADD, operands=(gate.outputs[0], gate.outputs[0]))
        changed = Expression((*gate.steps, doubled), ((Source.STEP, len(gate.steps)),))
        gates = (*one.vka.gates[:i], changed, *one.vka.gates[i + 1 :])
        vka = replace(one.vka, gates=gates)
        same = same_constraints(one.vka, vka, rng)
        assert reference_accepts(vka, one.proof, one.instances) == same, f"gate {i}"
        outcomes.add(same)
    assert outcomes == {True, False}, "maxpool should have dead gates and live ones"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_mutations(name: str) -> None:
    """A tenth of `COMMAND`, which takes some ten minutes on two free cores."""
    tally = run(111, seed=1, names=[name])
    assert not tally.wrong, f"repeat with: {COMMAND}"
