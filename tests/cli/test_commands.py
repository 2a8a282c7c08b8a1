"""Commands hand on exactly what was asked, under the workflows' own parameter names."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli import samples
from zkdps.cli import run
from zkdps.core.errors import CheckFailed
from zkdps.core.policy import Policy
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Coverage, Link
from zkdps.workflows.reports import Cuts, Machine, WarmReport

Spy = Callable[[str, object], dict[str, Any]]
MODEL = "zkdps/workflows/data/digits.onnx"
FILE = "pyproject.toml"


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """Replaces `MODULE.NAME` by a stand-in that binds its arguments to the real signature."""

    def install(path: str, result: object) -> dict[str, Any]:
        module_name, _, name = path.rpartition(".")
        module = importlib.import_module(f"zkdps.workflows.{module_name}")
        signature = inspect.signature(getattr(module, name))
        asked: dict[str, Any] = {}

        def stand_in(*args: object, **kwargs: object) -> object:
            asked.update(signature.bind(*args, **kwargs).arguments)
            missing = set(signature.parameters) - set(asked)
            assert missing <= {"scale_bits"}, f"{path} was left to default {missing}"
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(module, name, stand_in)
        return asked

    return install


def test_plan(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spy("plan.plan", samples.plan_report())
    args = ["plan", MODEL, "--max-ram", "1GiB", "--max-seconds", "9", "--shape", "x=1,8"]
    choices = ["--link", "public", "--cache", "C", "--timeout", "5", "--no-fit"]
    assert run([*args, *choices]) == 0
    del asked["observer"]
    assert asked == {
        "model": Path(MODEL),
        "cuts": Cuts(max_ram_bytes=1 << 30, max_s=9.0),
        "shapes": {"x": (1, 8)},
        "scale_bits": 8,
        "link": Link.PUBLIC,
        "prover": "ezkl",
        "for_contracts": False,
        "security": None,
        "fit": False,
        "machine": Machine(Path("C"), 5.0),
    }
    assert "block 0" in capsys.readouterr().out


def test_list_tensors(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spy("plan.list_tensors", samples.plan().tensors)
    assert run(["plan", MODEL, "--list-tensors", "--json"]) == 0
    assert asked["shapes"] == {}
    assert len(json.loads(capsys.readouterr().out)["tensors"]) == 4


def test_build(spy: Spy, tmp_path: Path) -> None:
    asked = spy("build.build", samples.build_report())
    args = ["build", MODEL, "--data", FILE, "-o", str(tmp_path / "P"), "--cut", "a", "--cut", "b"]
    assert run([*args, "--target-error", "0.01", "--srs", "ceremony", "--margin", "3"]) == 0
    assert asked["cuts"] == Cuts(tensors=("a", "b"))
    assert (asked["scale_bits"], asked["target_error"]) == (None, 0.01)
    assert (asked["srs_kind"], asked["margin"]) == (SrsKind.CEREMONY, 3.0)
    assert asked["link"] is None
    assert (asked["prover"], asked["security"], asked["for_contracts"]) == ("ezkl", None, False)


def test_prove_writes_the_outputs(spy: Spy, tmp_path: Path) -> None:
    asked = spy("prove.prove", samples.prove_report())
    file = tmp_path / "y.npz"
    args = ["prove", "tests", "--input", FILE, "-o", str(tmp_path / "r"), "--max-ram", "2GiB"]
    assert run([*args, "--with-tensors", "--output-file", str(file)]) == 0
    assert asked["with_tensors"] is True and asked["machine"].memory_bytes == 2 << 30
    with np.load(file) as arrays:
        assert np.array_equal(arrays["y"], samples.prove_report().outputs["y"])


def test_a_failed_prove_leaves_no_output_file(spy: Spy, tmp_path: Path) -> None:
    spy("prove.prove", CheckFailed(5, "no"))
    file = tmp_path / "y.npz"
    args = ["prove", "tests", "--input", FILE, "-o", str(tmp_path / "r")]
    assert run([*args, "--output-file", str(file)]) == 1
    assert not file.exists()


def test_prove_many(spy: Spy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spy("prove.prove_many", (samples.prove_report(),) * 2)
    assert run(["prove", "tests", "--inputs-dir", "docs", "-o", str(tmp_path), "--json"]) == 0
    assert asked["inputs_dir"] == Path("docs") and asked["runs_dir"] == tmp_path
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 2


def test_verify(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spy("verify.verify", samples.verdict())
    args = ["verify", FILE, "--key", FILE, "--input", FILE, "--key-digest", "AB" * 32]
    demands = ["--require-production-srs", "--require-input", "--policy", "agreed"]
    assert run([*args, *demands, "--json"]) == 0
    assert asked["policy"] == Policy(Coverage.AGREED, "ab" * 32, True, True, False)
    assert (asked["inputs"], asked["outputs"]) == (Path(FILE), None)
    record = json.loads(capsys.readouterr().out)
    assert record["verified"] is True and len(record["checks"]) == 11
    assert record["srs"]["kind"] == "development" and record["coverage"] == {"proved": 3}


def test_the_default_policy_is_the_strictest_about_coverage(spy: Spy) -> None:
    asked = spy("verify.verify", samples.verdict())
    assert run(["verify", FILE, "--key", FILE]) == 0
    assert asked["policy"] == Policy()


def test_a_failed_check_is_no_verdict(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    spy("verify.verify", CheckFailed(6, "spliced", block=2, expected="a", got="b"))
    assert run(["verify", FILE, "--key", FILE, "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert "verified" not in record
    assert (record["error"]["check"], record["error"]["block"]) == (6, 2)


@pytest.mark.parametrize(("problem", "code"), [(None, 0), ("it is truncated", 2)])
def test_inspect(
    spy: Spy, problem: str | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    spy("inspect.inspect", samples.inspection(problem))
    assert run(["inspect", FILE]) == code
    assert "nothing of this was verified" in capsys.readouterr().out


def test_inspect_bounds(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spy("bounds.inspect_bounds", samples.bounds_report())
    assert run(["inspect", "docs", "--bounds", "--json"]) == 0
    assert asked == {"package": Path("docs")}
    (row,) = json.loads(capsys.readouterr().out)["blocks"][0]["relations"]
    assert row["unique"] is True and row["integer"] is True
    assert run(["inspect", FILE, "--bounds"]) == 2
    assert "a folder is needed" in capsys.readouterr().err


def test_audit(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spy("audit.audit_key", samples.audit_report())
    assert run(["key", "audit", MODEL, FILE, "--shape", "x=1"]) == 0
    assert asked["shapes"] == {"x": (1,)}
    assert capsys.readouterr().out.endswith("2 parts recomputed, all agree\n")


def test_srs(spy: Spy, capsys: pytest.CaptureFixture[str]) -> None:
    assert spy("srs.make_srs", samples.srs_file()) == {}
    assert run(["srs", "make", "--logrows", "12", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["logrows"] == 12
    imported = spy("srs.import_srs", (samples.srs_file(),))
    assert run(["srs", "import", FILE, "--source", "s", "--sha256", "ab" * 32]) == 0
    assert imported["expected_sha256"] == "ab" * 32 and imported["source"] == "s"
    spy("srs.check_srs", samples.srs_file())
    assert run(["srs", "check", FILE]) == 0
    spy("srs.list_srs", ())
    capsys.readouterr()
    assert run(["srs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"srs": []}


@pytest.mark.parametrize(("was_warm", "word"), [(True, "loaded"), (False, "compiled")])
def test_warm(spy: Spy, was_warm: bool, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    spy("warm.warm", WarmReport(12.0, was_warm))
    assert run(["warm"]) == 0
    assert capsys.readouterr().out == f"kernels {word} in 12.0 s: ready to prove\n"
    assert run(["warm", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"seconds": 12.0, "was_warm": was_warm}


def test_what_chooses_a_back_end(spy: Spy, tmp_path: Path) -> None:
    asked = spy("build.build", samples.build_report())
    args = ["build", MODEL, "--data", FILE, "-o", str(tmp_path / "P"), "--prover", "auto"]
    assert run([*args, "--security", "128", "--for-contracts", "--link", "merkle"]) == 0
    chosen = (asked["prover"], asked["security"], asked["for_contracts"], asked["link"])
    assert chosen == ("auto", "128", True, Link.MERKLE)


def test_jobs_reach_the_machine(spy: Spy, tmp_path: Path) -> None:
    asked = spy("prove.prove", samples.prove_report())
    args = ["prove", "tests", "--input", FILE, "-o", str(tmp_path / "r")]
    assert run(args) == 0
    assert (asked["machine"].jobs, asked["self_check"]) == (None, False)
    assert run([*args, "--jobs", "3", "--self-check"]) == 0
    assert (asked["machine"].jobs, asked["self_check"]) == (3, True)
    assert run([*args, "--jobs", "0"]) == 2


@pytest.mark.parametrize(("is_fine", "code"), [(True, 0), (False, 1)])
def test_doctor(spy: Spy, is_fine: bool, code: int) -> None:
    spy("doctor.doctor", samples.findings(is_fine))
    assert run(["doctor"]) == code


@pytest.mark.parametrize(("args", "name"), [([], "digits"), (["transformer"], "transformer")])
def test_demo(spy: Spy, args: list[str], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spy("demo.demo", samples.demo_report())
    assert run(["demo", *args]) == 0
    assert asked["name"] == name and asked["folder"] is None
    assert capsys.readouterr().out.splitlines()[-1].startswith("verified")


def test_the_cache_follows_the_environment(
    spy: Spy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = spy("srs.list_srs", ())
    monkeypatch.delenv("ZKDPS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run(["srs", "list"])
    assert asked["machine"].cache == tmp_path / "zkdps"
    monkeypatch.setenv("ZKDPS_CACHE", str(tmp_path / "mine"))
    run(["srs", "list"])
    assert asked["machine"].cache == tmp_path / "mine"


def test_the_real_inspect_and_doctor_through_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["inspect", MODEL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "ONNX model"
    assert run(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["works"] is True
