"""One command at a time in a package and for a run file.

That the lock dies with its holder is seen in `test_kills.py`: the next command is not refused.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.commands import Running, assert_refused, listing, litter, zkdps
from tests.faults.conftest import Ground, run_id_of


def test_two_builds_in_one_package(ground: Ground, tmp_path: Path) -> None:
    package = tmp_path / "PKG"
    first = Running(ground.build(package))
    first.wait_for("started circuits/0")
    # Stopped, so that it surely works while the second tries.
    first.pause()
    assert_refused(zkdps(*ground.build(package)), "PackageBusy", 2, str(package))
    first.resume()
    ended = first.end()
    assert ended.code == 0, ended
    assert (package / "model.zkvk").read_bytes() == ground.key
    assert not litter(package)


def test_two_proves_to_one_run(ground: Ground, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r.zkrun"
    run.parent.mkdir()
    first = Running(ground.prove(run))
    first.wait_for("started block-1")
    first.pause()
    assert_refused(zkdps(*ground.prove(run)), "PackageBusy", 2, str(run))
    # Another run file of the same package is nobody's.
    assert zkdps(*ground.prove(run.with_name("other.zkrun"))).code == 0
    first.resume()
    assert run_id_of(first.end()) == ground.run_id
    assert not litter(run.parent)


def test_a_refused_command_changes_nothing(ground: Ground, tmp_path: Path) -> None:
    package = tmp_path / "PKG"
    first = Running(ground.build(package))
    first.wait_for("finished calibrated")
    first.pause()
    before = listing(package)
    assert_refused(zkdps(*ground.build(package)), "PackageBusy", 2)
    assert listing(package) == before
    first.kill(group=True)
