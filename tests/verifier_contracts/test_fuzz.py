"""The fuzzer finds nothing in a bounded number of runs from a fixed seed."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUNS = 500
SEED = 20261121


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="atheris has wheels for Linux only")
def test_coverage_guided_fuzzing_finds_nothing() -> None:
    command = [sys.executable, "-m", "tests.verifier_contracts.fuzz_vka"]
    limits = [f"-runs={RUNS}", f"-seed={SEED}", "-timeout=30", "-rss_limit_mb=2048"]
    done = subprocess.run([*command, *limits], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {RUNS} runs" in done.stderr, done.stderr[-2000:]
