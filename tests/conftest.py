"""What every suite shares: a cache, so that each SRS is made once a session, and one demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.blocks import SHARED_COMMAND
from zkdps.workflows.reports import Machine

# A runner in the background may have been started with SIGINT ignored, and the commands that the
# tests start and interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A thousand processes are started: they need not compile every module anew, whatever the machine.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Where the session's provers run."""
    cache: Path = tmp_path_factory.mktemp("cache")
    return Machine(cache, timeout_s=300)


@dataclass(frozen=True)
class Demo:
    """`SHARED_COMMAND` as a reader of the documents runs it; nobody changes its files."""

    environment: Mapping[str, str]
    """An account of its own."""
    done: subprocess.CompletedProcess[str]
    folder: Path
    """What it left: model, data, package, run."""
    cache: Path


@pytest.fixture(scope="session")
def digits_demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo of the digits, with ezkl: its four blocks take half a minute, so once a session.

    In an empty home, so that nothing of this machine's user is read or changed.
    """
    home = tmp_path_factory.mktemp("home")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("ZKDPS_CACHE", "XDG_CACHE_HOME", "ZKDPS_DEBUG")
    }
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**kept, "HOME": str(home), "PATH": search}
    place = home / "shared"
    place.mkdir()
    done = subprocess.run(
        ["bash", "-c", SHARED_COMMAND],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Demo(environment, done, place / "demo", home / ".cache" / "zkdps")
