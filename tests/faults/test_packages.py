"""Damaged packages: `prove` says StalePackage and makes nothing; the same build repairs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.commands import assert_refused, called, listing
from tests.faults.conftest import BUILD_STEPS, Ground
from zkdps.core.canonical import canonical_json
from zkdps.workflows.archive import read_archive, write_archive

Damage = Callable[[Path], None]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    # What stands in the middle of srs.json is for people and decides nothing.
    digest = data.find(b'"sha256":"')
    data[len(data) // 2 if digest < 0 else digest + 12] ^= 0x55
    path.write_bytes(bytes(data))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


READ_BY_PROVE = {
    "circuits/1/circuit.ezkl": "circuits/1",
    "circuits/1/settings.json": "circuits/1",
    "circuits/1/pk.key": "circuits/1",
    "circuits/1/srs.json": "circuits/1",
    "sliced/1.onnx": "sliced",
    "model.zkvk": None,
}
"""File to the step that makes it again."""
NOT_READ_BY_PROVE = {
    "circuits/1/vk.key": "circuits/1",
    "steps/circuits.1.json": "circuits/1",
    "steps/calibrated.json": "calibrated",
    "calibrated/chain.json": "calibrated",
    "sliced/groups.json": "sliced",
}


def assert_repaired(ground: Ground, package: Path, step: str | None) -> None:
    ended = called(*ground.build(package))
    assert ended.code == 0, ended
    assert ended.finished == ([] if step is None else [step]), ended
    assert set(ended.reused) == set(BUILD_STEPS) - {step}, ended
    assert (package / "model.zkvk").read_bytes() == ground.key


@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink], ids=["flip", "cut", "delete"])
@pytest.mark.parametrize("file", READ_BY_PROVE)
def test_a_file_that_prove_reads(ground: Ground, tmp_path: Path, file: str, damage: Damage) -> None:
    package, run = ground.copy(tmp_path / "PKG"), tmp_path / "r.zkrun"
    damage(package / file)
    before = listing(package)
    ended = called(*ground.prove(run, package=package))
    assert_refused(ended, "StalePackage", 2)
    assert not run.exists()
    assert listing(package) == before
    if damage is flip:
        assert_repaired(ground, package, READ_BY_PROVE[file])


@pytest.mark.parametrize("file", NOT_READ_BY_PROVE)
def test_a_file_that_only_build_reads(ground: Ground, tmp_path: Path, file: str) -> None:
    package = ground.copy(tmp_path / "PKG")
    truncate(package / file)
    assert_repaired(ground, package, NOT_READ_BY_PROVE[file])


def with_version(path: Path, version: int) -> None:
    members = read_archive(path)
    (name,) = (name for name in members if name.endswith("manifest.json") or name == "key.json")
    record = json.loads(members[name])
    record["version"] = version
    write_archive(path, {**members, name: canonical_json(record)})


def test_a_key_of_an_unknown_version(ground: Ground, tmp_path: Path) -> None:
    package = ground.copy(tmp_path / "PKG")
    key, run = package / "model.zkvk", tmp_path / "r.zkrun"
    with_version(key, 99)
    assert_refused(called(*ground.prove(run, package=package)), "StalePackage", 2, "99")
    assert not run.exists()
    ended = called("verify", ground.run, "--key", key, "--cache", ground.cache, "--json")
    assert ended.code in (1, 2), ended
    assert_refused(ended, ended.error["class"], ended.code, "99")


def test_a_run_of_an_unknown_version(ground: Ground, tmp_path: Path) -> None:
    run = tmp_path / "r.zkrun"
    run.write_bytes(ground.run.read_bytes())
    with_version(run, 99)
    key = ground.package / "model.zkvk"
    ended = called("verify", run, "--key", key, "--cache", ground.cache, "--json")
    assert_refused(ended, ended.error["class"], ended.code, "99")


@pytest.mark.parametrize("kind", ["no package", "no key", "a file"])
def test_what_is_no_package(ground: Ground, tmp_path: Path, kind: str) -> None:
    package, run = tmp_path / "PKG", tmp_path / "r.zkrun"
    if kind == "no key":
        (package / "steps").mkdir(parents=True)
    elif kind == "a file":
        package.write_bytes(b"")
    before = listing(tmp_path)
    ended = called(*ground.prove(run, package=package))
    assert_refused(ended, "StalePackage" if kind == "no key" else "UnreadableFile", 2)
    assert listing(tmp_path) == before
