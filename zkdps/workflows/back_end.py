"""Open a back end by name, and close its worker processes whatever happens; choose one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zkdps.core.errors import UsageConflict
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Link
from zkdps.provers import SECURITY_LEVELS, load_prover
from zkdps.provers.engine import Limits
from zkdps.workflows.reports import Machine

if TYPE_CHECKING:
    # Its tensors are numpy's, and workers start before that is imported.
    from zkdps.core.prover import JointProver, Prover

AUTO = "auto"
CONTRACT_PROVER = "ezkl"
FAST_PROVER = "sumcheck"

KNOWN_TO_ONE = {
    "--jobs": FAST_PROVER,
    "--joint": FAST_PROVER,
    "--security": FAST_PROVER,
    "--srs": CONTRACT_PROVER,
}
"""Options that would mean nothing to any other back end."""


@contextmanager
def open_prover(
    name: str,
    machine: Machine,
    srs_kind: SrsKind | None = None,
    security: str = SECURITY_LEVELS[0],
    joint: bool = False,
    standby: int = 0,
) -> Iterator[Prover]:
    """The back end `name` within the machine's limits; the rest as for `build`.

    `standby` is the number of blocks that will be proved or verified now, if any.
    """
    refuse_foreign(name, {"--jobs": machine.jobs is not None and machine.jobs > 1})
    limits = Limits(timeout_s=machine.timeout_s, memory_bytes=machine.memory_bytes)
    prover = load_prover(
        name,
        limits,
        machine.cache / "srs",
        srs_kind,
        security=security,
        joint=joint,
        jobs=machine.jobs or cores(),
        standby=standby,
    )
    try:
        yield prover
    finally:
        prover.close()


def choose_prover(asked: str, link: Link | None, for_contracts: bool) -> tuple[str, str]:
    """The back end that `asked`, a name or `auto`, stands for, and why.

    Contracts verify proofs of ezkl only; all else goes to the fast one.

    Raises:
        UsageConflict: contracts are asked for with a back end that they cannot verify.
    """
    if asked != AUTO:
        if for_contracts and asked != CONTRACT_PROVER:
            raise UsageConflict(
                f"contracts verify proofs of {CONTRACT_PROVER}, not of {asked}: "
                f"drop --for-contracts, or say --prover {CONTRACT_PROVER}"
            )
        return asked, "you asked for it"
    if for_contracts:
        return CONTRACT_PROVER, "a contract can verify its proofs"
    if link is not None and link is not Link.MERKLE:
        return CONTRACT_PROVER, f"it links blocks by {link}"
    return FAST_PROVER, "it is fast and needs no SRS; contracts cannot verify it directly"


def refuse_foreign(name: str, asked: Mapping[str, object]) -> None:
    """Refuse what was asked for and the back end `name` would ignore.

    Args:
        name: of a back end.
        asked: options of `KNOWN_TO_ONE`; those with `None` or `False` were not given.

    Raises:
        UsageConflict: an option is of another back end.
    """
    for option, value in asked.items():
        only = KNOWN_TO_ONE[option]
        if value and only != name:
            raise UsageConflict(f"{option} is for {only}, this is {name}: drop it, or use {only}")


def joint_of(prover: Prover) -> JointProver:
    """How the back end proves all blocks of a run at once.

    Raises:
        UsageConflict: it cannot.
    """
    if prover.joint is None:
        raise UsageConflict(f"{prover.name} proves each block by itself: it has no joint proofs")
    return prover.joint


def settle_link(prover: Prover, link: Link | None) -> Link:
    """The link to build with: the one asked for, else the back end's first.

    Raises:
        UsageConflict: the back end does not offer it.
    """
    if link is None:
        return prover.links[0]
    if link not in prover.links:
        offered = ", ".join(prover.links)
        raise UsageConflict(f"{prover.name} does not link by {link}; it offers: {offered}")
    return link


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
