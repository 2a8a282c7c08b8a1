"""A package whose circuits are not those of its key is stale, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core import synthetic
from zkdps.core.errors import StalePackage
from zkdps.provers.engine import Limits
from zkdps.provers.ezkl.backend import EzklProver
from zkdps.workflows.package import Package, packaged_blocks


def _package(root: Path) -> Package:
    key = synthetic.key()
    for index, block in enumerate(key.blocks):
        folder = root / "circuits" / str(index)
        folder.mkdir(parents=True)
        for name in ("circuit.ezkl", "settings.json"):
            (folder / name).write_bytes(b"")
        for name, data in block.material.items():
            (folder / name).write_bytes(data)
    return Package(root, key, packaged_blocks(key.plan))


def test_circuits_of_a_later_unfinished_build_are_refused(tmp_path: Path) -> None:
    package = _package(tmp_path)
    prover = EzklProver(Limits(), tmp_path)
    assert [circuit.graph.block.index for circuit in package.circuits(prover)] == [0, 1, 2]
    (tmp_path / "circuits" / "1" / "vk.key").write_bytes(b"vk of another scale")
    with pytest.raises(StalePackage, match=r"circuits/1/vk\.key is not the key's"):
        package.circuits(prover)
