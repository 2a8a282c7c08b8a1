"""Flaws in a run's manifest and members: versions, fields, digests, ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.vectors.edits import with_manifest
from tests.vectors.flaws.registry import flaw
from tests.vectors.stored import Stored
from zkdps.core.canonical import canonical_json
from zkdps.core.run import Run
from zkdps.workflows.archive import encode_archive

BASE = "honest_polycommit"
USAGE = {"wall_ms": -1, "cpu_ms": 1, "peak_rss_bytes": 1}


def _set(*path: Any) -> Callable[[Any], None]:
    *where, last, value = path

    def edit(record: Any) -> None:
        for step in where:
            record = record[step]
        record[last] = value

    return edit


def _drop(*path: Any) -> Callable[[Any], None]:
    *where, last = path

    def edit(record: Any) -> None:
        for step in where:
            record = record[step]
        del record[last]

    return edit


EDITS: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "run_of_version_2": (
        "The run is of a version that this release does not know.",
        _set("version", 2),
        "is zkdps-run version 2, this zkdps reads zkdps-run version 1",
    ),
    "run_of_version_true": (
        "The run's version is `true`, which equals 1 in some languages.",
        _set("version", True),
        "'version' is not an integer",
    ),
    "run_of_unknown_format": (
        "The run is of a format of somebody else's.",
        _set("format", "other-run"),
        "is other-run version 1",
    ),
    "run_with_unknown_field": (
        "The run's manifest has a field that nobody reads.",
        _set("remark", "trust me"),
        "'remark' is unknown",
    ),
    "receipt_with_unknown_field": (
        "A receipt has a field that nobody reads.",
        _set("receipts", 0, "skip", True),
        "'skip' is unknown",
    ),
    "commitment_with_unknown_field": (
        "A commitment has a field that nobody reads.",
        _set("receipts", 0, "inputs", 0, "scale", 8),
        "'scale' is unknown",
    ),
    "run_without_key_digest": (
        "The run does not say which key it was proved under.",
        _drop("key_digest"),
        "'key_digest' is missing",
    ),
    "receipt_without_outputs": (
        "A receipt does not say what it claims.",
        _drop("receipts", 1, "outputs"),
        "'outputs' is missing",
    ),
    "unknown_evidence": (
        "A receipt's evidence is a promise.",
        _set("receipts", 1, "evidence", "promise"),
        "the evidence is of a kind that this release does not read",
    ),
    "evidence_of_agreement": (
        "A receipt's evidence is agreement of executors, which version 1 does not have.",
        _set("receipts", 1, "evidence", "cdv"),
        "the evidence is of a kind that this release does not read",
    ),
    "unknown_link": (
        "A commitment is of a scheme that does not exist.",
        _set("receipts", 0, "inputs", 0, "link", "handshake"),
        "'handshake' is no commitment scheme",
    ),
    "negative_block": (
        "A receipt is of block -1.",
        _set("receipts", 0, "block", -1),
        "'block' is not an integer in 0..",
    ),
    "negative_usage": (
        "Proving took less than no time.",
        _set("receipts", 0, "usage", USAGE),
        "'wall_ms' is not an integer in 0..",
    ),
    "upper_case_digest": (
        "A digest is written in capitals.",
        _set("outputs", "y", "AB" * 32),
        "'y' is not a SHA-256 digest",
    ),
    "odd_hex": (
        "A commitment has half a byte.",
        _set("receipts", 0, "inputs", 0, "value", "abc"),
        "'value' is not hex",
    ),
    "proof_digest": (
        "A proof does not match the digest in the manifest.",
        _set("receipts", 1, "proof_sha256", "0" * 64),
        "proofs/1.bin does not match its digest",
    ),
    "carried_tensor_missing": (
        "The manifest names a carried tensor that is not there.",
        _set("tensors", {"a": "0" * 64}),
        "member 'tensors/0.bin' is missing",
    ),
    "receipts_not_a_list": (
        "The receipts are an object.",
        _set("receipts", {}),
        "'receipts' is not a list",
    ),
}
"""Name to sentence, edit of the manifest, and part of the message; check 1 fails."""


def _register(name: str) -> None:
    sentence, edit, says = EDITS[name]

    @flaw(name, sentence, check=1, says=says)
    def _(stored: Stored) -> bytes:
        return encode_archive(with_manifest(stored.run(BASE).members(), edit))


for _name in EDITS:
    _register(_name)


@flaw(
    "replayed_under_another_id",
    "The run is honest and goes by the id of another run.",
    check=1,
    says="what it claims has the id",
)
def _(stored: Stored) -> Run:
    return replace(stored.run(BASE), run_id=stored.run("honest_other_input").run_id)


@flaw(
    "claims_changed_under_the_same_id",
    "A claimed digest was changed and the run kept its id.",
    check=1,
    says="what it claims has the id",
)
def _(stored: Stored) -> Run:
    return replace(stored.run(BASE), output_digests={"y": "0" * 64})


@flaw(
    "run_without_manifest", "The run has no manifest.", check=1, says="'manifest.json' is missing"
)
def _(stored: Stored) -> bytes:
    members = stored.run(BASE).members()
    return encode_archive({name: members[name] for name in members if name != "manifest.json"})


@flaw("run_without_a_proof", "A proof is missing.", check=1, says="'proofs/1.bin' is missing")
def _(stored: Stored) -> bytes:
    members = stored.run(BASE).members()
    return encode_archive({name: members[name] for name in members if name != "proofs/1.bin"})


@flaw(
    "run_with_a_stray_member",
    "The run holds a proof that no receipt names.",
    check=1,
    says="member 'proofs/3.bin' is not the manifest's",
)
def _(stored: Stored) -> bytes:
    return encode_archive({**stored.run(BASE).members(), "proofs/3.bin": b"more"})


@flaw(
    "empty_archive", "The run is an archive of nothing.", check=1, says="'manifest.json' is missing"
)
def _(stored: Stored) -> bytes:
    return encode_archive({})


@flaw(
    "key_instead_of_run",
    "The file given as the run is the key.",
    check=1,
    says="is zkdps-key version 1, this zkdps reads zkdps-run version 1",
)
def _(stored: Stored) -> bytes:
    return encode_archive(stored.key("polycommit").members())


@flaw(
    "manifest_not_an_object",
    "The run's manifest is a list.",
    check=1,
    says="the JSON is not an object",
)
def _(stored: Stored) -> bytes:
    return encode_archive({"manifest.json": canonical_json([])})
