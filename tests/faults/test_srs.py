"""kill -9 while an SRS is made or imported; missing, wrong and damaged files of the cache."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.faults.commands import Running, assert_refused, listing, litter, zkdps
from tests.faults.conftest import BUILD_STEPS, Ground, run_id_of
from zkdps.provers.ezkl import srs

LOGROWS = 12
SMALL_LOGROWS = 8
"""For what only imports: checking a file takes time with its size."""
CEREMONY_SECRET = 0x5EC2E7
"""Of a ceremony that trusts us."""


@pytest.fixture(scope="module")
def ceremony(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A structured reference string with another secret than the development one's."""
    return write_ceremony(tmp_path_factory.mktemp("ceremony"), LOGROWS)


@pytest.fixture(scope="module")
def small_ceremony(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `ceremony`."""
    return write_ceremony(tmp_path_factory.mktemp("ceremony"), SMALL_LOGROWS)


def write_ceremony(folder: Path, logrows: int) -> Path:
    path = folder / f"kzg{logrows}.srs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(srs, "DEVELOPMENT_SECRET", CEREMONY_SECRET)
        path.write_bytes(srs.development_srs(logrows).to_bytes())
    return path


def import_args(path: Path, cache: Path) -> list[str]:
    return ["srs", "import", str(path), "--source", "a test", "--cache", str(cache), "--json"]


def made_args(cache: Path) -> list[str]:
    return ["srs", "make", "--logrows", str(LOGROWS), "--cache", str(cache), "--json"]


@pytest.mark.parametrize("after_s", [0.3, 0.8, 1.3])
def test_make_killed(ground: Ground, tmp_path: Path, after_s: float) -> None:
    running = Running(made_args(tmp_path / "cache"))
    time.sleep(after_s)
    running.kill(group=True)
    ended = zkdps(*made_args(tmp_path / "cache"))
    assert ended.code == 0, ended
    made = tmp_path / "cache" / "srs" / "development" / f"{LOGROWS}.srs"
    assert made.read_bytes() == (ground.cache / "srs" / "development" / made.name).read_bytes()
    assert not litter(tmp_path / "cache")


def test_a_half_written_file_is_no_srs(ground: Ground, tmp_path: Path) -> None:
    """What a kill inside the write leaves, and what an older copy cut short left."""
    folder = tmp_path / "cache" / "srs" / "development"
    folder.mkdir(parents=True)
    whole = (ground.cache / "srs" / "development" / f"{LOGROWS}.srs").read_bytes()
    (folder / f".{LOGROWS}.srs.part").write_bytes(whole[:1000])
    (folder / f"{LOGROWS}.srs").write_bytes(whole[:-1])
    listed = zkdps("srs", "list", "--cache", tmp_path / "cache", "--json")
    assert listed.code == 0 and json.loads(listed.stdout)["srs"] == [], listed
    assert zkdps(*made_args(tmp_path / "cache")).code == 0
    assert (folder / f"{LOGROWS}.srs").read_bytes() == whole
    assert not litter(tmp_path / "cache")


def test_a_build_killed_while_it_makes_the_srs(ground: Ground, tmp_path: Path) -> None:
    package, cache = tmp_path / "PKG", tmp_path / "cache"
    running = Running(ground.build(package, cache=cache))
    running.wait_for("finished calibrated")
    time.sleep(0.3)
    running.kill(group=True)
    ended = zkdps(*ground.build(package, cache=cache))
    assert ended.code == 0, ended
    assert tuple(ended.reused)[:2] == BUILD_STEPS[:2], ended
    assert (package / "model.zkvk").read_bytes() == ground.key
    assert not litter(cache) and not litter(package)


@pytest.mark.parametrize("after_s", [0.3, 0.8, 1.5])
def test_import_killed(ceremony: Path, tmp_path: Path, after_s: float) -> None:
    cache = tmp_path / "cache"
    running = Running(import_args(ceremony, cache))
    time.sleep(after_s)
    running.kill(group=True)
    listed = zkdps("srs", "list", "--cache", cache, "--json")
    assert listed.code == 0, listed
    ended = zkdps(*import_args(ceremony, cache))
    assert ended.code == 0, ended
    (file,) = (cache / "srs" / "ceremony").glob(f"*/{LOGROWS}.srs")
    assert file.read_bytes() == ceremony.read_bytes()
    assert not litter(cache)


def test_an_import_killed_between_its_files_breaks_nothing(
    small_ceremony: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert zkdps(*import_args(small_ceremony, cache)).code == 0
    whole = listing(cache)
    (folder,) = (cache / "srs" / "ceremony").iterdir()
    for left in ([], ["source.json"]):
        for file in folder.iterdir():
            if file.name not in (*left, ".lock"):
                file.unlink()
        listed = zkdps("srs", "list", "--cache", cache, "--json")
        assert listed.code == 0 and json.loads(listed.stdout)["srs"] == [], listed
        assert zkdps(*import_args(small_ceremony, cache)).code == 0
        assert listing(cache) == whole


def test_a_lost_development_srs_is_made_again(ground: Ground, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    args = ["prove", str(ground.package), "--input", str(ground.folder / "x.npz"), "--json"]
    ended = zkdps(*args, "-o", tmp_path / "r.zkrun", "--cache", cache)
    assert run_id_of(ended) == ground.run_id
    assert (cache / "srs" / "development" / f"{LOGROWS}.srs").is_file()


def test_a_lost_or_other_ceremony_srs_is_refused(
    ground: Ground, ceremony: Path, tmp_path: Path
) -> None:
    cache, package, run = tmp_path / "cache", tmp_path / "PKG", tmp_path / "r.zkrun"
    assert zkdps(*import_args(ceremony, cache)).code == 0
    built = zkdps(*ground.build(package, cache=cache))
    assert built.code == 0, built
    (file,) = (cache / "srs" / "ceremony").glob(f"*/{LOGROWS}.srs")
    args = ["prove", str(package), "--input", str(ground.folder / "x.npz"), "--json"]

    def refused(name: str) -> None:
        before = listing(tmp_path)
        ended = zkdps(*args, "-o", run, "--cache", cache)
        assert_refused(ended, name, 2)
        assert not run.exists()
        # The execution is done, and is kept for the time when the SRS is there.
        kept = {path for path in listing(tmp_path) if not path.startswith("r.zkrun.partial")}
        assert kept == set(before)
        shutil.rmtree(tmp_path / "r.zkrun.partial", ignore_errors=True)

    good = file.read_bytes()
    file.unlink()
    refused("MissingSrs")
    other = bytearray(good)
    other[200] ^= 1
    file.write_bytes(bytes(other))
    refused("WrongSrs")
    file.write_bytes(good)
    ended = zkdps(*args, "-o", run, "--cache", cache)
    assert ended.code == 0, ended


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty", b""), ("text", b"no points here" * 100), ("huge", b"\xff" * 4000)],
)
def test_what_is_no_srs_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    before = listing(tmp_path)
    assert_refused(zkdps(*import_args(file, tmp_path / "cache")), "MalformedSrs", 2)
    assert_refused(zkdps("srs", "check", file, "--json"), "MalformedSrs", 2)
    assert listing(tmp_path) == before


def test_a_changed_point_and_another_digest_are_refused(
    small_ceremony: Path, tmp_path: Path
) -> None:
    data = bytearray(small_ceremony.read_bytes())
    data[4 + 64 * 7 : 4 + 64 * 8] = data[4 + 64 * 8 : 4 + 64 * 9]
    changed = tmp_path / "changed.srs"
    changed.write_bytes(bytes(data))
    cache = tmp_path / "cache"
    assert_refused(zkdps(*import_args(changed, cache)), "MalformedSrs", 2)
    asked = [*import_args(small_ceremony, cache), "--sha256", "0" * 64]
    assert_refused(zkdps(*asked), "WrongSrs", 2)
    assert not cache.exists()


def test_the_development_srs_is_no_ceremony(ground: Ground, tmp_path: Path) -> None:
    file = ground.cache / "srs" / "development" / f"{LOGROWS}.srs"
    ended = zkdps(*import_args(file, tmp_path / "cache"))
    assert_refused(ended, "MalformedSrs", 2, "development")
    assert not (tmp_path / "cache").exists()
