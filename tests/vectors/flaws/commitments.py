"""Flaws in the commitments of a statement, with the proof left alone or changed to match."""

from __future__ import annotations

from dataclasses import replace

from tests.vectors.edits import (
    POINT,
    flipped,
    replaced,
    unreduced_coordinate,
    unreduced_scalar,
    with_receipts,
    with_statement,
    with_value,
)
from tests.vectors.flaws.registry import flaw
from tests.vectors.stored import Stored
from zkdps.core.bn254 import GENERATOR, ORDER, to_bytes
from zkdps.core.run import Run
from zkdps.core.statement import Link

POLYCOMMIT, POSEIDON, PUBLIC = "honest_polycommit", "honest_poseidon", "honest_public"
NOT_ABOUT = "the proof is not about the commitments that the statement names"
INVALID = "the proof is invalid"


def _everywhere(run: Run, name: str, value: bytes) -> Run:
    """The run with tensor `h` or `r` committed to by `value` wherever it stands."""
    zero, one, two = run.receipts
    h, r = zero.statement.outputs
    old = {"h": h, "r": r}[name]
    swap = {old: with_value(old, value)}
    changed = [
        replace(
            receipt,
            statement=replace(
                receipt.statement,
                inputs=tuple(swap.get(each, each) for each in receipt.statement.inputs),
                outputs=tuple(swap.get(each, each) for each in receipt.statement.outputs),
            ),
        )
        for receipt in (zero, one, two)
    ]
    return with_receipts(run, *changed)


def _first_input(run: Run, value: bytes) -> Run:
    """Block 0's first commitment, in the statement and at the start of the proof."""
    first, *rest = run.receipts[0].statement.inputs
    proof = replaced(run.receipts[0].proof.data, 0, value)
    return with_statement(run, 0, inputs=(with_value(first, value), *rest), proof=proof)


