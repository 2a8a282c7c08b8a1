"""Real proofs in the wrong place: spliced, reordered, dropped, repeated, foreign."""

from __future__ import annotations

from dataclasses import replace

from tests.vectors.edits import sealed, with_receipt, with_receipts
from tests.vectors.flaws.registry import Flawed, flaw
from tests.vectors.stored import Stored
from zkdps.core.run import Run
from zkdps.core.statement import Receipt

FIRST, SECOND = "honest_polycommit", "honest_other_input"


def _pick(stored: Stored, *positions: int) -> Run:
    run = stored.run(FIRST)
    return with_receipts(run, *(run.receipts[position] for position in positions))


def _spliced(stored: Stored, block: int, first: str = FIRST, second: str = SECOND) -> Run:
    return with_receipt(stored.run(first), block, stored.run(second).receipts[block])


@flaw(
    "spliced_first_block",
    "Block 0 is a real proof on another input, so block 1 read something else than it wrote.",
    check=6,
    block=1,
    says="block 1 read another 'h' than block 0 wrote",
)
def _(stored: Stored) -> Run:
    return _spliced(stored, 0)


@flaw(
    "spliced_middle_block",
    "Block 1 is a real proof on another input: valid alone, with the wrong neighbours.",
    check=6,
    block=1,
    says="block 1 read another 'h' than block 0 wrote",
)
def _(stored: Stored) -> Run:
    return _spliced(stored, 1)


@flaw(
    "spliced_last_block",
    "Block 2 is a real proof on another input: valid alone, with the wrong neighbours.",
    check=6,
    block=2,
    says="block 2 read another 'r' than block 0 wrote",
)
def _(stored: Stored) -> Run:
    return _spliced(stored, 2)


@flaw(
    "spliced_poseidon",
    "Block 1 is a real proof on another input, in a run linked by Poseidon hashes.",
    base="honest_poseidon",
    check=6,
    block=1,
    says="block 1 read another 'h' than block 0 wrote",
)
def _(stored: Stored) -> Run:
    return _spliced(stored, 1, "honest_poseidon", "honest_poseidon_other_input")


@flaw(
    "spliced_public",
    "Block 1 is a real proof on another input, in a run linked by the integers themselves.",
    base="honest_public",
    check=6,
    block=1,
    says="block 1 read another 'h' than block 0 wrote",
)
def _(stored: Stored) -> Run:
    return _spliced(stored, 1, "honest_public", "honest_public_other_input")


@flaw(
    "crossed_boundary",
    "Block 1 is a real proof over block 0's two outputs in the wrong order.",
    check=6,
    block=1,
    says="block 1 read another 'h' than block 0 wrote",
)
def _(stored: Stored) -> Run:
    return stored.crossed


@flaw(
    "other_input_claimed",
    "Every block is from another input, while the claimed digests are those of the known one.",
    check=7,
    block=0,
    says="the values of 'a' are not those the run proved",
)
def _(stored: Stored) -> Run:
    return with_receipts(stored.run(FIRST), *stored.run(SECOND).receipts)


@flaw(
    "swapped_inputs",
    "The model's two inputs, of equal shape, changed places before they were proved.",
    check=7,
    block=0,
    says="the values of 'a' are not those the run proved",
)
def _(stored: Stored) -> Run:
    return stored.run("honest_swapped_inputs")


@flaw(
    "retrained_middle_block",
    "Block 1 was proved with other weights, and the rest of the chain follows it faithfully.",
    check=5,
    block=1,
    says="the proof is invalid",
)
def _(stored: Stored) -> Run:
    other = stored.run("honest_retrained")
    return sealed(replace(other, key_digest=stored.key("polycommit").digest))


@flaw(
    "foreign_block",
    "Block 1 is a real proof of another model's block 1 on the same values.",
    check=5,
    block=1,
    says="the proof is invalid",
)
def _(stored: Stored) -> Run:
    return _spliced(stored, 1, FIRST, "honest_retrained")


@flaw(
    "dropped_first_block",
    "Block 0 is missing.",
    check=4,
    block=0,
    says="block 0 is missing",
)
def _(stored: Stored) -> Run:
    return _pick(stored, 1, 2)


@flaw(
    "dropped_middle_block",
    "Block 1 is missing.",
    check=4,
    block=1,
    says="block 1 is missing",
)
def _(stored: Stored) -> Run:
    return _pick(stored, 0, 2)


@flaw(
    "dropped_last_block",
    "Block 2 is missing.",
    check=4,
    block=2,
    says="block 2 is missing",
)
def _(stored: Stored) -> Run:
    return _pick(stored, 0, 1)


@flaw("no_blocks", "The run has no receipts at all.", check=4, block=0, says="block 0 is missing")
def _(stored: Stored) -> Run:
    return _pick(stored)


@flaw(
    "repeated_block",
    "Block 1 stands twice in the run.",
    check=4,
    block=1,
    says="block 1 is covered more than once",
)
def _(stored: Stored) -> Run:
    return _pick(stored, 0, 1, 1, 2)


@flaw(
    "reordered_blocks",
    "Blocks 0 and 1 stand in the wrong order.",
    check=4,
    says="receipts are foreign or out of order",
)
def _(stored: Stored) -> Run:
    return _pick(stored, 1, 0, 2)


@flaw(
    "block_beyond_the_plan",
    "A fourth block follows, which the plan does not have.",
    check=4,
    says="receipts are foreign or out of order",
)
def _(stored: Stored) -> Run:
    run = stored.run(FIRST)
    last = run.receipts[2]
    fourth = Receipt(replace(last.statement, block=3), last.proof)
    return with_receipts(run, *run.receipts, fourth)


@flaw(
    "blocks_renamed",
    "The receipts of blocks 0 and 1 claim to be each other's.",
    check=4,
    block=0,
    says="the statement has the wrong number of outputs",
)
def _(stored: Stored) -> Run:
    run = stored.run(FIRST)
    zero, one, two = run.receipts
    return with_receipts(
        run,
        replace(one, statement=replace(one.statement, block=0)),
        replace(zero, statement=replace(zero.statement, block=1)),
        two,
    )


@flaw(
    "other_models_key",
    "The run is honest, and of another model than the key that it is checked with.",
    base="honest_retrained",
    check=2,
    says="the run was proved under another key",
)
def _(stored: Stored) -> Flawed:
    call = stored.vector(FIRST).call
    return Flawed(call={"key": call.key, "key_digest": None})


@flaw(
    "another_trusted_key",
    "The run is honest under its key, which is not the key that the auditor trusts.",
    check=2,
    says="this is not the key you trust",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"key_digest": stored.key("retrained").digest})


@flaw(
    "relabelled_key_digest",
    "A run of another model names the trusted key, with an id that fits.",
    base="honest_retrained",
    check=5,
    block=1,
    says="the proof is invalid",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    run = sealed(replace(stored.run("honest_retrained"), key_digest=key.digest))
    return Flawed(run, call={"key": stored.vector(FIRST).call.key, "key_digest": key.digest})
