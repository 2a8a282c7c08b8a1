"""Back ends behind the prover protocol, found by name.

Importing this package imports no back end; `load_prover` imports the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from zkdps.core.errors import UsageConflict
from zkdps.core.prover import Prover
from zkdps.core.srs import SrsKind
from zkdps.provers.engine import Limits

Factory = Callable[[Limits, Path, SrsKind | None], Prover]
"""Takes the limits of back-end calls, the SRS cache directory, and the wanted kind of SRS."""


def _ezkl(limits: Limits, srs_cache: Path, srs_kind: SrsKind | None) -> Prover:
    from zkdps.provers.ezkl.backend import EzklProver

    return EzklProver(limits, srs_cache, srs_kind=srs_kind)


PROVERS: Mapping[str, Factory] = {"ezkl": _ezkl}


def load_prover(
    name: str, limits: Limits, srs_cache: Path, srs_kind: SrsKind | None = None
) -> Prover:
    """The back end of that name; without `srs_kind`, a ceremony's SRS if the cache has one.

    Raises:
        UsageConflict: there is none.
    """
    if name not in PROVERS:
        raise UsageConflict(f"no prover {name!r}; there are: {', '.join(sorted(PROVERS))}")
    return PROVERS[name](limits, srs_cache, srs_kind)
