"""Provers that send other messages than the protocol's, about integers that may well be true."""

from __future__ import annotations

import itertools
import random
import struct
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.provers.sumcheck.cheats import blocks
from tests.provers.sumcheck.cheats.attempt import Claimed, judged, proof_of, refused, sample
from tests.provers.sumcheck.cheats.channels import (
    Edit,
    Lazy,
    Sent,
    Workless,
    editing,
    plus_one,
    recorded,
)
from tests.provers.sumcheck.systems import NAMES
from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.field import P

RICH = ("matmul", "squares", "picked", "mixed", "maximum")


@cache
def pieces(name: str, preset: str = "TEST") -> tuple[Claimed, bytes, list[Sent]]:
    case = sample(name, preset)
    return case, *recorded(case)


@pytest.mark.parametrize("name", NAMES)
def test_one_bit_of_any_message(name: str) -> None:
    """Every message of every System is looked at."""
    case, proof, sent = pieces(name)
    rng = random.Random(1)
    picked = sent if len(sent) < 24 else sorted(rng.sample(sent, 24), key=lambda m: m.start)
    for message in picked:
        if message.size:
            at = message.start + rng.randrange(message.size)
            changed = proof[:at] + bytes([proof[at] ^ 1 << rng.randrange(8)]) + proof[at + 1 :]
            refused(case, changed)


@pytest.mark.parametrize("name", RICH)
def test_one_element_of_any_message_and_everything_after_it_anew(name: str) -> None:
    """The cheater absorbs what he sends and goes on: still refused."""
    case, _, sent = pieces(name)
    labels = {"roots-of-trees": 1, "h": 3, "children": 3, "linear": 1, "g": 3, "factors": 1, "t": 3}
    for label, most in {**labels, "w": 1}.items():
        for number in range(min(most, sum(message.label == label for message in sent))):
            refused(case, proof_of(case, editing({(label, number): plus_one})))


def test_a_message_that_is_not_what_it_should_be_fails_where_it_is_checked() -> None:
    case = sample("matmul")
    reasons = {
        "roots-of-trees": "rows",
        "children": "tree",
        "factors": "products",
        "g": "products",
        "linear": "products",
        "w": "claims",
    }
    for label, by in reasons.items():
        refused(case, proof_of(case, editing({(label, 0): plus_one})), by=by)


# --- work ---------------------------------------------------------------------------------------


def test_a_nonce_without_work() -> None:
    case = sample("matmul")
    refused(case, proof_of(case, Lazy), by="work")


def test_no_nonce() -> None:
    case = sample("matmul")
    refused(case, proof_of(case, Workless))


def test_a_nonce_of_another_proof() -> None:
    """Work counts for one state only."""
    case, proof, sent = pieces("matmul")
    other = replace(case, context=b"run 01, block 0")
    for again in range(20):
        other = replace(case, context=f"run {again}, block 0".encode())
        made, theirs = recorded(other)
        first = next(message for message in theirs if message.label == "grind")
        mine = next(message for message in sent if message.label == "grind")
        if mine.of(proof) != first.of(made):
            break
    stolen = first.put(made, mine.of(proof))
    refused(other, stolen)


def test_work_of_the_second_kind_is_checked_too() -> None:
    case, proof, sent = pieces("matmul")
    nonces = [message for message in sent if message.label == "grind"]
    assert len(nonces) == 2
    for nonce in range(100):
        changed = nonces[1].put(proof, struct.pack("<Q", nonce))
        found = judged(case.system, case.inputs, case.outputs, case.context, changed)
        assert changed == proof or None not in found
        if found[0] is not None and "does not show the work" in found[0]:
            assert "does not show the work" in (found[1] or "")
            return
    raise AssertionError("every nonce passed for work")


# --- fractions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tree", [0, 1])
def test_zero_denominators(tree: int) -> None:
    """0/0 adds up with anything, so denominators must not be 0."""

    def nothing(values: list[field.Element]) -> list[field.Element]:
        zero = field.zero(len(values[0]))
        return [zero, zero, *values[2:]] if tree == 0 else [*values[:2], zero, zero]

    case = sample("matmul")
    refused(case, proof_of(case, editing({("roots-of-trees", 0): nothing})), by="rows")


def _balanced(values: list[field.Element]) -> list[field.Element]:
    """P2 = -P1 Q2 / Q1: the fractions add up, whatever the leaves are."""
    p1, q1, _, q2 = values
    return [p1, q1, field.neg(field.mul(field.mul(p1, q2), field.inverse(q1))), q2]


def _missing_row() -> Claimed:
    """A range look-up without a row: the largest x is one too large."""
    case = sample("no_relations")
    position = case.system.outputs[0]
    values = case.values[position].copy()
    values[0] = 10
    return replace(case, values=blocks.with_counts(case.system, {**case.values, position: values}))


def test_fractions_made_to_add_up() -> None:
    case = _missing_row()
    assert blocks.broken(case) == ["key of look-up 0"]
    refused(case, proof_of(case), by="rows")
    refused(case, proof_of(case, editing({("roots-of-trees", 0): _balanced})), by="tree")


