"""One undisturbed build and prove, that every disturbed one is compared with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.commands import Ended, zkdps
from tests.faults.models import CUTS, write_files

BUILD_STEPS = ("sliced", "calibrated", "circuits/0", "circuits/1", "circuits/2")
PROVE_STEPS = ("executed", "block-0", "block-1", "block-2")


@dataclass(frozen=True)
class Ground:
    """Files of an undisturbed build and prove; nobody changes them."""

    folder: Path
    cache: Path
    run_id: str

    @property
    def package(self) -> Path:
        return self.folder / "PKG"

    @property
    def key(self) -> bytes:
        return (self.package / "model.zkvk").read_bytes()

    @property
    def run(self) -> Path:
        return self.folder / "r.zkrun"

    def build(self, package: Path, *, cache: Path | None = None) -> list[str]:
        """Arguments of a build."""
        cuts = [word for name in CUTS for word in ("--cut", name)]
        files = ["--data", str(self.folder / "calib.npz"), "-o", str(package)]
        model = str(self.folder / "model.onnx")
        return ["build", model, *files, *cuts, "--cache", str(cache or self.cache), "--json"]

    def prove(self, run: Path, *, package: Path | None = None) -> list[str]:
        """Arguments of a prove."""
        files = [str(package or self.package), "--input", str(self.folder / "x.npz")]
        return ["prove", *files, "-o", str(run), "--cache", str(self.cache), "--json"]

    def copy(self, target: Path) -> Path:
        """A package of one's own."""
        shutil.copytree(self.package, target)
        return target


def run_id_of(ended: Ended) -> str:
    assert ended.code == 0, ended
    return str(json.loads(ended.stdout)["run_id"])


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("ground")
    write_files(folder)
    unproved = Ground(folder, tmp_path_factory.mktemp("cache"), "")
    built = zkdps(*unproved.build(unproved.package))
    assert built.code == 0, built
    assert tuple(built.finished) == BUILD_STEPS, built
    proved = zkdps(*unproved.prove(unproved.run))
    assert tuple(proved.finished) == PROVE_STEPS, proved
    return Ground(folder, unproved.cache, run_id_of(proved))


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands' TMPDIR, so that what they leave there is seen."""
    folder = tmp_path / "tmpdir"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("ZKDPS_CACHE", raising=False)
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system of so many bytes; called again it gets that size."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system takes root; the RLIMIT_FSIZE tests run anywhere")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def mount(size_bytes: int) -> Path:
        nonlocal mounted
        options = f"size={size_bytes},mode=777" if not mounted else f"remount,size={size_bytes}"
        command = ["mount", "-t", "tmpfs", "-o", options, "zkdps-faults", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and not mounted:
            pytest.skip(f"this machine forbids mounting a tmpfs: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        mounted = True
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)
