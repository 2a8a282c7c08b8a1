"""The kernels by numba, for provers: importing this package needs numba.

Raises, on import:
    MissingPackage: numba is not installed.
"""

from __future__ import annotations

from time import perf_counter

from zkdps.provers.sumcheck.kernels.compiled.jit import compile_for
from zkdps.provers.sumcheck.kernels.compiled.module import CompiledKernels

__all__ = ["CompiledKernels", "warm"]


def warm(degree: int = 4) -> float:
    """Compiles every kernel of the degree, or loads it from numba's cache; gives seconds."""
    start = perf_counter()
    compile_for(degree)
    return perf_counter() - start
