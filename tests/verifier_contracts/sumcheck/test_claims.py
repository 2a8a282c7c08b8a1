"""Runs of the sumcheck back end, verified independently: from key and run files' contents alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

import pytest

from tests.core import synthetic
from tests.provers.sumcheck.systems import honest
from tests.verifier_contracts.sumcheck.proofs import Proved, prove
from zkdps.core.errors import CheckFailed
from zkdps.core.model_key import BlockKey, ModelKey
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.core.run import Run, make_run, proof_context
from zkdps.core.statement import Commitment, Link, Proof, Receipt, Statement
from zkdps.provers.sumcheck.system import PRESETS
from zkdps.verifier_contracts.reference.sumcheck import verify
from zkdps.verifier_contracts.reference.sumcheck.system import PRESETS as REFERENCE_PRESETS
from zkdps.workflows import independent

NAMES = ("matmul", "public_output")
SHAPES = {"x": (5, 6), "y": (5, 7), "a": (6,), "b": (2, 3)}
PLAN = Plan(
    tuple(TensorSpec(name, shape, "float32", 8) for name, shape in SHAPES.items()),
    ("x", "a"),
    ("y", "b"),
    (Block(0, "linear", ("x",), ("y",)), Block(1, "negation", ("a",), ("b",))),
)


def _proved(name: str, context: bytes) -> Proved:
    system, values, _ = honest(name, PRESETS["S100"])
    return prove(system, values, context)


def _material(made: Proved) -> dict[str, bytes]:
    return {"system.json": made.text, "tables.bin": made.tables}


def _receipt(block: int, made: Proved) -> Receipt:
    inputs, outputs = (
        tuple(Commitment(Link.MERKLE, root) for root in roots)
        for roots in (made.inputs, made.outputs)
    )
    return Receipt(Statement(block, inputs, outputs), Proof(made.proof))


@cache
def key_and_run() -> tuple[ModelKey, Run]:
    """Two blocks; statements first, then the run's id, then proofs in its context."""
    stated = [_proved(name, b"") for name in NAMES]
    key = replace(
        synthetic.key(),
        plan=PLAN,
        prover="sumcheck",
        link=Link.MERKLE,
        srs=None,
        trust={},
        blocks=tuple(BlockKey("00" * 32, {}, _material(made)) for made in stated),
    )
    receipts = tuple(_receipt(i, made) for i, made in enumerate(stated))
    run = make_run(key.digest, receipts, {}, {}, with_tensors=False)
    final = [_proved(name, proof_context(run.run_id, i)) for i, name in enumerate(NAMES)]
    return key, replace(run, receipts=tuple(_receipt(i, made) for i, made in enumerate(final)))


def _rejected(key: ModelKey, run: Run, block: int, match: str) -> None:
    with pytest.raises(CheckFailed, match=match) as caught:
        independent.verify_again(key, run)
    assert (caught.value.check, caught.value.block) == (5, block)
    assert "the two verifiers disagree" in caught.value.reason


def test_an_honest_run_is_accepted() -> None:
    key, run = key_and_run()
    assert run.computed_id == run.run_id
    independent.check_available(key)
    independent.verify_again(key, run)
    for receipt in run.receipts:
        rejected = CheckFailed(5, "no", block=receipt.statement.block)
        told = independent.explain_rejection(key, run, receipt, rejected)
        assert "the reference accepts, sumcheck rejects" in told.reason


def test_verify_takes_a_keys_members_and_roots() -> None:
    made = _proved("public_output", b"somewhere")
    verify(_material(made), made.inputs, made.outputs, b"somewhere", made.proof)
    with pytest.raises(CheckFailed, match="number of commitments"):
        verify(_material(made), made.inputs * 2, made.outputs, b"somewhere", made.proof)
    with pytest.raises(CheckFailed, match="root of 32 bytes"):
        verify(_material(made), (b"",), made.outputs, b"somewhere", made.proof)


def test_proofs_stand_in_their_run_and_place() -> None:
    key, run = key_and_run()
    _rejected(key, replace(run, run_id="00" * 32), 0, "disagree")
    swapped = replace(run.receipts[1], proof=run.receipts[0].proof)
    _rejected(key, replace(run, receipts=(run.receipts[0], swapped)), 1, "disagree")
    rejected = CheckFailed(5, "no", block=1)
    assert independent.explain_rejection(key, run, swapped, rejected) is rejected


def test_commitments_are_roots_of_the_blocks_tensors() -> None:
    key, run = key_and_run()
    first, second = run.receipts
    commitment = first.statement.inputs[0]
    for changed, match in (
        (replace(commitment, link=Link.PUBLIC), "not a root"),
        (replace(commitment, value=commitment.value[:-1]), "32 bytes"),
        (replace(commitment, value=bytes(32)), "disagree"),
    ):
        statement = replace(first.statement, inputs=(changed,))
        _rejected(
            key, replace(run, receipts=(replace(first, statement=statement), second)), 0, match
        )
    tensors = tuple(replace(tensor, shape=(7,)) for tensor in PLAN.tensors)
    _rejected(replace(key, plan=replace(PLAN, tensors=tensors)), run, 0, "other tensors")


def test_key_ids() -> None:
    key, run = key_and_run()
    for i, block in enumerate(key.blocks):
        digest = hashlib.sha256(block.material["system.json"]).hexdigest()
        assert independent.name_of(key, i) == digest
    bare = replace(key, blocks=(replace(key.blocks[0], material={}), key.blocks[1]))
    assert independent.name_of(bare, 0).startswith(f"{independent.NO_NAME}the key lacks")
    _rejected(bare, run, 0, "the key lacks")


def test_presets_are_the_provers() -> None:
    assert {
        name: (preset.degree, preset.rate_bits, preset.queries, preset.grind_bits)
        for name, preset in PRESETS.items()
    } == {
        name: (preset.degree, preset.rate_bits, preset.queries, preset.grind_bits)
        for name, preset in REFERENCE_PRESETS.items()
    }
