"""One SRS cache and one prover for the whole room: everything stays at k = 12."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from zkdps.core.prover import Prover
from zkdps.provers import PROVERS, load_prover
from zkdps.provers.engine import Limits
from zkdps.provers.ezkl.backend import EzklProver


@pytest.fixture(scope="session")
def srs_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("srs")


@pytest.fixture(scope="session", params=sorted(PROVERS))
def prover(request: pytest.FixtureRequest, srs_cache: Path) -> Iterator[Prover]:
    back_end = load_prover(request.param, Limits(timeout_s=120), srs_cache)
    yield back_end
    back_end.close()


@pytest.fixture(scope="session")
def ezkl_prover(srs_cache: Path) -> Iterator[EzklProver]:
    back_end = EzklProver(Limits(timeout_s=120), srs_cache)
    yield back_end
    back_end.close()
