"""What every suite shares: one cache, so that each development SRS is made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkdps.workflows.reports import Machine


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Where the session's provers run."""
    cache: Path = tmp_path_factory.mktemp("cache")
    return Machine(cache, timeout_s=300)
