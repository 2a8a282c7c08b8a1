"""Joint proofs: all blocks of a run proved at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from zkdps.core.canonical import sha256_hex
from zkdps.core.errors import CheckFailed, UsageConflict
from zkdps.core.model_key import JOINT_PREFIX, ModelKey
from zkdps.core.parse_key import parse_key
from zkdps.core.parse_run import parse_run
from zkdps.core.policy import Policy
from zkdps.core.run import Run
from zkdps.core.statement import Receipt
from zkdps.workflows.archive import read_archive, write_archive
from zkdps.workflows.audit import audit_key
from zkdps.workflows.build import build
from zkdps.workflows.demo import write_files
from zkdps.workflows.inspect import inspect
from zkdps.workflows.prove import prove
from zkdps.workflows.report import report
from zkdps.workflows.reports import BuildReport, Cuts, Machine, Verdict
from zkdps.workflows.verify import verify

INDEPENDENT = Policy(independent=True)


def built(folder: Path, package: str, machine: Machine, *, joint: bool) -> BuildReport:
    return build(
        folder / "model.onnx",
        folder / "calibration.npz",
        folder / package,
        cuts=Cuts(blocks=3),
        prover="sumcheck",
        joint=joint,
        machine=machine,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Path:
    """A joint package with a run, and a package of single proofs with another."""
    made = tmp_path_factory.mktemp("joint")
    write_files("digits", made)
    for package, run, joint in (("pkg", "run.zkrun", True), ("single", "single.zkrun", False)):
        built(made, package, machine, joint=joint)
        prove(made / package, made / "input.npz", made / run, machine=machine)
    return made


def judged(
    folder: Path, machine: Machine, run: Run | None = None, key: Path | None = None
) -> Verdict:
    path = folder / "run.zkrun"
    if run is not None:
        path = folder / "forged.zkrun"
        write_archive(path, run.members())
    return verify(path, key or folder / "pkg" / "model.zkvk", policy=INDEPENDENT, machine=machine)


def refused(folder: Path, machine: Machine, run: Run) -> CheckFailed:
    run = replace(run, run_id=run.computed_id)
    with pytest.raises(CheckFailed) as caught:
        judged(folder, machine, run)
    return caught.value


def run_of(folder: Path, name: str = "run.zkrun") -> Run:
    return parse_run(read_archive(folder / name), name)


def key_of(folder: Path, package: str = "pkg") -> ModelKey:
    path = folder / package / "model.zkvk"
    return parse_key(read_archive(path), str(path))


def test_one_proof_covers_all_blocks(folder: Path, machine: Machine) -> None:
    run = run_of(folder)
    assert [name for name in run.members() if name.startswith("proofs/")] == ["proofs/joint.bin"]
    assert all(receipt.proof.joint for receipt in run.receipts) and len(run.receipts) == 3
    verdict = judged(folder, machine)
    assert "a joint proof of 3 blocks" in verdict.outcomes[4].detail
    assert "reference verifier" in verdict.outcomes[4].detail
    single = sum(len(receipt.proof.data) for receipt in run_of(folder, "single.zkrun").receipts)
    assert len(run.receipts[0].proof.data) < single


def test_the_output_is_that_of_single_proofs(folder: Path, machine: Machine) -> None:
    assert run_of(folder).output_digests == run_of(folder, "single.zkrun").output_digests


def test_proving_again_makes_the_same_run(folder: Path, machine: Machine) -> None:
    prove(
        folder / "pkg",
        folder / "input.npz",
        folder / "again.zkrun",
        self_check=True,
        machine=machine,
    )
    again, run = run_of(folder, "again.zkrun"), run_of(folder)
    assert again.run_id == run.run_id
    assert again.receipts[0].proof.data == run.receipts[0].proof.data


def test_the_key_is_recomputed_from_the_model(folder: Path, machine: Machine) -> None:
    audited = audit_key(folder / "model.onnx", folder / "pkg" / "model.zkvk", machine=machine)
    assert any("joint-system.json" in line.what for line in audited.lines)


def test_pages_of_a_joint_run(folder: Path, machine: Machine) -> None:
    page = folder / "report.html"
    report(folder / "run.zkrun", folder / "pkg" / "model.zkvk", page, machine=machine)
    assert "a joint proof of 3 blocks" in page.read_text()
    assert inspect(folder / "run.zkrun")


def _proof_bit(run: Run) -> Run:
    data = bytearray(run.receipts[0].proof.data)
    data[len(data) // 3] ^= 1
    return _with_proof(run, bytes(data))


def _with_proof(run: Run, data: bytes) -> Run:
    return replace(
        run,
        receipts=tuple(
            Receipt(receipt.statement, replace(receipt.proof, data=data))
            for receipt in run.receipts
        ),
    )


def _cut_off(run: Run) -> Run:
    return _with_proof(run, run.receipts[0].proof.data[:-1])


def _boundary(run: Run) -> Run:
    """Both sides of a boundary changed alike: linked, and not what was proved."""
    first, second = run.receipts[0], run.receipts[1]
    (old,) = first.statement.outputs
    new = replace(old, value=bytes([old.value[0] ^ 1]) + old.value[1:])
    return replace(
        run,
        receipts=(
            Receipt(replace(first.statement, outputs=(new,)), first.proof),
            Receipt(replace(second.statement, inputs=(new,)), second.proof),
            *run.receipts[2:],
        ),
    )


def _replayed(run: Run) -> Run:
    return replace(run, output_digests={name: sha256_hex(b"x") for name in run.output_digests})


@pytest.mark.parametrize(
    "flaw", [_proof_bit, _cut_off, _boundary, _replayed], ids=lambda flaw: flaw.__name__
)
def test_flaws_are_found_by_check_5(
    folder: Path, machine: Machine, flaw: Callable[[Run], Run]
) -> None:
    error = refused(folder, machine, flaw(run_of(folder)))
    assert error.check == 5, error
    assert "disagree" not in error.reason


def test_evidence_of_the_other_kind_is_refused(folder: Path, machine: Machine) -> None:
    run, single = run_of(folder), run_of(folder, "single.zkrun")
    one = replace(run.receipts[1], proof=single.receipts[1].proof)
    error = refused(folder, machine, replace(run, receipts=(run.receipts[0], one, run.receipts[2])))
    assert (error.check, error.block) == (5, 1)
    assert error.expected == "a joint proof"
    taken = tuple(replace(receipt, proof=run.receipts[0].proof) for receipt in single.receipts)
    forged = replace(single, receipts=taken)
    forged = replace(forged, run_id=forged.computed_id)
    with pytest.raises(CheckFailed) as caught:
        judged(folder, machine, forged, folder / "single" / "model.zkvk")
    assert (caught.value.check, caught.value.expected) == (5, "a proof of its own")


def test_a_joint_system_that_the_blocks_do_not_make_is_refused(
    folder: Path, machine: Machine
) -> None:
    key, other = key_of(folder), key_of(folder, "single")
    assert not other.is_joint
    name = JOINT_PREFIX + "system.json"
    system = key.trust[name].replace(b'"constant":0', b'"constant":1', 1)
    if system == key.trust[name]:
        system = key.trust[name].replace(b"-1", b"-2", 1)
    forged = replace(key, trust={**key.trust, name: system})
    path = folder / "forged.zkvk"
    write_archive(path, forged.members())
    run = replace(run_of(folder), key_digest=forged.digest)
    run = replace(run, run_id=run.computed_id)
    with pytest.raises(CheckFailed) as caught:
        judged(folder, machine, run, path)
    assert caught.value.check == 2


def test_ezkl_has_no_joint_proofs(tmp_path: Path, machine: Machine) -> None:
    write_files("digits", tmp_path)
    with pytest.raises(UsageConflict, match="joint"):
        build(
            tmp_path / "model.onnx",
            tmp_path / "calibration.npz",
            tmp_path / "pkg",
            cuts=Cuts(blocks=1),
            joint=True,
            machine=machine,
        )
