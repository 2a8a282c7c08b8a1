"""What every suite shares: one cache, so that each development SRS is made once a session."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from zkdps.workflows.reports import Machine

# A runner in the background may have been started with SIGINT ignored, and the commands that the
# tests start and interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Where the session's provers run."""
    cache: Path = tmp_path_factory.mktemp("cache")
    return Machine(cache, timeout_s=300)
