"""Every flaw of a sumcheck run is told by its own check, and both verifiers agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.vectors.edits import archive
from tests.vectors.sumcheck.chain import Bench
from tests.vectors.sumcheck.flaws import FLAWS
from zkdps.core.errors import CheckFailed
from zkdps.core.model_key import ModelKey
from zkdps.core.policy import Policy
from zkdps.core.prover import Prover
from zkdps.core.run import Run
from zkdps.core.srs import SrsKind
from zkdps.workflows import independent
from zkdps.workflows import verify as workflow
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.reports import Machine

PROOFS = [n for n, flaw in FLAWS.items() if flaw.expected.check == 5]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Iterator[Bench]:
    with open_prover("sumcheck", machine) as prover:
        yield Bench(tmp_path_factory.mktemp("chain"), machine, prover)


@pytest.fixture
def one_worker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify` uses the bench's prover, whose workers are warm."""

    @contextmanager
    def reuse(
        name: str, machine: Machine, srs_kind: SrsKind | None = None, standby: int = 0
    ) -> Iterator[Prover]:
        assert name == "sumcheck"
        yield bench.prover

    monkeypatch.setattr(workflow, "open_prover", reuse)


def _verify(run: Run, key: ModelKey, folder: Path, machine: Machine, policy: Policy) -> None:
    (folder / "run.zkrun").write_bytes(archive(run))
    (folder / "key.zkvk").write_bytes(archive(key))
    workflow.verify(folder / "run.zkrun", folder / "key.zkvk", policy=policy, machine=machine)


def _made(name: str, bench: Bench) -> tuple[Run, ModelKey]:
    made = FLAWS[name].make(bench)
    return made if isinstance(made, tuple) else (made, bench.key())


@pytest.mark.usefixtures("one_worker")
@pytest.mark.parametrize("name", ["first", "second"])
def test_the_honest_runs_verify(name: str, bench: Bench, machine: Machine, tmp_path: Path) -> None:
    policy = Policy(key_digest=bench.key().digest, independent=True)
    _verify(bench.honest(name), bench.key(), tmp_path, machine, policy)


@pytest.mark.usefixtures("one_worker")
@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_caught_by_its_own_check(
    name: str, bench: Bench, machine: Machine, tmp_path: Path
) -> None:
    expected = FLAWS[name].expected
    run, key = _made(name, bench)
    with pytest.raises(CheckFailed) as caught:
        _verify(run, key, tmp_path, machine, Policy())
    error = caught.value
    assert (error.check, error.block) == (expected.check, expected.block), error
    assert expected.says in str(error), error
    assert error.exit_code == expected.exit_code


@pytest.mark.parametrize("name", PROOFS)
def test_the_reference_rejects_flawed_proofs_by_itself(name: str, bench: Bench) -> None:
    run, key = _made(name, bench)
    with pytest.raises(CheckFailed) as caught:
        independent.verify_again(key, run)
    assert (caught.value.check, caught.value.block) == (5, FLAWS[name].expected.block)


def test_a_proof_is_the_same_every_time(bench: Bench) -> None:
    """Nothing random goes into proofs, so that nothing need be stored."""
    (traces, _), ends = bench.traces("first"), bench.ends("first")
    again, first = bench.run(traces, *ends, with_tensors=True), bench.honest()
    assert archive(again) == archive(first) or [r.proof.data for r in again.receipts] == [
        r.proof.data for r in first.receipts
    ]
