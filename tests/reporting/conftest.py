"""One browser for the suite; where there is none, skipped aloud, or failed where it is required."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.reporting.browser import INSTALL, Browser, binary, browsing


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium."""
    if binary() is None:
        reason = f"no Chromium to open pages with: {INSTALL}"
        if os.environ.get("ZKDPS_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found
