"""Mutated proofs, instances and keys are refused, by ezkl's verifier too where it reads them."""

from __future__ import annotations

import pytest

from tests.verifier_contracts.mutate import run
from tests.verifier_contracts.stored import NAMES

COMMAND = "python -m tests.verifier_contracts.mutate --count 10000 --seed 0"


def test_a_few_mutations() -> None:
    tally = run(90, seed=7)
    assert not tally.wrong
    assert sum(tally.outcomes.values()) == 90
    assert len(tally.outcomes) > 8, f"the mutations are not varied: {tally.outcomes}"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_mutations(name: str) -> None:
    """A tenth of `COMMAND`, which takes some ten minutes on two free cores."""
    tally = run(111, seed=1, names=[name])
    assert not tally.wrong, f"repeat with: {COMMAND}"
