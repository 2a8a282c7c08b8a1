"""The commands one after the other, on the real thing: demo, verify, prove, inspect, audit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Demo
from zkdps.cli import run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(digits_demo: Demo) -> Iterator[Path]:
    """What `zkdps demo` leaves behind."""
    assert digits_demo.done.returncode == 0, digits_demo.done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZKDPS_CACHE", str(digits_demo.cache))
        yield digits_demo.folder


def verify(folder: Path, *more: str) -> list[str]:
    key = folder / "package" / "model.zkvk"
    return ["verify", str(folder / "run.zkrun"), "--key", str(key), *more]


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """The one JSON object on stdout."""
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_an_auditor_who_knows_both_ends(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    ends = ["--input", str(folder / "input.npz"), "--output", str(folder / "output.npz")]
    assert run(verify(folder, *ends, "--require-input", "--require-output", "--json")) == 0
    record = result(capsys)
    checks = record["checks"]
    assert isinstance(checks, list)
    assert [check["status"] for check in checks if check["check"] in (7, 8)] == ["passed"] * 2
    digest = str(record["key_digest"])
    assert run(verify(folder, "--key-digest", digest)) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("verified: 4 of 4 blocks proved")


@pytest.mark.parametrize(
    ("more", "check"),
    [(["--key-digest", "0" * 64], 2), (["--require-production-srs"], 3), (["--require-input"], 7)],
)
def test_demands_that_are_not_met(
    folder: Path, more: list[str], check: int, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(verify(folder, *more, "--json")) == 1
    error = result(capsys)["error"]
    assert isinstance(error, dict) and error["check"] == check


def test_another_output_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(folder / "output.npz") as arrays:
        np.savez(tmp_path / "y.npz", **{name: arrays[name] + 1 for name in arrays.files})
    capsys.readouterr()
    assert run(verify(folder, "--output", str(tmp_path / "y.npz"), "--json")) == 1
    error = result(capsys)["error"]
    assert isinstance(error, dict) and error["check"] == 8


def test_proving_again_gives_the_same_id_and_the_outputs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(verify(folder, "--json")) == 0
    first = result(capsys)["run_id"]
    args = ["prove", str(folder / "package"), "--input", str(folder / "input.npz"), "--json"]
    files = ["-o", str(tmp_path / "again.zkrun"), "--output-file", str(tmp_path / "y.npz")]
    assert run([*args, *files]) == 0
    assert result(capsys)["run_id"] == first
    with np.load(tmp_path / "y.npz") as got, np.load(folder / "output.npz") as expected:
        assert np.array_equal(got["logits"], expected["logits"])
    ends = ["--output", str(tmp_path / "y.npz")]
    assert run(verify(folder, *ends)) == 0


def test_inspect_and_audit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = str(folder / "package" / "model.zkvk")
    for path, kind in ((key, "model key"), (str(folder / "run.zkrun"), "run")):
        capsys.readouterr()
        assert run(["inspect", path, "--json"]) == 0
        assert result(capsys)["kind"] == kind
    assert run(["key", "audit", str(folder / "model.onnx"), key, "--json"]) == 0
    assert result(capsys)["agrees"] is True


def report(folder: Path, page: Path, *more: str) -> list[str]:
    return ["report", *verify(folder)[1:], "-o", str(page), *more]


def test_the_page_of_a_run(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert run(report(folder, page, "--package", str(folder / "package"), "--json")) == 0
    assert result(capsys)["verified"] is True
    text = page.read_text(encoding="utf-8")
    assert "Verified, for development only" in text and text.count("<circle") > 100
    assert run(report(folder, page, "--require-production-srs", "--json")) == 1
    assert result(capsys)["verified"] is False
    assert "Check 3 failed" in page.read_text(encoding="utf-8")


def test_the_page_of_a_key(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run(["report", str(folder / "package" / "model.zkvk"), "-o", str(page)]) == 0
    assert "Model key of model" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", ["verify", "report"])
def test_an_auditor_loads_no_model_software(folder: Path, tmp_path: Path, verb: str) -> None:
    script = (
        "import sys; from zkdps.cli import run; code = run(sys.argv[1:]);"
        "print(' '.join({name.partition('.')[0] for name in sys.modules})); sys.exit(code)"
    )
    args = verify(folder) if verb == "verify" else report(folder, tmp_path / "page.html")
    done = subprocess.run(
        [sys.executable, "-c", script, *args], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded.isdisjoint({"torch", "onnxruntime", "onnx", "matplotlib", "h5py", "ezkl"})
