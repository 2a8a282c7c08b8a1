"""Untrusted archive members to a `Run`: parsed once, here, at the border.

A parsed run is well-formed, in bounds, and consistent with its own digests and run id (check 1).
Whether it is true is what the other checks are for.
"""

from __future__ import annotations

from collections.abc import Mapping

from zkdps.core.canonical import parse_canonical, sha256_hex
from zkdps.core.errors import MalformedArchive
from zkdps.core.fields import Fields
from zkdps.core.parse_key import check_format, read_link, take_member
from zkdps.core.run import RUN_FORMAT, RUN_VERSION, Run, proof_member
from zkdps.core.statement import Commitment, Proof, Receipt, Statement, Usage

MAX_BLOCKS = 1 << 14
MAX_COMMITMENT_BYTES = 8 << 20


def parse_run(members: Mapping[str, bytes], path: str) -> Run:
    """The run in an archive's members.

    Raises:
        MalformedArchive: anything missing, extra, out of bounds, or not matching its digest; a run
            id that is not the digest of the claims.
        UnknownVersion: a format or version that this release does not read.
    """
    manifest = parse_canonical(take_member(members, "manifest.json", path), path)
    fields = Fields(manifest, path, "manifest")
    check_format(fields, RUN_FORMAT, RUN_VERSION, path)
    run = Run(
        key_digest=fields.digest("key_digest"),
        run_id=fields.digest("run_id"),
        receipts=_receipts(fields, members, path),
        input_digests=fields.digests("inputs"),
        output_digests=fields.digests("outputs"),
        tensors=_tensors(fields, members, path),
    )
    fields.done()
    if set(members) != set(run.members()):
        stray = min(set(members) ^ set(run.members()))
        raise MalformedArchive(path, f"member {stray!r} is not the manifest's")
    if run.run_id != run.computed_id:
        raise MalformedArchive(
            path, f"the run id is {run.run_id}, what it claims has the id {run.computed_id}"
        )
    return run


def _receipts(fields: Fields, members: Mapping[str, bytes], path: str) -> tuple[Receipt, ...]:
    receipts = []
    for position, item in enumerate(fields.objects("receipts")):
        evidence = item.text("evidence")
        if evidence not in ("proof", "joint"):
            raise item.refuse("the evidence is of a kind that this release does not read")
        name = proof_member(position, evidence == "joint")
        data = take_member(members, name, path)
        if sha256_hex(data) != item.digest("proof_sha256"):
            raise MalformedArchive(path, f"{name} does not match its digest")
        proof = Proof(data, read_usage(item), evidence == "joint")
        receipts.append(Receipt(read_statement(item), proof))
        item.done()
    return tuple(receipts)


def read_statement(fields: Fields) -> Statement:
    """The statement in a receipt's record."""
    return Statement(
        fields.integer("block", 0, MAX_BLOCKS),
        _commitments(fields, "inputs"),
        _commitments(fields, "outputs"),
    )


def _commitments(fields: Fields, name: str) -> tuple[Commitment, ...]:
    found = []
    for item in fields.objects(name):
        found.append(Commitment(read_link(item), item.hex_bytes("value", MAX_COMMITMENT_BYTES)))
        item.done()
    return tuple(found)


def read_usage(fields: Fields) -> Usage | None:
    """What proving took, in a receipt's record."""
    inner = fields.optional_object("usage")
    if inner is None:
        return None
    usage = Usage(
        inner.integer("wall_ms", 0, 1 << 40) / 1000,
        inner.integer("cpu_ms", 0, 1 << 40) / 1000,
        inner.integer("peak_rss_bytes", 0, 1 << 50),
    )
    inner.done()
    return usage


def _tensors(fields: Fields, members: Mapping[str, bytes], path: str) -> dict[str, bytes]:
    found = {}
    for position, (name, digest) in enumerate(fields.digests("tensors").items()):
        data = take_member(members, f"tensors/{position}.bin", path)
        if sha256_hex(data) != digest:
            raise MalformedArchive(path, f"tensors/{position}.bin does not match its digest")
        found[name] = data
    return found
