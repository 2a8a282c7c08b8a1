"""Chains of real models with the sumcheck back end: plan, build, prove, verify, report, audit."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.models import zoo
from zkdps.circuits.export import export
from zkdps.cli import run
from zkdps.core.canonical import canonical_json
from zkdps.core.checks import Status
from zkdps.core.errors import CheckFailed, StalePackage, UsageConflict
from zkdps.core.parse_run import parse_run
from zkdps.core.policy import Policy
from zkdps.core.run import Run
from zkdps.core.statement import Link
from zkdps.provers.sumcheck.field import P
from zkdps.workflows.archive import read_archive, write_archive
from zkdps.workflows.audit import audit_key
from zkdps.workflows.build import build
from zkdps.workflows.demo import write_files
from zkdps.workflows.inspect import inspect
from zkdps.workflows.observer import Silent
from zkdps.workflows.plan import plan
from zkdps.workflows.prove import prove
from zkdps.workflows.report import report, report_key
from zkdps.workflows.reports import BuildReport, Cuts, Machine
from zkdps.workflows.tensor_files import read_tensors, write_tensors
from zkdps.workflows.verify import verify

STRICT = Policy(input_required=True, output_required=True)


class Heard(Silent):
    """Keeps what a workflow said."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.reused_steps: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def reused(self, step: str, position: int, total: int) -> None:
        self.reused_steps.append(step)


@dataclass(frozen=True)
class Chain:
    """A model that went all the way."""

    folder: Path
    built: BuildReport

    @property
    def run(self) -> Path:
        return self.folder / "run.zkrun"

    @property
    def key(self) -> Path:
        return self.built.key_path

    def parsed(self) -> Run:
        return parse_run(read_archive(self.run), "run")


def chain(folder: Path, machine: Machine, cuts: Cuts, scale_bits: int) -> Chain:
    """Everything from `model.onnx`, `calibration.npz` and `input.npz` in a folder."""
    model = folder / "model.onnx"
    planned = plan(
        model, cuts=cuts, shapes={}, scale_bits=scale_bits, prover="sumcheck", machine=machine
    )
    assert planned.prover == "sumcheck"
    assert all(block.cost.prove_s > 0 < block.cost.proof_bytes for block in planned.blocks)
    built = build(
        model,
        folder / "calibration.npz",
        folder / "pkg",
        cuts=cuts,
        scale_bits=scale_bits,
        prover="sumcheck",
        machine=machine,
    )
    assert built.key.plan.blocks == planned.plan.blocks, "build must cut as plan said"
    assert (built.key.prover, built.key.link, built.key.srs) == ("sumcheck", Link.MERKLE, None)
    made = Chain(folder, built)
    proved = prove(folder / "pkg", folder / "input.npz", made.run, machine=machine)
    write_tensors(folder / "output.npz", dict(proved.outputs))
    return made


def judged(made: Chain, machine: Machine, policy: Policy = STRICT) -> Sequence[str]:
    """The details of a verification's checks, all passed."""
    verdict = verify(
        made.run,
        made.key,
        inputs=made.folder / "input.npz",
        outputs=made.folder / "output.npz",
        policy=policy,
        machine=machine,
    )
    absent = [outcome.check for outcome in verdict.outcomes if outcome.status is Status.ABSENT]
    assert absent == [3, 9, 10]
    return [outcome.detail for outcome in verdict.outcomes]


def random_files(name: str, folder: Path) -> None:
    """A zoo model with uniform data."""
    sample = zoo.SMALL[name]()
    model = export(sample.module, sample.inputs, folder / "model.onnx", exporter="torchscript")
    random = np.random.default_rng(7)
    drawn = {
        value.name: random.uniform(-1, 1, (24, *tensor.shape)).astype(np.float32)
        for value, tensor in zip(model.graph.input, sample.inputs, strict=True)
    }
    write_tensors(folder / "calibration.npz", dict(drawn))
    write_tensors(folder / "input.npz", {name: array[3] for name, array in drawn.items()})


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Chain:
    folder = tmp_path_factory.mktemp("digits")
    write_files("digits", folder)
    return chain(folder, replace(machine, jobs=2), Cuts(blocks=3), 8)


def test_digits_go_all_the_way(digits: Chain, machine: Machine) -> None:
    details = judged(digits, machine)
    assert re.search(r"3 proofs, verified by sumcheck; \d+\.\d bits of soundness", details[4])
    assert "not zero-knowledge" in details[4]
    assert digits.built.key.accuracy.bounds[0].max_abs_steps < 1 << 8


