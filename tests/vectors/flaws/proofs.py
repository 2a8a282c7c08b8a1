"""Flaws in proof bytes: each region of the transcript, its length, its encoding, its place.

A transcript is: the commitments of the statement, commitments of advice columns, evaluations
(scalars), and the two points of the opening argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.vectors.edits import (
    POINT,
    SCALAR,
    flipped,
    replaced,
    unreduced_coordinate,
    unreduced_scalar,
    with_proof,
    with_receipt,
    with_receipts,
)
from tests.vectors.flaws.registry import flaw
from tests.vectors.stored import Stored
from zkdps.core import bn254
from zkdps.core.run import Run

BASE = "honest_polycommit"
LEADING = 4 * POINT
"""Block 0 has two inputs and two outputs."""
LAST_POINT = -POINT
LAST_SCALAR = -2 * POINT - SCALAR

CHANGES: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "proof_leading_commitment": (
        "The first byte of block 0's proof is another than the statement's commitment.",
        lambda data: flipped(data, 0),
        "the proof is not about the commitments that the statement names",
    ),
    "proof_advice_flipped": (
        "A bit of the first advice commitment is turned: no point of the curve any more.",
        lambda data: flipped(data, LEADING + 31),
        "Invalid elliptic curve point encoding",
    ),
    "proof_advice_replaced": (
        "The first advice commitment is another point.",
        lambda data: replaced(data, LEADING, bn254.to_bytes(bn254.GENERATOR)),
        "the proof is invalid",
    ),
    "proof_advice_identity": (
        "The first advice commitment is the identity.",
        lambda data: replaced(data, LEADING, bytes(POINT)),
        "the proof is invalid",
    ),
    "proof_advice_not_reduced": (
        "The first advice commitment has a coordinate that is not reduced.",
        lambda data: unreduced_coordinate(data, LEADING),
        "Invalid elliptic curve point encoding",
    ),
    "proof_evaluation_flipped": (
        "A bit of the last evaluation is turned.",
        lambda data: flipped(data, len(data) + LAST_SCALAR + SCALAR - 1),
        "the proof is invalid",
    ),
    "proof_evaluation_not_reduced": (
        "The last evaluation has the modulus added: the same scalar, written otherwise.",
        lambda data: unreduced_scalar(data, LAST_SCALAR),
        "Invalid scalar encoding",
    ),
    "proof_last_point_flipped": (
        "A bit of the last point is turned: no point of the curve any more.",
        lambda data: flipped(data, len(data) - 1),
        "the proof is invalid",
    ),
    "proof_last_point_negated": (
        "The last point is its inverse.",
        lambda data: replaced(
            data,
            LAST_POINT,
            bn254.to_bytes(bn254.negate(bn254.from_bytes(data[LAST_POINT:]))),
        ),
        "the proof is invalid",
    ),
    "proof_last_point_identity": (
        "The last point is the identity.",
        lambda data: replaced(data, LAST_POINT, bytes(POINT)),
        "the proof is invalid",
    ),
    "proof_last_point_not_reduced": (
        "The last point has a coordinate that is not reduced.",
        lambda data: unreduced_coordinate(data, LAST_POINT),
        "the proof is invalid",
    ),
    "proof_truncated_by_a_byte": (
        "The last byte of block 0's proof is missing.",
        lambda data: data[:-1],
        "a proof of 2623 bytes",
    ),
    "proof_truncated_by_a_point": (
        "The last point of block 0's proof is missing.",
        lambda data: data[:LAST_POINT],
        "the proof is invalid",
    ),
    "proof_truncated_to_commitments": (
        "Block 0's proof ends after the statement's commitments.",
        lambda data: data[:LEADING],
        # The check for padding, one scalar less, is what notices.
        "the proof is not about the commitments that the statement names",
    ),
    "proof_extended_by_a_byte": (
        "A byte follows the end of block 0's proof.",
        lambda data: data + b"\x00",
        "a proof of 2625 bytes",
    ),
    "proof_extended_by_a_scalar": (
        "Thirty-two zero bytes follow the end of block 0's proof.",
        lambda data: data + bytes(SCALAR),
        "the proof has bytes after its end",
    ),
    "proof_doubled": (
        "Block 0's proof stands twice in its file.",
        lambda data: data + data,
        "the proof has bytes after its end",
    ),
    "proof_empty": (
        "Block 0's proof is empty.",
        lambda data: b"",
        "the proof is not about the commitments that the statement names",
    ),
    "proof_of_zeros": (
        "Block 0's proof is all zeros after the commitments.",
        lambda data: data[:LEADING] + bytes(len(data) - LEADING),
        "the proof is invalid",
    ),
}
"""Name to sentence, change of block 0's proof, and part of the message."""


def _register(name: str) -> None:
    sentence, change, says = CHANGES[name]

    @flaw(name, sentence, check=5, block=0, says=says)
    def _(stored: Stored) -> Run:
        run = stored.run(BASE)
        return with_proof(run, 0, change(run.receipts[0].proof.data))


for _name in CHANGES:
    _register(_name)


@flaw(
    "proof_of_last_block_tampered",
    "A bit in the evaluations of the last block's proof is turned; those before are honest.",
    check=5,
    block=2,
    says="the proof is invalid",
)
def _(stored: Stored) -> Run:
    run = stored.run(BASE)
    data = run.receipts[2].proof.data
    return with_proof(run, 2, flipped(data, len(data) + LAST_SCALAR + SCALAR - 1))


@flaw(
    "swapped_proofs",
    "The proofs of blocks 0 and 1 have changed places.",
    check=5,
    block=0,
    says="the proof is not about the commitments that the statement names",
)
def _(stored: Stored) -> Run:
    run = stored.run(BASE)
    zero, one, two = run.receipts
    swapped = replace(zero, proof=one.proof), replace(one, proof=zero.proof)
    return with_receipts(run, *swapped, two)


@flaw(
    "swapped_proofs_poseidon",
    "The proofs of blocks 0 and 1 have changed places, in a run linked by hashes.",
    base="honest_poseidon",
    check=5,
    block=0,
    says="the proof is invalid",
)
def _(stored: Stored) -> Run:
    run = stored.run("honest_poseidon")
    zero, one, two = run.receipts
    swapped = replace(zero, proof=one.proof), replace(one, proof=zero.proof)
    return with_receipts(run, *swapped, two)


@flaw(
    "statement_with_another_proof",
    "Block 1's statement stands over block 2's proof.",
    check=5,
    block=1,
    says="the proof is not about the commitments that the statement names",
)
def _(stored: Stored) -> Run:
    run = stored.run(BASE)
    proof = run.receipts[2].proof
    return with_receipt(run, 1, replace(run.receipts[1], proof=proof))


@flaw(
    "statement_with_proof_of_other_input",
    "Block 1's statement stands over a proof of the same block on another input, as integers.",
    base="honest_public",
    check=5,
    block=1,
    says="the proof is invalid",
)
def _(stored: Stored) -> Run:
    run = stored.run("honest_public")
    proof = stored.run("honest_public_other_input").receipts[1].proof
    return with_receipt(run, 1, replace(run.receipts[1], proof=proof))


@flaw(
    "proof_head_from_other_input",
    "Block 1's proof has the statement's commitments before the rest of another input's proof.",
    check=5,
    block=1,
    says="the proof is invalid",
)
def _(stored: Stored) -> Run:
    run = stored.run(BASE)
    head = run.receipts[1].proof.data[: 3 * POINT]
    rest = stored.run("honest_other_input").receipts[1].proof.data[3 * POINT :]
    return with_proof(run, 1, head + rest)
