"""The procedure over the ezkl back end: real circuits, real integers, k = 12."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.calibration.small_models import random_samples, residual_chain
from zkdps.calibration.chain import calibrate
from zkdps.calibration.data import Split
from zkdps.core.errors import OutOfRange
from zkdps.core.prover import Prover
from zkdps.core.statement import Link
from zkdps.provers import load_prover
from zkdps.provers.engine import Limits


@pytest.fixture
def prover(tmp_path: Path) -> Iterator[Prover]:
    made = load_prover("ezkl", Limits(timeout_s=120, memory_bytes=None), tmp_path / "srs")
    yield made
    made.close()


def test_residual_chain(tmp_path: Path, prover: Prover) -> None:
    plan, graphs, models = residual_chain()
    (tmp_path / "work").mkdir()
    found = calibrate(
        prover,
        plan,
        graphs,
        Split(random_samples(6), random_samples(3, seed=2)),
        models,
        scale_bits=10,
        link=Link.POLYCOMMIT,
        directory=tmp_path / "work",
    )
    assert found.report.max_abs_error < 30 * 2.0**-10
    assert {error.tensor for error in found.report.tensors} == {t.name for t in plan.tensors}
    assert all(circuit.directory.is_dir() for circuit in found.circuits)


def test_target_error(tmp_path: Path, prover: Prover) -> None:
    plan, graphs, models = residual_chain()
    (tmp_path / "work").mkdir()
    found = calibrate(
        prover,
        plan,
        graphs,
        Split(random_samples(4), random_samples(2, seed=2)),
        models,
        target_error=0.004,
        link=Link.POLYCOMMIT,
        directory=tmp_path / "work",
    )
    assert found.report.max_abs_error <= 0.004


def test_held_out_sample_beyond_what_the_circuits_hold(tmp_path: Path, prover: Prover) -> None:
    plan, graphs, models = residual_chain()
    (tmp_path / "work").mkdir()
    data = Split(random_samples(3), random_samples(1, size=1e5))
    with pytest.raises(OutOfRange):
        calibrate(
            prover,
            plan,
            graphs,
            data,
            models,
            scale_bits=10,
            link=Link.POLYCOMMIT,
            directory=tmp_path / "work",
        )
