"""`report` and `report_key`: the page and the exit code tell the truth, whatever the run is.

The back end is a stand-in that knows an honest proof from another; the real one is in
`tests/cli/test_chain.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.core import synthetic
from tests.reporting import samples
from tests.reporting.outline import read
from zkdps.cli import run as command
from zkdps.core.canonical import canonical_json
from zkdps.core.errors import CheckFailed, MalformedArchive, StalePackage, UnreadableFile
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.model_key import Accuracy, ErrorBound, ModelKey
from zkdps.core.plan import TensorSpec
from zkdps.core.run import Run
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Commitment, Link, Proof, Statement
from zkdps.workflows import report as work
from zkdps.workflows.archive import write_archive
from zkdps.workflows.reports import Machine
from zkdps.workflows.tensor_files import write_tensors


class StandIn:
    """Takes `proof N` for block N's proof."""

    name = "ezkl"
    needs_srs = True
    jobs = 1

    def __init__(self, kind: SrsKind) -> None:
        self._kind = kind

    def is_development(self, trust: Mapping[str, bytes]) -> bool:
        return self._kind is SrsKind.DEVELOPMENT

    def check_material(self, *anything: object) -> Mapping[str, str]:
        """Whatever the key holds."""
        return {}

    def close(self) -> None:
        """Nothing is open."""

    def verify(
        self,
        material: Mapping[str, bytes],
        trust: Mapping[str, bytes],
        statement: Statement,
        proof: Proof,
        context: bytes = b"",
    ) -> None:
        if proof.data != b"proof %d" % statement.block:
            raise CheckFailed(5, "the proof does not verify", block=statement.block)

    def commit(
        self, material: Mapping[str, bytes], link: Link, spec: TensorSpec, tensor: FixedTensor
    ) -> Commitment:
        return synthetic.commit(0, spec, tensor)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def open_stand_in(name: str, machine: Machine, standby: int = 0) -> Iterator[StandIn]:
        yield StandIn(SrsKind.DEVELOPMENT)

    monkeypatch.setattr("zkdps.workflows.verify.open_prover", open_stand_in)
    monkeypatch.setattr("zkdps.workflows.report.open_prover", open_stand_in)


class Files:
    """A run, its key and a page to write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run, self.key, self.page = (folder / n for n in ("r.zkrun", "m.zkvk", "page.html"))
        self.write()

    def write(self, run: Run | None = None, key: ModelKey | None = None) -> None:
        """These, or honest ones."""
        of = key or synthetic.key()
        write_archive(self.key, of.members())
        write_archive(self.run, (run or synthetic.run(of)).members())

    def report(self, *more: str) -> int:
        """The exit code of `zkdps report`."""
        args = ["report", str(self.run), "--key", str(self.key), "-o", str(self.page), "-q"]
        return command([*args, *more])

    def headline(self) -> str:
        """The page's first heading."""
        return read(self.page.read_text(encoding="utf-8")).one("h1").text


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def relabelled(run: Run) -> Run:
    """The run with the id that its claims have."""
    return replace(run, run_id=run.computed_id)


def other_proof(run: Run, block: int) -> Run:
    """The run with another proof for a block."""
    receipts = list(run.receipts)
    receipts[block] = replace(receipts[block], proof=Proof(b"another"))
    return replace(run, receipts=tuple(receipts))


def flawed() -> dict[int, Run]:
    """Runs by the check that they fail."""
    honest = synthetic.run()
    foreign = synthetic.commit(0, synthetic.plan().specs["x"], synthetic.tensor("g"))
    residual = honest.receipts[2].statement.inputs[1]
    return {
        2: relabelled(replace(honest, key_digest="00" * 32)),
        4: relabelled(replace(honest, receipts=honest.receipts[:2])),
        5: other_proof(honest, 1),
        6: relabelled(synthetic.with_statement(honest, 2, inputs=(foreign, residual))),
    }


