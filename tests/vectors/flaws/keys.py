"""Flaws in keys: stale, mixed up, changed; the run is bound to the flawed key each time."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.vectors.edits import (
    archive,
    rebound,
    with_block,
    with_manifest,
    with_material,
    with_settings,
)
from tests.vectors.flaws.registry import Flawed, flaw
from tests.vectors.stored import Stored
from zkdps.core.canonical import sha256_hex
from zkdps.core.model_key import ModelKey
from zkdps.core.plan import Plan
from zkdps.core.run import Run
from zkdps.core.statement import Link
from zkdps.workflows.archive import encode_archive

BASE = "honest_polycommit"


def _bound(stored: Stored, key: ModelKey, run: str = BASE) -> Flawed:
    return Flawed(rebound(stored.run(run), key), key)


def _edited(stored: Stored, edit: Callable[[Any], None]) -> Flawed:
    """A key whose manifest no `ModelKey` can hold, and the run bound to it."""
    members = with_manifest(stored.key("polycommit").members(), edit)
    run = replace(stored.run(BASE), key_digest=sha256_hex(members["manifest.json"]))
    return Flawed(_sealed(run), encode_archive(members))


def _sealed(run: Run) -> Run:
    return replace(run, run_id=run.computed_id)


@flaw(
    "stale_vk",
    "Block 1's verifying key is of an earlier build with other weights.",
    check=5,
    block=1,
    says="the proof is invalid",
)
def _(stored: Stored) -> Flawed:
    stale = stored.key("retrained").blocks[1].material["vk.key"]
    return _bound(stored, with_material(stored.key("polycommit"), 1, vk=stale))


@flaw(
    "vk_of_another_block",
    "Blocks 1 and 2 have each other's verifying keys.",
    check=5,
    block=1,
    says="the proof is invalid",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    one, two = (key.blocks[index].material["vk.key"] for index in (1, 2))
    return _bound(stored, with_material(with_material(key, 1, vk=two), 2, vk=one))


@flaw(
    "vk_truncated",
    "Block 0's verifying key ends in the middle.",
    check=5,
    block=0,
    says="the proof is invalid",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    vk = key.blocks[0].material["vk.key"]
    return _bound(stored, with_material(key, 0, vk=vk[: len(vk) // 2]))


@flaw(
    "vk_empty",
    "Block 0's verifying key is empty.",
    check=5,
    block=0,
    says="the proof is invalid",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, with_material(stored.key("polycommit"), 0, vk=b""))


@flaw(
    "vk_missing",
    "The key has no verifying key for block 0.",
    check=5,
    block=0,
    says="vk.key",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    block = key.blocks[0]
    left = {name: data for name, data in block.material.items() if name != "vk.key"}
    return _bound(stored, with_block(key, 0, replace(block, material=left)))


def _other_k(settings: Any) -> None:
    settings["run_args"]["logrows"] = 13


@flaw(
    "settings_of_another_k",
    "Block 0's settings say a circuit of twice the rows.",
    check=2,
    block=1,
    says="the key's blocks commit to tensors in different ways",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, with_settings(stored.key("polycommit"), 0, _other_k))


def _unlinked(settings: Any) -> None:
    settings["run_args"]["input_visibility"] = "Private"
    settings["run_args"]["output_visibility"] = "Private"


@flaw(
    "settings_without_commitments",
    "Block 1's settings say that its inputs and outputs are private: nothing would be linked.",
    check=2,
    block=1,
    says="visibility 'Private'",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, with_settings(stored.key("polycommit"), 1, _unlinked))


def _one_sided(settings: Any) -> None:
    settings["run_args"]["output_visibility"] = "Private"


@flaw(
    "settings_with_private_output",
    "Block 1's settings commit to its inputs alone.",
    check=2,
    block=1,
    says="inputs are KZGCommit, outputs Private",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, with_settings(stored.key("polycommit"), 1, _one_sided))


@flaw(
    "settings_not_json",
    "Block 0's settings are cut off.",
    check=2,
    block=0,
    says="Unterminated string",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    settings = key.blocks[0].material["settings.json"]
    return _bound(stored, with_material(key, 0, settings=settings[: len(settings) // 2]))


@flaw(
    "key_of_another_link",
    "The key says that boundaries are hashes, its circuits make polynomial commitments.",
    check=2,
    block=0,
    says="they link by polycommit, the key by poseidon",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, replace(stored.key("polycommit"), link=Link.POSEIDON))


@flaw(
    "circuits_of_another_link",
    "The key and the run say hashes, the circuits behind them make polynomial commitments.",
    base="honest_poseidon",
    check=2,
    block=0,
    says="they link by polycommit, the key by poseidon",
)
def _(stored: Stored) -> Flawed:
    key = replace(stored.key("polycommit"), link=Link.POSEIDON)
    return _bound(stored, key, "honest_poseidon")


def _at_scale(plan: Plan, scale_bits: int, *names: str) -> Plan:
    tensors = [
        replace(tensor, scale_bits=scale_bits) if tensor.name in names else tensor
        for tensor in plan.tensors
    ]
    return replace(plan, tensors=tuple(tensors))


@flaw(
    "two_scales",
    "One boundary tensor has another scale than the others: it would link and mean nothing.",
    check=1,
    says="the tensors have several scales: [7, 8]",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    return _bound(stored, replace(key, plan=_at_scale(key.plan, 8, "h")))


@flaw(
    "another_scale_throughout",
    "Every tensor of the key has a scale that the circuits do not have.",
    check=2,
    block=0,
    says="input scales",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    return _bound(stored, replace(key, plan=key.plan.at_scale(8)))


@flaw(
    "basis_of_other_points",
    "The commitment basis of block 0 holds its points in another order.",
    check=7,
    block=0,
    says="the values of 'a' are not those the run proved",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    basis = key.blocks[0].material["basis.bin"]
    swapped = basis[:8] + basis[72:136] + basis[8:72] + basis[136:]
    return _bound(stored, with_material(key, 0, basis=swapped))


@flaw(
    "basis_off_the_curve",
    "The commitment basis of block 0 holds a point that is not on the curve.",
    check=5,
    says="a point that is not on the curve",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    basis = key.blocks[0].material["basis.bin"]
    changed = basis[:8] + basis[40:72] + basis[8:40] + basis[72:]
    return _bound(stored, with_material(key, 0, basis=changed))


@flaw(
    "basis_for_shorter_tensors",
    "The commitment basis of block 2 holds fewer points than the output has elements.",
    check=5,
    says="the basis is for 3 values, got 4",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    basis = key.blocks[2].material["basis.bin"]
    shorter = struct.pack("<II", 12, 3) + basis[8:200] + basis[264:]
    return _bound(stored, with_material(key, 2, basis=shorter))


@flaw(
    "basis_missing",
    "The key has no commitment basis for the model's input.",
    check=5,
    says="cannot recompute the commitment to 'a'",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    block = key.blocks[0]
    left = {name: data for name, data in block.material.items() if name != "basis.bin"}
    return _bound(stored, with_block(key, 0, replace(block, material=left)))


@flaw(
    "unknown_prover",
    "The key names a back end that does not exist.",
    check=1,
    says="a prover that this release does not know",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, replace(stored.key("polycommit"), prover="abacus"))


@flaw(
    "material_changed",
    "A byte of block 0's verifying key does not match the digest in the key's manifest.",
    check=1,
    says="member blocks/0/vk.key does not match its digest",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    members = dict(key.members())
    vk = members["blocks/0/vk.key"]
    members["blocks/0/vk.key"] = bytes([vk[0] ^ 1]) + vk[1:]
    return Flawed(key=encode_archive(members))


@flaw(
    "key_cut_off",
    "The key file lacks its last byte.",
    check=1,
    says="not a zip archive as zkdps writes it",
)
def _(stored: Stored) -> Flawed:
    return Flawed(key=archive(stored.key("polycommit"))[:-1])


def _drop(*path: Any) -> Callable[[Any], None]:
    *where, last = path

    def edit(record: Any) -> None:
        for step in where:
            record = record[step]
        del record[last]

    return edit


def _set(*path: Any) -> Callable[[Any], None]:
    *where, last, value = path

    def edit(record: Any) -> None:
        for step in where:
            record = record[step]
        record[last] = value

    return edit


MANIFESTS: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "key_of_version_2": (
        "The key is of a version that this release does not know.",
        _set("version", 2),
        "is zkdps-key version 2, this zkdps reads zkdps-key version 1",
    ),
    "key_of_unknown_format": (
        "The key is of a format of somebody else's.",
        _set("format", "other-key"),
        "is other-key version 1",
    ),
    "key_with_unknown_field": (
        "The key's manifest has a field that nobody reads.",
        _set("remark", "trust me"),
        "'remark' is unknown",
    ),
    "key_without_accuracy": (
        "The key does not say how accurate the circuits are.",
        _drop("accuracy"),
        "'accuracy' is missing",
    ),
    "key_with_unnamed_member": (
        "The key holds a member that its manifest does not name.",
        _drop("blocks", 0, "material", "basis.bin"),
        "member 'blocks/0/basis.bin' is not the manifest's",
    ),
    "key_with_missing_member": (
        "The key's manifest names a member that is not there.",
        _set("trust", "more.bin", "0" * 64),
        "member 'trust/more.bin' is missing",
    ),
    "key_with_cycle": (
        "Block 0 of the key reads what block 1 makes.",
        _set("blocks", 0, "inputs", ["a", "g"]),
        "the plan is not one: block 0 reads 'g', which nothing before makes",
    ),
    "key_with_unused_block": (
        "Nobody reads what block 1 of the key makes.",
        _set("blocks", 2, "inputs", ["r"]),
        "the plan is not one: tensor 'g' is never used",
    ),
    "key_with_huge_tensor": (
        "A tensor of the key has more elements than any machine holds.",
        _set("tensors", 0, "shape", [1 << 30, 1 << 30]),
        "the shape is out of bounds",
    ),
}
"""Name to sentence, edit of the manifest, and part of the message; check 1 fails."""


def _register(name: str) -> None:
    sentence, edit, says = MANIFESTS[name]

    @flaw(name, sentence, check=1, says=says)
    def _(stored: Stored) -> Flawed:
        return _edited(stored, edit)


for _name in MANIFESTS:
    _register(_name)


def _bloated(settings: Any) -> None:
    settings["total_assignments"] = 1 << 31


@flaw(
    "settings_ask_for_endless_columns",
    "Block 0's settings name more cells than any circuit has: laying it out would never end.",
    check=2,
    block=0,
    says="cells in 2**12 rows",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, with_settings(stored.key("polycommit"), 0, _bloated))


def _other_size(settings: Any) -> None:
    settings["module_sizes"]["polycommit"][0] += 1


@flaw(
    "settings_of_other_sizes",
    "Block 1's settings are about an input of one more element.",
    check=2,
    block=1,
    says="tensors of",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, with_settings(stored.key("polycommit"), 1, _other_size))
