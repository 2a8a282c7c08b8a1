"""How kernels are compiled: one text, a machine version for each degree that is asked for.

A kernel is declared with the kinds of its arguments, one letter each, and compiled by
`compile_for`; numba keeps the machine code in its cache folder (NUMBA_CACHE_DIR).  Kernels run
on one thread and release the interpreter lock: blocks are what runs side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from zkdps.core.errors import MissingPackage

try:
    from numba import njit, types
except ImportError as error:
    raise MissingPackage("numba", "proving with the sumcheck back end", "operator") from error

Kernel = Callable[..., None]

_WORDS = types.Array(types.uint32, 1, "C")
_SUMS = types.Array(types.int64, 1, "C")
_KINDS: dict[str, Callable[[int], Any]] = {
    "V": lambda degree: types.UniTuple(_WORDS, degree),  # vector
    "A": lambda degree: types.UniTuple(_SUMS, degree),  # vector of 64-bit accumulators
    "E": lambda degree: types.UniTuple(types.uint32, degree),  # element
    "S": lambda degree: _SUMS,
    "U": lambda degree: _WORDS,
    "R": lambda degree: types.Array(types.uint32, 1, "C", readonly=True),
    "M": lambda degree: types.Array(types.int32, 1, "C", readonly=True),
    "L": lambda degree: types.Array(types.int64, 1, "C", readonly=True),
    "I": lambda degree: types.int64,
}
_registered: list[tuple[Any, str]] = []


@cache
def _sources_digest() -> str:
    """The first 64 bits of SHA-256 over the kernels' texts."""
    texts = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(text.read_bytes() for text in texts)).hexdigest()[:16]


def primitive(function: Callable[..., Any]) -> Any:
    """An inner piece of kernels, always inlined."""
    return njit(forceinline=True)(function)


def loop(function: Callable[..., Any]) -> Any:
    """An inner loop of kernels: compiled apart, once for each type."""
    return njit(nogil=True)(function)


def kernel(kinds: str) -> Callable[[Callable[..., None]], Kernel]:
    """A function called from Python; one letter an argument (see `_KINDS`)."""

    def declare(function: Callable[..., None]) -> Kernel:
        # numba notices a change of the kernel's own file only, not of the pieces inlined into it;
        # under a name that depends on all files, machine code of older ones is never found.
        function.__qualname__ = f"{function.__name__}_{_sources_digest()}"
        dispatcher = njit(nogil=True, cache=True)(function)
        _registered.append((dispatcher, kinds))
        result: Kernel = dispatcher
        return result

    return declare


@cache
def compile_for(degree: int) -> None:
    """Compiles every kernel for the degree, or loads it from numba's cache."""
    for dispatcher, kinds in _registered:
        dispatcher.disable_compile(False)
        dispatcher.compile(types.void(*(_KINDS[kind](degree) for kind in kinds)))
        # From here on a call with other types is an error, not another machine version.
        dispatcher.disable_compile()
