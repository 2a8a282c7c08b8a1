"""The stored vectors are what ezkl makes today of `circuits.py`: they cannot rot unseen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.verifier_contracts.build_vectors import build_keys, prove
from tests.verifier_contracts.circuits import CASES, CircuitCase
from tests.verifier_contracts.stored import REBUILD, stored
from zkdps.verifier_contracts.reference import verify_proof
from zkdps.workflows.reports import Machine


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rebuild(case: CircuitCase, tmp_path: Path, machine: Machine) -> None:
    """Same settings: same key to the byte.  Proofs are blinded: a new one is verified instead."""
    one = stored(case.name)
    srs_cache = machine.cache / "srs"
    build_keys(case, tmp_path, one.folder / "settings.json", srs_cache)
    for name in ("vka.bin", "vk.key"):
        same = (tmp_path / name).read_bytes() == (one.folder / name).read_bytes()
        assert same, f"{name} of {case.name} differs; on purpose? {REBUILD} {case.name}"
    prove(case, tmp_path, srs_cache)
    instances = [int(value, 16) for value in json.loads((tmp_path / "instances.json").read_text())]
    proof = (tmp_path / "proof.bin").read_bytes()
    assert proof != one.proof, "a proof without blinding"
    verify_proof(one.vka, proof, instances)
