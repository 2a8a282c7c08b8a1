"""A verifier needs numpy and nothing compiled."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from zkdps.provers.sumcheck.argument import verify
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.soundness import strength_of
from zkdps.provers.sumcheck.system_json import system_from_files
kernels_for(4, compiled=False)
found = {"numba", "llvmlite", "onnx", "torch"} & set(sys.modules)
sys.exit(f"imported {found}" if found else 0)
"""


def test_verifying_imports_nothing_compiled() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