def test_fractions_made_to_add_up_one_layer_further() -> None:
    """The lie is handed down to the children; some layer has to own up."""
    case = _missing_row()
    _, sent = recorded(case)
    layers = sum(message.label == "children" for message in sent)
    roots: list[field.Element] = []

    def keep(values: list[field.Element]) -> list[field.Element]:
        roots[:] = _balanced(values)
        return roots

    def fitting(values: list[field.Element]) -> list[field.Element]:
        p0, _, q0, q1 = values
        rest = field.sub(roots[2], field.mul(p0, q1))
        return [p0, field.mul(rest, field.inverse(q0)), q0, q1]

    # Eleven look-ups and ten rows: both trees have four layers.
    assert layers == 8
    edits: dict[tuple[str, int], Edit] = {("roots-of-trees", 0): keep, ("children", 4): fitting}
    refused(case, proof_of(case, editing(edits)), by="tree")


# --- bytes --------------------------------------------------------------------------------------


def test_a_limb_plus_p() -> None:
    """Every limb has one encoding."""
    case, proof, sent = pieces("matmul")
    tried = 0
    for message in sent:
        if message.label in ("opened", "aux", "grind", "public"):
            continue
        words = struct.unpack(f"<{message.size // 4}I", message.of(proof))
        small = next((i for i, word in enumerate(words) if word + P < 1 << 32), None)
        if small is not None:
            lifted = [word + P * (i == small) for i, word in enumerate(words)]
            changed = message.put(proof, struct.pack(f"<{len(words)}I", *lifted))
            by = "canonical" if message.label == "u" else "limb"
            refused(case, changed, by=by)
            tried += 1
    assert tried > 20


@pytest.mark.parametrize("name", NAMES)
def test_truncated(name: str) -> None:
    case, proof, sent = pieces(name)
    for message in sent[:: max(1, len(sent) // 10)]:
        if message.start < len(proof):
            refused(case, proof[: message.start])
    for cut in (1, 4, 32):
        refused(case, proof[:-cut], by="cut")
    refused(case, b"")


@pytest.mark.parametrize("name", NAMES)
def test_extended(name: str) -> None:
    case, proof, _ = pieces(name)
    for more in (b"\x00", b"\x00" * 4, proof[-32:], proof):
        refused(case, proof + more, by="end")


def test_reordered() -> None:
    """Neighbours of the same size change places."""
    case, proof, sent = pieces("matmul")
    tried = 0
    for first, second in itertools.pairwise(sent):
        if first.size == second.size and first.of(proof) != second.of(proof):
            swapped = second.put(first.put(proof, second.of(proof)), first.of(proof))
            refused(case, swapped)
            tried += 1
    assert tried > 20


def test_a_message_left_out_or_sent_twice() -> None:
    case, proof, sent = pieces("squares")
    for message in sent:
        if message.size:
            refused(case, message.put(proof, b""))
            refused(case, message.put(proof, 2 * message.of(proof)))


def test_a_longer_combined_row() -> None:
    """More entries would make any word a code word."""
    case, proof, sent = pieces("matmul")
    u = next(message for message in sent if message.label == "u")
    for more in (1, 4, 8):
        refused(case, u.put(proof, u.of(proof) + bytes(16 * more)))


# --- public values ------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "by"), [(3, None), (9, None), (10, "public"), (P - 1, "public")])
def test_public_values_other_than_the_committed(value: int, by: str | None) -> None:
    """The index is another's; or is none."""
    case, proof, sent = pieces("picked")
    message = next(message for message in sent if message.label == "public")
    values = list(struct.unpack(f"<{message.size // 4}I", message.of(proof)))
    values[0] = value if values[0] != value else value - 1
    refused(case, message.put(proof, struct.pack(f"<{len(values)}I", *values)), by=by)


def test_public_values_other_than_the_committed_proved_throughout() -> None:
    """The prover believes his own public values: the opening does not."""
    case = sample("public_output")
    position = case.system.public[0]
    lied = case.values[position].copy()
    lied[0] = 1 if lied[0] != 1 else 2
    told = replace(case, values={**case.values, position: lied})
    refused(replace(told, context=case.context), proof_of(told), by="claims")
    assert case.outputs != told.outputs
    refused(case, proof_of(told))


def test_a_public_residue_plus_p() -> None:
    case, proof, sent = pieces("picked")
    message = next(message for message in sent if message.label == "public")
    values = np.frombuffer(message.of(proof), "<u4").astype(np.uint64) + P
    refused(case, message.put(proof, values.astype("<u4").tobytes()))


@pytest.mark.parametrize("name", ["matmul", "no_relations"])
def test_without_work_in_the_key_there_is_none_in_the_proof(name: str) -> None:
    case, proof, sent = pieces(name, "TEST_5")
    assert all(message.label != "grind" for message in sent)
    refused(case, proof[:0] + bytes(8) + proof)
