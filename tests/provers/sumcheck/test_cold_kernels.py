"""Claim: without machine code kernels are compiled, and the next process finds them compiled.

Three kernels of many: all of them take a minute and a half, which a first run from a clean clone
spends anyway, as every kernel of every test is compiled then.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
from zkdps.provers.sumcheck.kernels.compiled import jit, module

del jit._registered[3:]
jit.compile_for(4)
found = [dispatcher.stats for dispatcher, _ in jit._registered]
for counts in ([s.cache_misses for s in found], [s.cache_hits for s in found]):
    print(sum(sum(count.values()) for count in counts))
"""


def misses_and_hits(cache: Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


def test_kernels_are_compiled_once(tmp_path: Path) -> None:
    assert misses_and_hits(tmp_path) == [3, 0]
    assert len(list(tmp_path.rglob("*.nbc"))) == 3
    assert misses_and_hits(tmp_path) == [0, 3]
