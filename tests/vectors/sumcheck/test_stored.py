"""Stored honest runs of version 1 verify for ever, by both verifiers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vectors.sumcheck.chain import INPUTS
from tests.vectors.sumcheck.generate import KEY
from zkdps.core.checks import Status
from zkdps.core.errors import ZkdpsError
from zkdps.core.policy import Policy
from zkdps.workflows.reports import Machine
from zkdps.workflows.verify import verify

STORED = Path(__file__).parent / "stored"
MAX_TOTAL_BYTES = 3 << 19
FOR_EVER = (
    "the stored run {name} no longer verifies.  A released version's files verify for ever: mend "
    "the reader.  `python -m tests.vectors.sumcheck.generate` may be used only before version 1 is "
    "released, or into a new folder for a new version."
)


@pytest.mark.parametrize("name", INPUTS)
def test_stored_runs_verify_for_ever(name: str, machine: Machine) -> None:
    run, key = STORED / f"{name}.zkrun", STORED / KEY
    try:
        verdict = verify(run, key, policy=Policy(independent=True), machine=machine)
    except ZkdpsError as error:
        pytest.fail(FOR_EVER.format(name=name) + f"\n{error}")
    passed = [o.check for o in verdict.outcomes if o.status is Status.PASSED]
    assert passed == [1, 2, 4, 5, 6, 7, 8, 11]


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in STORED.iterdir()) < MAX_TOTAL_BYTES
