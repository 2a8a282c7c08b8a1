"""Warm: compile the kernels of the sumcheck back end ahead of the first proof."""

from __future__ import annotations

import os
from pathlib import Path

from zkdps.provers.sumcheck.runner import compile_kernels
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.reports import Machine, WarmReport

KERNELS = Path("provers", "sumcheck", "kernels", "compiled")


def warm(*, machine: Machine, observer: Observer | None = None) -> WarmReport:
    """Compile the kernels, or find them compiled.

    They lie in numba's cache afterwards: beside the package, or in the user's cache folder where
    that cannot be written.

    Args:
        machine: limits of the worker that compiles.
        observer: hears that it takes a while.

    Raises:
        MissingPackage: numba is not installed.
        ProofError: the compiler failed.
    """
    watch = observer or Silent()
    was_warm = are_warm()
    if not was_warm:
        watch.note("compiling kernels for this processor: about a minute, once")
    watch.started("compile kernels", 1, 1)
    seconds = compile_kernels(machine.timeout_s, machine.memory_bytes)
    watch.finished("compile kernels", 1, 1)
    return WarmReport(seconds, was_warm)


def are_warm() -> bool:
    """Whether numba's cache holds machine code of our kernels; it may be of an older release."""
    import zkdps

    source = Path(zkdps.__file__).parent / KERNELS
    places = [source / "__pycache__"]
    if "NUMBA_CACHE_DIR" in os.environ:
        places.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    else:
        places.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba")
    return any(
        next(place.rglob(f"{file.stem}.*.nbc"), None) is not None
        for place in places
        for file in source.glob("*.py")
    )
