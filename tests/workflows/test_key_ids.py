"""The name of a block's key, and what is said of a block that has none."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.vectors.record import HOME
from zkdps.core.errors import CheckFailed
from zkdps.core.model_key import ModelKey
from zkdps.core.parse_key import parse_key
from zkdps.verifier_contracts.reference import key_id, read_words
from zkdps.workflows import independent
from zkdps.workflows.archive import read_archive
from zkdps.workflows.inspect import key_facts
from zkdps.workflows.verify import read_run_and_key

KEY = HOME / "keys" / "polycommit.zkvk"


def _with_material(key: ModelKey, index: int, **changes: bytes | None) -> ModelKey:
    blocks = list(key.blocks)
    names = {"vka": "vka.bin", "refusal": "vka-refusal.json"}
    material = dict(blocks[index].material)
    for short, data in changes.items():
        material.pop(names[short], None)
        if data is not None:
            material[names[short]] = data
    blocks[index] = replace(blocks[index], material=material)
    return replace(key, blocks=tuple(blocks))


def test_key_ids_are_keccak_of_the_artifacts_words() -> None:
    key = parse_key(read_archive(KEY), str(KEY))
    expected = [key_id(read_words(block.material["vka.bin"])) for block in key.blocks]
    assert key_facts(key)["key_ids"] == expected
    assert len(set(expected)) == len(expected)


def test_a_block_without_an_artifact_says_why() -> None:
    run, key = read_run_and_key(HOME / "honest_polycommit" / "run.zkrun", KEY)
    reason = json.dumps({"reason": "ProverPanicked", "detail": "exceeds 16 bits"}).encode()
    refused = _with_material(key, 1, vka=None, refusal=reason)
    told = key_facts(refused)["key_ids"]
    assert isinstance(told, list) and "ProverPanicked: exceeds 16 bits" in told[1]
    try:
        independent.verify_again(refused, run)
    except CheckFailed as error:
        assert (error.check, error.block) == (5, 1)
        assert error.got == "ProverPanicked: exceeds 16 bits"
    else:
        raise AssertionError("a block without an artifact was verified independently")


def test_a_damaged_artifact_is_no_name() -> None:
    key = parse_key(read_archive(KEY), str(KEY))
    told = key_facts(_with_material(key, 0, vka=b"\x01"))["key_ids"]
    assert isinstance(told, list) and told[0].startswith("none: verifying-key artifact")
