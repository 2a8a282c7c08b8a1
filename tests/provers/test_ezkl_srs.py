"""SRS files: what we make is what ezkl reads, and what is no SRS is refused with the reason."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from zkdps.core.bn254 import GENERATOR, POINT_BYTES, add_pairs
from zkdps.core.errors import MalformedSrs, MissingSrs, StorageFailed, UnreadableFile, WrongSrs
from zkdps.core.srs import SrsKind
from zkdps.provers.engine import Engine, Limits, Request
from zkdps.provers.ezkl import srs
from zkdps.provers.ezkl.lagrange import lagrange_basis
from zkdps.provers.ezkl.srs_format import MAX_LOGROWS, Srs, file_bytes, parse

K = 5
# Of the development SRS at k = 5; another value means that keys made elsewhere no longer match.
DEVELOPMENT_SHA256 = "5949f7220d7c28990ec35e045a31ab056cf874a0b9437a2dfd40186704d54ed3"


@pytest.fixture(scope="module")
def ceremony(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that ezkl makes with a random secret: to us, a stranger's ceremony."""
    path = tmp_path_factory.mktemp("ceremony") / "k.srs"
    Engine("ezkl", Limits(timeout_s=60)).once(Request("gen_srs", (path, K), writes=(path,)))
    return path


def rewritten(ceremony: Path, target: Path, **changes: object) -> Path:
    target.write_bytes(replace(parse(ceremony.read_bytes()), **changes).to_bytes())  # type: ignore[arg-type]
    return target


def test_the_development_srs_is_the_same_everywhere(tmp_path: Path) -> None:
    file = srs.make_development(K, tmp_path)
    assert file.sha256 == DEVELOPMENT_SHA256
    assert file.path.stat().st_size == file_bytes(K)
    assert srs.make_development(K, tmp_path) == file
    assert srs.check(file.path).s_g2 == srs.development_s_g2()


def test_sizes_agree_on_the_secret(tmp_path: Path) -> None:
    small, large = srs.development_srs(K - 1), srs.development_srs(K)
    assert list(large.powers[: 1 << (K - 1)]) == list(small.powers)
    assert list(lagrange_basis(large.powers)) == list(large.lagrange)
    part = srs.verifier_part(srs.make_development(K, tmp_path))
    assert part == srs.development_srs(srs.VERIFIER_LOGROWS).to_bytes()
    assert len(part) == 516


def test_parsing_inverts_writing(ceremony: Path) -> None:
    data = ceremony.read_bytes()
    assert parse(data).to_bytes() == data


def test_a_ceremony_is_imported_found_and_cut(ceremony: Path, tmp_path: Path) -> None:
    file = srs.import_ceremony(ceremony, "a ceremony", tmp_path)
    assert (file.kind, file.source, file.logrows) == (SrsKind.CEREMONY, "a ceremony", K)
    assert file.path.read_bytes() == ceremony.read_bytes()
    assert srs.find(K, tmp_path) == file
    cut = srs.find(K - 1, tmp_path)
    assert (cut.kind, cut.logrows) == (SrsKind.CEREMONY, K - 1)
    assert srs.check(cut.path).s_g2 == srs.check(file.path).s_g2
    assert srs.verifier_part(cut) == srs.verifier_part(file)
    assert srs.find(K - 1, tmp_path, sha256=cut.sha256) == cut
    assert {found.logrows for found in srs.list_cache(tmp_path)} == {K - 1, K}
    with pytest.raises(MissingSrs):
        srs.find(K + 1, tmp_path)


def test_a_ceremony_goes_before_the_development_srs(ceremony: Path, tmp_path: Path) -> None:
    made = srs.find(K, tmp_path)
    assert made.kind is SrsKind.DEVELOPMENT
    with pytest.raises(MissingSrs):
        srs.find(K, tmp_path, kind=SrsKind.CEREMONY)
    imported = srs.import_ceremony(ceremony, "a ceremony", tmp_path)
    assert srs.find(K, tmp_path) == imported
    assert srs.find(K, tmp_path, kind=SrsKind.DEVELOPMENT) == made
    assert srs.find(K, tmp_path, sha256=made.sha256) == made
    with pytest.raises(WrongSrs):
        srs.find(K, tmp_path, sha256="0" * 64)


def test_the_expected_digest_is_compared(ceremony: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongSrs):
        srs.import_ceremony(ceremony, "x", tmp_path, expected_sha256="0" * 64)
    assert not list(tmp_path.iterdir()), "a refused import must leave nothing"


def test_the_development_srs_is_no_ceremony(tmp_path: Path) -> None:
    file = srs.make_development(K, tmp_path)
    with pytest.raises(MalformedSrs, match="development"):
        srs.import_ceremony(file.path, "believe me", tmp_path)


def test_wrong_points_are_found(ceremony: Path, tmp_path: Path) -> None:
    good = parse(ceremony.read_bytes())
    powers, lagrange = list(good.powers), list(good.lagrange)
    other = srs.development_s_g2()
    (shifted,) = add_pairs([powers[7]], [GENERATOR])
    cases: list[tuple[str, dict[str, object]]] = [
        ("powers are not", {"powers": [*powers[:7], shifted, *powers[8:]]}),
        ("powers are not", {"s_g2": other}),
        ("Lagrange basis", {"lagrange": [lagrange[1], lagrange[0], *lagrange[2:]]}),
        ("generators", {"powers": [powers[1], *powers[1:]]}),
        ("generators", {"g2": other}),
        ("power point 3", {"powers": [*powers[:3], None, *powers[4:]]}),
        ("Lagrange point 2", {"lagrange": [*lagrange[:2], (1, 1), *lagrange[3:]]}),
        ("G2 is not on the curve", {"s_g2": ((1, 2), (3, 4))}),
    ]
    for reason, changes in cases:
        path = rewritten(ceremony, tmp_path / "bad.srs", **changes)
        with pytest.raises(MalformedSrs, match=reason):
            srs.check(path)


def test_files_that_are_no_srs_are_refused(ceremony: Path, tmp_path: Path) -> None:
    data = ceremony.read_bytes()
    path = tmp_path / "bad.srs"
    broken = [
        b"",
        b"\1\0",
        data[:-1],
        data + b"\0",
        struct.pack("<I", MAX_LOGROWS + 1) + data[4:],
        struct.pack("<I", K - 1) + data[4:],
        data[: 4 + POINT_BYTES] + b"\xff" * 32 + data[4 + POINT_BYTES + 32 :],
    ]
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(MalformedSrs):
            srs.check(path)
    with pytest.raises(UnreadableFile):
        srs.check(tmp_path / "none.srs")


def test_a_cut_cache_file_is_made_again(tmp_path: Path) -> None:
    file = srs.make_development(K, tmp_path)
    file.path.write_bytes(file.path.read_bytes()[:-1])
    assert srs.list_cache(tmp_path) == ()
    assert srs.make_development(K, tmp_path) == file


def test_sizes_out_of_reach_and_unwritable_caches(tmp_path: Path) -> None:
    with pytest.raises(MissingSrs):
        srs.make_development(srs.MAX_DEVELOPMENT_LOGROWS + 1, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed):
        srs.make_development(K, tmp_path / "file")


def test_srs_records_hold_what_they_say(ceremony: Path) -> None:
    record = parse(ceremony.read_bytes())
    assert isinstance(record, Srs)
    assert len(record.powers) == len(record.lagrange) == 1 << record.logrows == 1 << K