@flaw(
    "tampered_input_commitment",
    "The statement of block 0 names another input than its proof.",
    check=5,
    block=0,
    says=NOT_ABOUT,
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    first, *rest = run.receipts[0].statement.inputs
    return with_statement(run, 0, inputs=(with_value(first, to_bytes(GENERATOR)), *rest))


@flaw(
    "tampered_output_commitment",
    "The statement of block 2 names another output than its proof.",
    check=5,
    block=2,
    says=NOT_ABOUT,
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    (output,) = run.receipts[2].statement.outputs
    return with_statement(run, 2, outputs=(with_value(output, to_bytes(GENERATOR)),))


@flaw(
    "tampered_residual_commitment",
    "The residual has another commitment in every statement, so the boundaries still link.",
    check=5,
    block=0,
    says=NOT_ABOUT,
)
def _(stored: Stored) -> Run:
    return _everywhere(stored.run(POLYCOMMIT), "r", to_bytes(GENERATOR))


@flaw(
    "tampered_commitment_in_both",
    "Statement and proof of block 0 name another input: they agree, and the proof is of neither.",
    check=5,
    block=0,
    says=INVALID,
)
def _(stored: Stored) -> Run:
    return _first_input(stored.run(POLYCOMMIT), to_bytes(GENERATOR))


@flaw(
    "swapped_boundary_commitments",
    "Block 0's statement names its two outputs, of equal shape, in the wrong order.",
    check=5,
    block=0,
    says=NOT_ABOUT,
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    return with_statement(run, 0, outputs=run.receipts[0].statement.outputs[::-1])


@flaw(
    "swapped_boundary_in_both",
    "Block 1's statement and proof both name its two inputs in the wrong order.",
    check=5,
    block=1,
    says=INVALID,
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    h, r = run.receipts[1].statement.inputs
    proof = replaced(run.receipts[1].proof.data, 0, r.value + h.value)
    return with_statement(run, 1, inputs=(r, h), proof=proof)


@flaw(
    "swapped_boundary_poseidon",
    "Block 1's statement names its two inputs in the wrong order, as hashes.",
    base=POSEIDON,
    check=5,
    block=1,
    says=INVALID,
)
def _(stored: Stored) -> Run:
    run = stored.run(POSEIDON)
    return with_statement(run, 1, inputs=run.receipts[1].statement.inputs[::-1])


@flaw(
    "swapped_boundary_public",
    "Block 1's statement names its two inputs in the wrong order, as integers.",
    base=PUBLIC,
    check=5,
    block=1,
    says=INVALID,
)
def _(stored: Stored) -> Run:
    run = stored.run(PUBLIC)
    return with_statement(run, 1, inputs=run.receipts[1].statement.inputs[::-1])


@flaw(
    "changed_instance",
    "One open integer of the residual is one larger in every statement.",
    base=PUBLIC,
    check=5,
    block=0,
    says=INVALID,
)
def _(stored: Stored) -> Run:
    run = stored.run(PUBLIC)
    return _everywhere(run, "r", flipped(run.receipts[0].statement.outputs[1].value, 0))


@flaw(
    "instance_plus_modulus",
    "One open integer has the field's modulus added, which needs more than its eight bytes.",
    base=PUBLIC,
    check=4,
    block=0,
    says="tensor 'r' has another size",
)
def _(stored: Stored) -> Run:
    run = stored.run(PUBLIC)
    value = run.receipts[0].statement.outputs[1].value
    first = int.from_bytes(value[:8], "little", signed=True)
    return _everywhere(run, "r", (first + ORDER).to_bytes(32, "little") + value[8:])


@flaw(
    "changed_hash",
    "The residual has another Poseidon hash in every statement.",
    base=POSEIDON,
    check=5,
    block=0,
    says=INVALID,
)
def _(stored: Stored) -> Run:
    run = stored.run(POSEIDON)
    return _everywhere(run, "r", flipped(run.receipts[0].statement.outputs[1].value, 31))


@flaw(
    "hash_plus_modulus",
    "The residual's hash has the field's modulus added: the same scalar, written otherwise.",
    base=POSEIDON,
    check=5,
    block=0,
    says="a hash that is not a reduced scalar",
)
def _(stored: Stored) -> Run:
    run = stored.run(POSEIDON)
    return _everywhere(run, "r", unreduced_scalar(run.receipts[0].statement.outputs[1].value, 0))


@flaw(
    "commitment_off_the_curve",
    "Block 0's first commitment, in statement and proof, is no point of the curve.",
    check=5,
    block=0,
    says="Invalid elliptic curve point encoding",
)
def _(stored: Stored) -> Run:
    return _first_input(stored.run(POLYCOMMIT), to_bytes((1, 1)))


@flaw(
    "commitment_is_the_identity",
    "Block 0's first commitment, in statement and proof, is the identity.",
    check=5,
    block=0,
    says=INVALID,
)
def _(stored: Stored) -> Run:
    return _first_input(stored.run(POLYCOMMIT), bytes(POINT))


@flaw(
    "commitment_not_reduced",
    "Block 0's first commitment is the same point with a coordinate that is not reduced.",
    check=5,
    block=0,
    says="Invalid elliptic curve point encoding",
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    return _first_input(run, unreduced_coordinate(run.receipts[0].statement.inputs[0].value, 0))


@flaw(
    "commitment_too_short",
    "Block 0's first commitment lacks its last byte.",
    check=5,
    block=0,
    says="a commitment of 63 bytes, expected 64",
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    first, *rest = run.receipts[0].statement.inputs
    return with_statement(run, 0, inputs=(with_value(first, first.value[:-1]), *rest))


@flaw(
    "commitment_of_two_points",
    "One commitment of block 0 has swallowed the next, so that all bytes are still there.",
    check=5,
    block=0,
    says="a commitment of 128 bytes, expected 64",
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    a, b = run.receipts[0].statement.inputs
    return with_statement(run, 0, inputs=(with_value(a, a.value + b.value), with_value(b, b"")))


@flaw(
    "missing_commitment",
    "Block 1's statement names one input of two.",
    check=4,
    block=1,
    says="the statement has the wrong number of inputs",
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    return with_statement(run, 1, inputs=run.receipts[1].statement.inputs[:1])


@flaw(
    "shifted_commitment",
    "Block 0's second input stands among its outputs.",
    check=4,
    block=0,
    says="the statement has the wrong number of inputs",
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    old = run.receipts[0].statement
    return with_statement(run, 0, inputs=old.inputs[:1], outputs=(old.inputs[1], *old.outputs))


@flaw(
    "other_link_scheme",
    "A commitment of block 1 says that it is a Poseidon hash; the key's are polynomial.",
    check=4,
    block=1,
    says="tensor 'h' is committed to by another scheme",
)
def _(stored: Stored) -> Run:
    run = stored.run(POLYCOMMIT)
    h, r = run.receipts[1].statement.inputs
    return with_statement(run, 1, inputs=(replace(h, link=Link.POSEIDON), r))
