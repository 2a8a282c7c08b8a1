"""Starting up loads little, and the Python API is exactly its list."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import zkdps
from zkdps.core.errors import CheckFailed

ROOT = Path(__file__).parents[2]
HEAVY = ("onnx", "onnxruntime", "torch", "ezkl", "numpy", "rich", "matplotlib", "h5py", "py_ecc")


def modules_after(*args: str) -> set[str]:
    """Top-level modules loaded by `zkdps ARGS`, in a process of its own."""
    script = (
        "import sys; from zkdps.cli import run; code = run(sys.argv[1:]);"
        "print('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *args], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["build", "--help"], ["srs"]])
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    assert modules_after(*args).isdisjoint(HEAVY)


def test_verify_loads_neither_models_nor_plots(tmp_path: Path) -> None:
    run, key = tmp_path / "run.zkrun", tmp_path / "model.zkvk"
    run.write_bytes(b"not a zip")
    key.write_bytes(b"not a zip")
    loaded = modules_after("verify", str(run), "--key", str(key))
    assert "zipfile" in loaded, "the workflow was not reached"
    # Nor numpy: the workers of a sound key are started before it is imported.
    assert loaded.isdisjoint({"torch", "onnxruntime", "onnx", "matplotlib", "h5py", "numpy"})


@pytest.mark.parametrize("command", [["-m", "zkdps"], ["cli.py"]])
def test_it_starts_as_a_module_and_as_a_script(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command, "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, f"zkdps {zkdps.__version__}\n")


def test_all_is_exactly_the_verbs() -> None:
    assert zkdps.__all__ == [
        "__version__",
        "audit_key",
        "build",
        "check_srs",
        "demo",
        "doctor",
        "export",
        "import_srs",
        "inspect",
        "inspect_bounds",
        "list_srs",
        "list_tensors",
        "make_srs",
        "plan",
        "prove",
        "prove_many",
        "report",
        "report_key",
        "verify",
        "warm",
    ]
    assert zkdps.__all__ == sorted(zkdps.__all__)
    assert set(zkdps.__all__) <= set(dir(zkdps))


@pytest.mark.parametrize("name", sorted(set(zkdps.__all__) - {"__version__"}))
def test_every_verb_is_a_function(name: str) -> None:
    verb = getattr(zkdps, name)
    assert callable(verb) and verb.__name__ == name


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rebuild'"):
        zkdps.rebuild  # noqa: B018


def test_the_api_raises_our_errors(tmp_path: Path) -> None:
    from zkdps.workflows.reports import Machine

    for name in ("run", "key"):
        (tmp_path / name).write_bytes(b"not a zip")
    with pytest.raises(CheckFailed) as caught:
        zkdps.verify(tmp_path / "run", tmp_path / "key", machine=Machine(tmp_path))
    assert caught.value.check == 1


def test_the_version_is_the_distributions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert zkdps.__version__ == project["version"]
