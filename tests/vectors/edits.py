"""Small edits of runs and keys, each leaving everything else consistent.

A flaw must be the only one: after an edit, digests and the run id are computed again, unless they
are the flaw.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from zkdps.core.bn254 import FIELD, ORDER
from zkdps.core.canonical import canonical_json, digest_of, sha256_hex
from zkdps.core.model_key import BlockKey, ModelKey
from zkdps.core.run import Run
from zkdps.core.srs import SrsIdentity
from zkdps.core.statement import Commitment, Receipt, Statement
from zkdps.workflows.archive import encode_archive

POINT = 64
SCALAR = 32


def sealed(run: Run) -> Run:
    """The run with the id that its claims have."""
    return replace(run, run_id=run.computed_id)


def archive(of: Run | ModelKey) -> bytes:
    """The file of a run or a key."""
    return encode_archive(of.members())


def with_receipts(run: Run, *receipts: Receipt) -> Run:
    """Other receipts."""
    return sealed(replace(run, receipts=receipts))


def with_receipt(run: Run, position: int, receipt: Receipt) -> Run:
    """One other receipt."""
    receipts = list(run.receipts)
    receipts[position] = receipt
    return with_receipts(run, *receipts)


def with_proof(run: Run, block: int, data: bytes) -> Run:
    """Other proof bytes for one statement."""
    old = run.receipts[block]
    return with_receipt(run, block, replace(old, proof=replace(old.proof, data=data)))


def with_statement(
    run: Run,
    block: int,
    *,
    inputs: tuple[Commitment, ...] | None = None,
    outputs: tuple[Commitment, ...] | None = None,
    proof: bytes | None = None,
) -> Run:
    """Another statement over the same proof, or over other bytes."""
    old = run.receipts[block]
    statement = Statement(
        old.statement.block, inputs or old.statement.inputs, outputs or old.statement.outputs
    )
    data = old.proof.data if proof is None else proof
    return with_receipt(run, block, Receipt(statement, replace(old.proof, data=data)))


def with_value(commitment: Commitment, value: bytes) -> Commitment:
    """The commitment with another value."""
    return replace(commitment, value=value)


def flipped(data: bytes, position: int) -> bytes:
    """The bytes with the lowest bit of one of them turned."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def replaced(data: bytes, position: int, part: bytes) -> bytes:
    """The bytes with a part overwritten; a negative position counts from the end."""
    start = position % len(data)
    return data[:start] + part + data[start + len(part) :]


def unreduced_coordinate(data: bytes, position: int) -> bytes:
    """The same coordinate of a point, plus the modulus: another encoding of the same point."""
    return _plus(data, position, FIELD)


def unreduced_scalar(data: bytes, position: int) -> bytes:
    """The same scalar, plus the modulus: another encoding of the same scalar."""
    return _plus(data, position, ORDER)


def _plus(data: bytes, position: int, modulus: int) -> bytes:
    start = position % len(data)
    value = int.from_bytes(data[start : start + SCALAR], "big")
    return replaced(data, start, (value + modulus).to_bytes(SCALAR, "big"))


def rebound(run: Run, key: ModelKey) -> Run:
    """The run as if it had been proved under `key`."""
    return sealed(replace(run, key_digest=key.digest))


def with_material(key: ModelKey, block: int, **members: bytes) -> ModelKey:
    """Other members of one block, named `vk`, `settings` or `basis`."""
    names = {"vk": "vk.key", "settings": "settings.json", "basis": "basis.bin"}
    old = key.blocks[block]
    changed = {names[name]: data for name, data in members.items()}
    return with_block(key, block, replace(old, material={**old.material, **changed}))


def with_block(key: ModelKey, block: int, changed: BlockKey) -> ModelKey:
    """Another block key."""
    blocks = list(key.blocks)
    blocks[block] = changed
    return replace(key, blocks=tuple(blocks))


def with_settings(key: ModelKey, block: int, edit: Callable[[Any], None]) -> ModelKey:
    """A block's settings, edited."""
    settings = json.loads(key.blocks[block].material["settings.json"])
    edit(settings)
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return with_material(key, block, settings=text.encode())


def with_srs(key: ModelKey, **fields: Any) -> ModelKey:
    """Another SRS identity."""
    return replace(key, srs=replace(srs_of(key), **fields))


def srs_of(key: ModelKey) -> SrsIdentity:
    """The key's SRS; it has one."""
    if key.srs is None:
        raise ValueError("a key without SRS")
    return key.srs


def with_trust(key: ModelKey, data: bytes) -> ModelKey:
    """Another verifier part of the SRS, named by its digest."""
    named = with_srs(key, verifier_sha256=sha256_hex(data))
    return replace(named, trust={"srs-verifier.bin": data})


def with_manifest(members: Mapping[str, bytes], edit: Callable[[Any], None]) -> dict[str, bytes]:
    """Archive members with an edited manifest; the run id is computed again where it can be."""
    record = json.loads(members["manifest.json"])
    edit(record)
    if record.get("format") == "zkdps-run":
        reseal(record)
    return {**members, "manifest.json": canonical_json(record)}


def reseal(record: dict[str, Any]) -> None:
    """Give a run's manifest the id of its claims, unless its shape has none."""
    try:
        statements = [
            {name: receipt[name] for name in ("block", "inputs", "outputs")}
            for receipt in record["receipts"]
        ]
        claims = {name: record[name] for name in ("key_digest", "inputs", "outputs")}
    except (KeyError, TypeError):
        return
    record["run_id"] = digest_of({**claims, "statements": statements})