def test_a_good_run(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert files.report("--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["verified"] is True and record["failure"] is None
    assert record["page"] == str(files.page) and len(record["checks"]) == 11
    assert files.headline() == "Verified, for development only"
    assert files.report() == 0
    assert "DEVELOPMENT SRS" in capsys.readouterr().out


@pytest.mark.parametrize("check", [2, 4, 5, 6])
def test_a_run_that_fails_has_a_page_and_exit_code_1(
    check: int, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.write(run=flawed()[check])
    assert files.report("--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert record["verified"] is False and record["failure"]["check"] == check
    assert [each["check"] for each in record["checks"]] == list(range(1, check))
    assert files.headline() == "Not verified"
    assert f"Check {check} failed" in files.page.read_text(encoding="utf-8")
    assert files.report() == 1
    assert f"NOT verified: check {check} failed" in capsys.readouterr().out


def test_a_file_that_is_no_run(files: Files) -> None:
    files.run.write_bytes(files.run.read_bytes()[:-9])
    assert files.report() == 1
    text = files.page.read_text(encoding="utf-8")
    assert "Check 1 failed" in text and files.headline() == "Not verified"
    assert synthetic.key().digest not in text, "nothing is shown of files that do not parse"


@pytest.mark.parametrize(
    ("demand", "check"),
    [
        (["--key-digest", "00" * 32], 2),
        (["--require-production-srs"], 3),
        (["--require-input"], 7),
        (["--require-output"], 8),
    ],
)
def test_demands_that_are_not_met(demand: list[str], check: int, files: Files) -> None:
    assert files.report(*demand) == 1
    assert f"Check {check} failed" in files.page.read_text(encoding="utf-8")


def test_both_ends_compared(files: Files) -> None:
    for name, values in (("x", synthetic.tensor("x")), ("y", synthetic.tensor("y"))):
        write_tensors(files.folder / f"{name}.npz", {name: values.reals})
    ends = ["--input", str(files.folder / "x.npz"), "--output", str(files.folder / "y.npz")]
    assert files.report(*ends, "--key-digest", synthetic.key().digest) == 0
    limits = next(
        each
        for each in read(files.page.read_text(encoding="utf-8")).all("section")
        if each.attributes["id"] == "limits"
    )
    assert "--input" not in limits.text and "--key-digest" not in limits.text
    np.savez(files.folder / "y.npz", y=synthetic.tensor("y").reals + 1)
    assert files.report(*ends) == 1
    assert "Check 8 failed" in files.page.read_text(encoding="utf-8")


def test_the_same_files_make_the_same_bytes(files: Files) -> None:
    pages = []
    for name in ("a.html", "b.html"):
        files.page = files.folder / name
        files.report()
        pages.append(files.page.read_bytes())
    assert pages[0] == pages[1]


def with_accuracy(files: Files, agrees: bool) -> Path:
    """A package whose accuracy report is the key's, or is not."""
    found = samples.accuracy()
    folder = files.folder / "PKG" / "calibrated"
    folder.mkdir(parents=True)
    (folder / "accuracy.json").write_bytes(canonical_json(found.to_json()))
    bound = found.for_key() if agrees else Accuracy(10, synthetic.DIGEST, (ErrorBound("y", 1),))
    files.write(key=replace(synthetic.key(), accuracy=bound))
    return folder.parent


def test_the_packages_accuracy(files: Files) -> None:
    package = with_accuracy(files, agrees=True)
    assert files.report("--package", str(package)) == 0
    assert len(read(files.page.read_text(encoding="utf-8")).all("circle")) == 9


def test_another_models_package_is_refused(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    package = with_accuracy(files, agrees=False)
    assert files.report("--package", str(package)) == 2
    assert "is not the one the key was made with" in capsys.readouterr().err
    assert not files.page.exists()
    machine = Machine(files.folder)
    with pytest.raises(StalePackage):
        work.report_key(files.key, files.page, package=package, machine=machine)
    with pytest.raises(UnreadableFile):
        work.report_key(files.key, files.page, package=files.folder, machine=machine)


def test_a_key_by_itself(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    pages = []
    for args in ([str(files.key)], ["--key", str(files.key)]):
        assert command(["report", *args, "-o", str(files.page), "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["verified"] is None and record["key_digest"] == synthetic.key().digest
        pages.append(files.page.read_bytes())
    assert pages[0] == pages[1] and files.headline() == "Model key of toy"


def test_a_key_that_lies_about_its_srs(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.write(key=synthetic.key(SrsKind.CEREMONY))
    assert command(["report", str(files.key), "-o", str(files.page)]) == 1
    assert "check 3 failed" in capsys.readouterr().out
    assert "Do not use this key" in files.page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["-o", "{page}"], "FILE or --key is missing"),
        (["{run}", "-o", "{page}"], "is a run: give the model key"),
        (["{key}", "-o", "{page}", "--require-input"], "what you demand of a run"),
        (["{key}", "-o", "{page}", "--input", "{run}"], "--input: a run is needed"),
        (["{run}", "--key", "{key}", "-o", "{folder}/no/page.html"], "there is no folder"),
        (["{run}", "--key", "{key}", "-o", "{page}", "--package", "{key}"], "a folder is needed"),
        (["{folder}/none", "--key", "{key}", "-o", "{page}"], "there is no such file"),
    ],
)
def test_wrong_usage(
    args: list[str], part: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"run": files.run, "key": files.key, "page": files.page, "folder": files.folder}
    assert command(["report", *(arg.format(**names) for arg in args)]) == 2
    assert part in capsys.readouterr().err
    assert not files.page.exists()


def test_a_malformed_key_has_no_page(files: Files) -> None:
    files.key.write_bytes(b"not a zip")
    with pytest.raises(MalformedArchive):
        work.report_key(files.key, files.page, machine=Machine(files.folder))
    assert not files.page.exists()


def test_values_that_are_no_tensors_are_the_auditors_own_fault(files: Files) -> None:
    np.savez(files.folder / "x.npz", other=np.zeros(3))
    assert files.report("--input", str(files.folder / "x.npz")) == 2
    assert not files.page.exists()
