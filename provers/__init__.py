"""Back ends behind the prover protocol, found by name.

Importing this package imports no back end; `load_prover` imports the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkdps.core.errors import UsageConflict

if TYPE_CHECKING:
    # Every worker process imports this package on its way to its module.
    from pathlib import Path

    from zkdps.core.model_key import ModelKey
    from zkdps.core.prover import Prover, Strength
    from zkdps.core.srs import SrsKind
    from zkdps.provers.engine import Limits

SECURITY_LEVELS = ("100", "100-small", "128")
"""Bits that the proofs of new keys are worth, where a back end leaves the choice; `small` trades
time for shorter proofs.  The first is the default."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a back end is told when it is opened."""

    limits: Limits
    """Of back-end calls."""
    srs_cache: Path
    srs_kind: SrsKind | None = None
    """Which SRS to make keys with; `None`: a ceremony's if the cache has one."""
    security: str = SECURITY_LEVELS[0]
    """One of `SECURITY_LEVELS`; says nothing about keys that exist."""
    joint: bool = False
    """Whether new keys are for joint proofs, where a back end has them."""
    jobs: int = 1
    """Worker processes at a time, where a back end can use several."""
    standby: int = 0
    """Blocks that will be proved or verified now: workers for so many start while the back end is
    still being imported."""


def _ezkl(setting: Setting) -> Prover:
    from zkdps.provers.ezkl.backend import EzklProver

    return EzklProver(setting.limits, setting.srs_cache, srs_kind=setting.srs_kind)


def _sumcheck(setting: Setting) -> Prover:
    from zkdps.provers.sumcheck.runner import Runner

    runner = Runner(setting.limits, setting.jobs)
    runner.prepare(setting.standby)
    # Imported when the workers are under way: numpy alone takes as long as starting one.
    from zkdps.provers.sumcheck.backend import SumcheckProver

    return SumcheckProver(runner, setting.security, setting.joint)


def _sumcheck_strength(materials: Sequence[Mapping[str, bytes]]) -> Strength | None:
    from zkdps.provers.sumcheck.auditor import strength

    return strength(materials)


def _no_strength(materials: Sequence[Mapping[str, bytes]]) -> Strength | None:
    return None


PROVERS: Mapping[str, Callable[[Setting], Prover]] = {"ezkl": _ezkl, "sumcheck": _sumcheck}

_STRENGTHS: Mapping[str, Callable[[Sequence[Mapping[str, bytes]]], Strength | None]] = {
    "sumcheck": _sumcheck_strength
}


def load_prover(
    name: str,
    limits: Limits,
    srs_cache: Path,
    srs_kind: SrsKind | None = None,
    *,
    security: str = SECURITY_LEVELS[0],
    joint: bool = False,
    jobs: int = 1,
    standby: int = 0,
) -> Prover:
    """The back end of that name, with a `Setting` of these fields.

    Raises:
        UsageConflict: there is none, or no such level of security.
    """
    if name not in PROVERS:
        raise UsageConflict(f"no prover {name!r}; there are: {', '.join(sorted(PROVERS))}")
    if security not in SECURITY_LEVELS:
        raise UsageConflict(f"no security {security!r}; there are: {', '.join(SECURITY_LEVELS)}")
    return PROVERS[name](Setting(limits, srs_cache, srs_kind, security, joint, jobs, standby))


def strength_of(name: str, materials: Sequence[Mapping[str, bytes]]) -> Strength | None:
    """How much proofs under these blocks' key material are worth together; needs no back end.

    `None` where that rests on assumptions that are not counted in bits, as with pairings.

    Raises:
        CheckFailed: check 2, the material is malformed.
    """
    return _STRENGTHS.get(name, _no_strength)(materials)


def strength_of_key(key: ModelKey) -> Strength | None:
    """`strength_of` for the proofs that a key is for.

    Raises:
        CheckFailed: check 2, the material is malformed.
    """
    materials = [block.material for block in key.blocks]
    if key.is_joint:
        materials = [key.joint_material]
    return strength_of(key.prover, materials)
