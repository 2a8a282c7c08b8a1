"""Back ends behind the prover protocol, found by name.

Importing this package imports no back end; `load_prover` imports the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from zkdps.core.errors import UsageConflict
from zkdps.core.prover import Prover
from zkdps.provers.engine import Limits

Factory = Callable[[Limits, Path], Prover]
"""Takes the limits of back-end calls and the SRS cache directory."""


def _ezkl(limits: Limits, srs_cache: Path) -> Prover:
    from zkdps.provers.ezkl.backend import EzklProver

    return EzklProver(limits, srs_cache)


PROVERS: Mapping[str, Factory] = {"ezkl": _ezkl}


def load_prover(name: str, limits: Limits, srs_cache: Path) -> Prover:
    """The back end of that name.

    Raises:
        UsageConflict: there is none.
    """
    if name not in PROVERS:
        raise UsageConflict(f"no prover {name!r}; there are: {', '.join(sorted(PROVERS))}")
    return PROVERS[name](limits, srs_cache)