def test_the_reference_verifier_agrees(digits: Chain, machine: Machine) -> None:
    details = judged(digits, machine, replace(STRICT, independent=True))
    assert "by the reference verifier" in details[4]


def test_the_key_is_recomputed_from_the_model(digits: Chain, machine: Machine) -> None:
    audited = audit_key(digits.folder / "model.onnx", digits.key, machine=machine)
    names = [line.what for line in audited.lines]
    assert "block 2 system.json" in names and "block 0 tables.bin" in names


def test_pages_and_inspection_say_what_proofs_are_worth(
    digits: Chain, machine: Machine, tmp_path: Path
) -> None:
    page = tmp_path / "run.html"
    assert report(digits.run, digits.key, page, machine=machine).failure is None
    assert "Zero-knowledge" in page.read_text() and "Soundness" in page.read_text()
    report_key(digits.key, page, machine=machine)
    assert "not zero-knowledge" in page.read_text()
    facts = inspect(digits.key).facts
    assert str(facts["zero_knowledge"]).startswith("no: ")
    soundness = facts["soundness"]
    assert isinstance(soundness, dict) and 90 < soundness["bits"] < 128
    assert len(soundness["bits_of_steps"]) > 3


def test_the_bounds_of_a_package_are_those_of_its_key(
    digits: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    package = str(digits.folder / "pkg")
    assert run(["inspect", package, "--bounds", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["key_digest"] == digits.built.key.digest
    for found, key in zip(record["blocks"], digits.built.key.blocks, strict=True):
        named = json.loads(key.material["system.json"])
        assert found["bounds_sha256"] == named["bounds_sha256"]
        proven = {row["relation"] for row in found["relations"]}
        # This model has no maximum: see the operators for its indicator.
        assert proven >= {relation["name"] for relation in named["relations"]}
        for row in found["relations"]:
            assert row["count"] << row["shift"] <= P and row["magnitude"] + row["decomposed"] < P
            assert min(row["unique_slack_bits"], row["integer_slack_bits"]) >= 0
    assert any(block["relations"] for block in record["blocks"])
    assert run(["inspect", package, "--bounds"]) == 0
    assert "U and Z hold for each" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["narrowed", "missing"])
def test_other_bounds_than_the_keys_are_an_error(
    digits: Chain, change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "pkg"
    shutil.copytree(digits.folder / "pkg", package)
    file = package / "circuits" / "1" / "bounds.json"
    file.unlink() if change == "missing" else file.write_bytes(b"[]")
    assert run(["inspect", str(package), "--bounds", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["class"] == "StalePackage" and "circuits/1/bounds.json" in error["message"]


def test_a_circuit_of_older_files_is_made_again(
    digits: Chain, machine: Machine, tmp_path: Path
) -> None:
    """As if the back end had not written that file yet when the step was recorded."""
    package = tmp_path / "pkg"
    shutil.copytree(digits.folder / "pkg", package)
    (package / "circuits" / "0" / "program.json").unlink()
    path = package / "steps" / "circuits.0.json"
    record = json.loads(path.read_bytes())
    del record["files"]["program.json"]
    path.write_bytes(canonical_json(record))
    folder, run_path = digits.folder, tmp_path / "r.zkrun"
    with pytest.raises(StalePackage, match=r"program\.json") as caught:
        prove(package, folder / "input.npz", run_path, machine=machine)
    assert "zkdps build" in caught.value.hint
    heard = Heard()
    again = build(
        folder / "model.onnx",
        folder / "calibration.npz",
        package,
        cuts=Cuts(blocks=3),
        scale_bits=8,
        prover="sumcheck",
        machine=machine,
        observer=heard,
    )
    assert again.key.digest == digits.built.key.digest
    assert (package / "circuits" / "0" / "program.json").is_file()
    assert "circuits/1" in heard.reused_steps
    assert prove(package, folder / "input.npz", run_path, machine=machine).run.key_digest


def test_two_inputs_and_a_second_proof_under_one_key(tmp_path: Path, machine: Machine) -> None:
    random_files("two_inputs", tmp_path)
    made = chain(tmp_path, machine, Cuts(blocks=2), 10)
    judged(made, machine)
    first = made.parsed()
    arrays = read_tensors(tmp_path / "input.npz", made.built.key.plan.inputs)
    write_tensors(
        tmp_path / "input.npz", {name: 0.5 * array.astype(float) for name, array in arrays.items()}
    )
    proved = prove(
        tmp_path / "pkg", tmp_path / "input.npz", made.run, self_check=True, machine=machine
    )
    write_tensors(tmp_path / "output.npz", dict(proved.outputs))
    judged(made, machine)
    assert proved.run.run_id != first.run_id
    # A receipt of another run of the same key: its proof names that run.
    mixed = replace(proved.run, receipts=(first.receipts[0], *proved.run.receipts[1:]))
    mixed = replace(mixed, run_id=mixed.computed_id)
    write_archive(tmp_path / "mixed.zkrun", mixed.members())
    with pytest.raises(CheckFailed) as caught:
        verify(tmp_path / "mixed.zkrun", made.key, machine=machine)
    assert (caught.value.check, caught.value.block) == (5, 0)


def test_a_transformer_with_a_residual_across_a_cut(tmp_path: Path, machine: Machine) -> None:
    write_files("transformer", tmp_path)
    # The residual before this norm skips over the block that ends here.
    cut = "/blocks/blocks.1/norm2/LayerNormalization_output_0"
    made = chain(tmp_path, machine, Cuts(tensors=(cut,)), 12)
    assert len(made.built.key.plan.blocks[1].inputs) == 2
    judged(made, machine)


def test_one_job_or_many_make_the_same_run(digits: Chain, machine: Machine) -> None:
    again = digits.folder / "again.zkrun"
    prove(
        digits.folder / "pkg", digits.folder / "input.npz", again, machine=replace(machine, jobs=1)
    )
    expected = digits.parsed()
    got = parse_run(read_archive(again), "again")
    assert got.run_id == expected.run_id
    assert [r.proof.data for r in got.receipts] == [r.proof.data for r in expected.receipts]


def test_finished_proofs_are_kept(digits: Chain, machine: Machine, tmp_path: Path) -> None:
    class Stop(Exception):
        """Stands for a kill."""

    class StopAfterOne(Silent):
        def finished(self, step: str, position: int, total: int) -> None:
            if step.startswith("block-"):
                raise Stop

    run = tmp_path / "r.zkrun"
    package, inputs = digits.folder / "pkg", digits.folder / "input.npz"
    two = replace(machine, jobs=2)
    with pytest.raises(Stop):
        prove(package, inputs, run, machine=two, observer=StopAfterOne())
    heard = Heard()
    prove(package, inputs, run, machine=two, observer=heard)
    assert "executed" in heard.reused_steps
    assert sum(step.startswith("block-") for step in heard.reused_steps) >= 1
    assert parse_run(read_archive(run), "r").run_id == digits.parsed().run_id


def test_a_changed_weight_is_not_the_keys(digits: Chain, machine: Machine, tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    shutil.copytree(digits.folder / "pkg", package)
    for file in (package / "circuits" / "0" / "weights").iterdir():
        data = np.frombuffer(file.read_bytes(), np.uint8).copy()
        data[256:] ^= 1
        file.write_bytes(data.tobytes())
    inputs, run = digits.folder / "input.npz", tmp_path / "r.zkrun"
    with pytest.raises(StalePackage, match="weights"):
        prove(package, inputs, run, self_check=True, machine=machine)


def test_auto_says_what_it_chose(tmp_path: Path, machine: Machine) -> None:
    write_files("digits", tmp_path)
    model, heard = tmp_path / "model.onnx", Heard()

    def planned(link: Link | None = None, *, for_contracts: bool = False) -> str:
        return plan(
            model,
            cuts=Cuts(blocks=1),
            shapes={},
            scale_bits=8,
            link=link,
            prover="auto",
            for_contracts=for_contracts,
            machine=machine,
            fit=False,
            observer=heard,
        ).prover

    assert planned() == "sumcheck" and "fast" in heard.notes[-1]
    assert planned(Link.POSEIDON) == "ezkl" and "poseidon" in heard.notes[-1]
    assert planned(for_contracts=True) == "ezkl" and "contract" in heard.notes[-1]
    with pytest.raises(UsageConflict, match="merkle"):
        planned(Link.MERKLE, for_contracts=True)


def test_auditors_need_neither_numba_nor_onnx(digits: Chain, tmp_path: Path) -> None:
    for name in ("numba", "onnx", "onnxruntime", "torch", "h5py"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} is not for auditors')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def zkdps(*args: str | Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "zkdps", *map(str, args)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    given: list[str | Path] = [
        "--input",
        digits.folder / "input.npz",
        "--output",
        digits.folder / "output.npz",
    ]
    zkdps("verify", digits.run, "--key", digits.key, "--independent", *given)
    zkdps("inspect", digits.key)
    zkdps("report", digits.run, "--key", digits.key, "-o", tmp_path / "page.html")
