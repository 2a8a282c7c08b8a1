"""Vectors over the extension field: one protocol, two modules that fill it.

`portable` needs numpy only and serves verifiers; `compiled` needs numba and serves provers.
Importing this package imports neither numba nor `compiled`.
"""

from __future__ import annotations

from zkdps.provers.sumcheck.field import DEGREES
from zkdps.provers.sumcheck.kernels.interface import Kernels


def kernels_for(degree: int, *, compiled: bool) -> Kernels:
    """The kernels of that degree.

    Raises:
        ValueError: the degree is neither 4 nor 5.
        MissingPackage: compiled kernels are asked for and numba is not installed.
    """
    if degree not in DEGREES:
        raise ValueError(f"no extension of degree {degree}; there are {DEGREES}")
    if compiled:
        from zkdps.provers.sumcheck.kernels.compiled import CompiledKernels

        return CompiledKernels(degree)
    from zkdps.provers.sumcheck.kernels.portable import PortableKernels

    return PortableKernels(degree)
