"""Vectors over the extension field: one protocol, two modules that fill it.

`portable` needs numpy only and serves verifiers; `compiled` needs numba and serves provers.
Importing this package imports neither numba nor `compiled`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
        with _hidden("scipy"):
            from zkdps.provers.sumcheck.kernels.compiled import CompiledKernels

            return CompiledKernels(degree)
    from zkdps.provers.sumcheck.kernels.portable import PortableKernels

    return PortableKernels(degree)


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Nobody can import the package meanwhile, unless it has been imported before.

    numba imports scipy where it is installed, to look for a BLAS: a third of a prover's start, and
    no kernel calls one.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
