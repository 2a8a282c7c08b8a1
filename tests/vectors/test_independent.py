"""Both verifiers: the honest vectors pass both, and what fails check 5 fails under either.

Where the flaw is in the proof or in what it is about, the reference verifier must reject by itself.
Where it is in key material that the reference does not read (ezkl's verifying key and settings),
it cannot; there the two disagree, and disagreement is a failure of check 5 too.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.vectors import record
from tests.vectors.record import HOME, KEY, Vector
from zkdps.core.errors import CheckFailed
from zkdps.core.model_key import ModelKey
from zkdps.core.run import Run
from zkdps.workflows import independent
from zkdps.workflows.reports import Machine
from zkdps.workflows.verify import read_run_and_key, verify

HONEST = [name for name in record.names() if not name.endswith("_fail")]
CHECK_5 = [name for name in record.names() if record.read(name).expected.check == 5]
OF_PROOFS = [name for name in CHECK_5 if KEY not in record.read(name).files]


def _parsed(vector: Vector) -> tuple[Run, ModelKey]:
    return read_run_and_key(vector.run_path(HOME), HOME / vector.call.key)


def _reference(run: Run, key: ModelKey) -> None:
    independent.verify_again(key, run)


@pytest.mark.parametrize("name", HONEST)
def test_the_reference_accepts_honest_vectors(name: str) -> None:
    _reference(*_parsed(record.read(name)))


@pytest.mark.parametrize("name", OF_PROOFS)
def test_the_reference_rejects_flawed_proofs_by_itself(name: str) -> None:
    vector = record.read(name)
    with pytest.raises(CheckFailed) as caught:
        _reference(*_parsed(vector))
    assert caught.value.check == 5
    assert caught.value.block == vector.expected.block


@pytest.mark.parametrize("name", CHECK_5)
def test_what_fails_check_5_fails_it_independently_too(
    name: str, machine: Machine, one_worker: object
) -> None:
    vector = record.read(name)
    call = vector.call
    with pytest.raises(CheckFailed) as caught:
        verify(
            vector.run_path(HOME),
            HOME / call.key,
            inputs=HOME / call.inputs if call.inputs else None,
            outputs=HOME / call.outputs if call.outputs else None,
            policy=replace(call.policy(), independent=True),
            machine=machine,
        )
    assert (caught.value.check, caught.value.block) == (5, vector.expected.block)


def test_there_is_something_to_compare() -> None:
    assert len(OF_PROOFS) >= 15
    assert len(CHECK_5) > len(OF_PROOFS)
