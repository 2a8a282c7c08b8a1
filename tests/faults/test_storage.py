"""Disk full: the error and its hint, no half file, and the same command succeeds with room."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.commands import Ended, assert_refused, listing, litter, zkdps
from tests.faults.conftest import BUILD_STEPS, Ground, run_id_of

MB = 1 << 20
ROOMY_BYTES = 256 * MB
SmallDisk = Callable[[int], Path]


def assert_storage_failed(ended: Ended) -> None:
    assert_refused(ended, "StorageFailed", 2, "cannot write")
    assert "free space" in ended.error["hint"], ended


def whole_steps(folder: Path) -> dict[str, str]:
    """Files of finished steps; each must have the digest that its record says."""
    found = listing(folder)
    for record in (folder / "steps").glob("*.json"):
        name = record.stem.replace(".", "/") if record.stem.startswith("circuits") else record.stem
        for file, digest in json.loads(record.read_bytes())["files"].items():
            assert found[f"{name}/{file}"] == digest, f"{name}/{file} is not whole"
    return found


def test_build(ground: Ground, small_disk: SmallDisk) -> None:
    """A disk that grows: room for no step, for one, for no key, for two keys; then for all."""
    for size_bytes in (16 << 10, 64 << 10, 8 * MB, 30 * MB):
        package = small_disk(size_bytes) / "PKG"
        assert_storage_failed(zkdps(*ground.build(package)))
        assert not (package / "model.zkvk").exists()
        whole_steps(package)
        assert not litter(package)
    small_disk(ROOMY_BYTES)
    ended = zkdps(*ground.build(package))
    assert ended.code == 0, ended
    assert (package / "model.zkvk").read_bytes() == ground.key


def test_build_without_room_for_temporary_files(
    ground: Ground, tmp_path: Path, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(small_disk(8 << 10)))
    package = tmp_path / "PKG"
    assert_storage_failed(zkdps(*ground.build(package)))
    assert not litter(tmp_path)
    small_disk(ROOMY_BYTES)
    assert zkdps(*ground.build(package)).code == 0


def test_prove(ground: Ground, small_disk: SmallDisk) -> None:
    """Room for nothing, then for the execution only, then for all."""
    for size_bytes in (4 << 10, 32 << 10):
        run = small_disk(size_bytes) / "r.zkrun"
        assert_storage_failed(zkdps(*ground.prove(run)))
        assert not run.exists()
    small_disk(ROOMY_BYTES)
    assert run_id_of(zkdps(*ground.prove(run))) == ground.run_id
    assert not litter(run.parent)


def test_prove_without_room_for_temporary_files(
    ground: Ground, tmp_path: Path, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(small_disk(20 << 10)))
    run = tmp_path / "r.zkrun"
    assert_storage_failed(zkdps(*ground.prove(run)))
    assert not run.exists()
    small_disk(ROOMY_BYTES)
    assert run_id_of(zkdps(*ground.prove(run))) == ground.run_id


def test_srs_make(ground: Ground, small_disk: SmallDisk) -> None:
    cache = small_disk(256 << 10)
    args = ["srs", "make", "--logrows", "12", "--cache", str(cache), "--json"]
    assert_storage_failed(zkdps(*args))
    assert not litter(cache) and not list(cache.rglob("*.srs"))
    small_disk(ROOMY_BYTES)
    assert zkdps(*args).code == 0
    made = cache / "srs" / "development" / "12.srs"
    assert made.read_bytes() == (ground.cache / "srs" / "development" / "12.srs").read_bytes()


def test_plan(
    ground: Ground, tmp_path: Path, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probes' keys fit neither; nothing but a finished SRS stays."""
    args = ["plan", str(ground.folder / "model.onnx"), "--blocks", "2", "--json"]
    args += ["--cache", str(tmp_path / "cache")]
    monkeypatch.setenv("TMPDIR", str(small_disk(MB)))
    assert_storage_failed(zkdps(*args))
    assert not litter(tmp_path)
    assert not list((tmp_path / "cache").rglob("machine-*"))


def limit_files(size_bytes: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))

    return limit


def test_a_limit_on_files_in_build(ground: Ground, tmp_path: Path) -> None:
    """Needs no root: the proving key, 13 MB, is larger than files may be."""
    package = tmp_path / "PKG"
    assert_storage_failed(zkdps(*ground.build(package), before=limit_files(4 * MB)))
    assert not litter(tmp_path)
    ended = zkdps(*ground.build(package))
    assert tuple(ended.reused) == BUILD_STEPS[:2], ended
    assert (package / "model.zkvk").read_bytes() == ground.key


def test_a_limit_on_files_in_prove(ground: Ground, tmp_path: Path) -> None:
    run = tmp_path / "r.zkrun"
    assert_storage_failed(zkdps(*ground.prove(run), before=limit_files(2 << 10)))
    assert not run.exists() and not litter(tmp_path), listing(tmp_path)
    assert run_id_of(zkdps(*ground.prove(run))) == ground.run_id


def test_a_limit_on_files_in_srs_make(tmp_path: Path) -> None:
    args = ["srs", "make", "--logrows", "8", "--cache", str(tmp_path / "cache"), "--json"]
    assert_storage_failed(zkdps(*args, before=limit_files(4 << 10)))
    assert not litter(tmp_path) and not list(tmp_path.rglob("*.srs"))
    assert zkdps(*args).code == 0
