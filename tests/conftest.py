"""What every suite shares: a cache, so that each SRS is made once a session, and one demo."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from zkdps.workflows.demo import demo
from zkdps.workflows.reports import DemoReport, Machine

# A runner in the background may have been started with SIGINT ignored, and the commands that the
# tests start and interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Where the session's provers run."""
    cache: Path = tmp_path_factory.mktemp("cache")
    return Machine(cache, timeout_s=300)


@dataclass(frozen=True)
class Demo:
    """A demo that was run; nobody changes its files."""

    folder: Path
    report: DemoReport


@pytest.fixture(scope="session")
def digits_demo(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Demo:
    """The demo of the digits, with ezkl: its four blocks take half a minute."""
    folder = tmp_path_factory.mktemp("digits_demo")
    return Demo(folder, demo("digits", folder, machine=machine))
