"""Bounds: the static bounds that were proven when a package's blocks were laid out, as a table."""

from __future__ import annotations

from pathlib import Path

from zkdps.core.canonical import parse_canonical, sha256_hex
from zkdps.core.errors import InputError, LayoutFailed, StalePackage, UsageConflict
from zkdps.core.fields import Fields
from zkdps.core.model_key import ModelKey
from zkdps.provers.sumcheck import stored
from zkdps.provers.sumcheck.bounds import table_from_file
from zkdps.workflows.back_end import FAST_PROVER
from zkdps.workflows.package import KEY_NAME, MAX_MEMBER_BYTES, open_package
from zkdps.workflows.reports import BlockBounds, BoundsReport
from zkdps.workflows.storage import read_bytes


def inspect_bounds(package: Path) -> BoundsReport:
    """The table of every block, compared with the digest in the model key and checked again.

    Args:
        package: a finished model package whose back end is sumcheck.

    Raises:
        UsageConflict: its back end keeps no such table.
        StalePackage: no package, or a table that is missing or not the key's.
    """
    opened = open_package(package)
    key = opened.key
    if key.prover != FAST_PROVER:
        raise UsageConflict(f"{key.prover} keeps no table of bounds; {FAST_PROVER} does")
    blocks = tuple(_block(package, key, block.index) for block in key.plan.blocks)
    return BoundsReport(package, key.digest, blocks)


def _block(package: Path, key: ModelKey, block: int) -> BlockBounds:
    name = f"circuits/{block}/{stored.BOUNDS}"
    try:
        expected = _digest(key.blocks[block].material[stored.SYSTEM])
        data = read_bytes(package / name, MAX_MEMBER_BYTES)
        if sha256_hex(data) != expected:
            reason = f"{name} has SHA-256 {sha256_hex(data)}, the key names {expected}"
            raise StalePackage(str(package), reason)
        rows = tuple(table_from_file(data, name, block).rows)
    except KeyError as error:
        raise StalePackage(str(package), f"block {block} of {KEY_NAME} has no {error}") from error
    except (InputError, LayoutFailed) as error:
        raise StalePackage(str(package), str(error)) from error
    return BlockBounds(key.plan.blocks[block].name, expected, rows)


def _digest(system: bytes) -> str:
    record = parse_canonical(system, stored.SYSTEM)
    return Fields(record, stored.SYSTEM, "the System").digest("bounds_sha256")
