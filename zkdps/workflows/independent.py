"""Check 5 a second time, with a verifier that shares no code with the prover.

Both verifiers must agree on every proof.  If they do not, one of them is wrong, and the run is not
verified whichever it is.  Reference verifiers are imported when they are used: py_ecc takes a
while.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from zkdps.core.errors import CheckFailed, UsageConflict
from zkdps.core.model_key import ModelKey
from zkdps.core.run import Run, commitments, proof_context
from zkdps.core.statement import Receipt
from zkdps.verifier_contracts import REFERENCES

NO_NAME = "none: "


def check_available(key: ModelKey) -> None:
    """Raise `UsageConflict` where there is no second verifier for the key's proofs."""
    if key.prover not in REFERENCES:
        raise UsageConflict(f"there is no reference verifier for proofs of {key.prover}")


def name_of(key: ModelKey, block: int) -> str:
    """What contracts and the reference verifier call a block's key.

    For ezkl, Keccak-256 of its artifact; for sumcheck, SHA-256 of its system.  Where it has no such
    name: `none: ` and the reason.
    """
    if key.prover not in REFERENCES:
        return f"{NO_NAME}keys of {key.prover} have no artifact"
    try:
        return _key_id(key, block)
    except CheckFailed as error:
        return f"{NO_NAME}{error.reason}" + (f" ({error.got})" if error.got else "")


def verify_again(key: ModelKey, run: Run) -> None:
    """Check every proof of a run whose proofs the prover's own verifier accepted.

    Raises:
        CheckFailed: check 5, the reference verifier rejects one.
    """
    try:
        _CHECKS[key.prover](key, run, run.receipts)
    except CheckFailed as error:
        reason = f"the two verifiers disagree: {key.prover} accepts, the reference rejects"
        raise CheckFailed(
            5, f"{reason}: {error.reason}", error.block, None, error.expected, error.got
        ) from error


def explain_rejection(
    key: ModelKey, run: Run, receipt: Receipt, rejected: CheckFailed
) -> CheckFailed:
    """The error to raise for a proof that the prover's own verifier rejected.

    That one, unless the reference verifier accepts the proof.
    """
    try:
        _CHECKS[key.prover](key, run, [receipt])
    except CheckFailed:
        return rejected
    reason = f"the two verifiers disagree: the reference accepts, {key.prover} rejects"
    return CheckFailed(5, f"{reason}: {rejected.reason}", block=rejected.block)


class _Check(Protocol):
    def __call__(self, key: ModelKey, run: Run, receipts: Sequence[Receipt]) -> None:
        """Raise `CheckFailed` unless the reference verifier accepts all receipts."""


def _check_ezkl(key: ModelKey, run: Run, receipts: Sequence[Receipt]) -> None:
    from zkdps.verifier_contracts.reference import verify_all
    from zkdps.verifier_contracts.reference.claims import claim_of

    del run
    verify_all(
        [
            claim_of(
                key.blocks[receipt.statement.block].material,
                key.trust,
                receipt.statement,
                receipt.proof,
                _sizes(key, receipt),
            )
            for receipt in receipts
        ]
    )


def _check_sumcheck(key: ModelKey, run: Run, receipts: Sequence[Receipt]) -> None:
    from zkdps.verifier_contracts.reference.sumcheck.claims import check_receipt

    if key.is_joint:
        from zkdps.verifier_contracts.reference.sumcheck.claims import check_joint

        statements = [receipt.statement for receipt in run.receipts]
        check_joint(
            key.joint_material,
            commitments(key.plan, statements),
            proof_context(run.run_id, None),
            receipts[0].proof,
        )
        return
    for receipt in receipts:
        block = receipt.statement.block
        context = proof_context(run.run_id, block)
        check_receipt(key.blocks[block].material, receipt, context, _sizes(key, receipt))


_CHECKS: dict[str, _Check] = {"ezkl": _check_ezkl, "sumcheck": _check_sumcheck}


def _key_id(key: ModelKey, block: int) -> str:
    material = key.blocks[block].material
    if key.prover == "sumcheck":
        from zkdps.verifier_contracts.reference.sumcheck.claims import key_id_of as sumcheck_id_of

        return sumcheck_id_of(material, block)
    from zkdps.verifier_contracts.reference.claims import key_id_of

    return key_id_of(material, block)


def _sizes(key: ModelKey, receipt: Receipt) -> list[int]:
    """Elements of the block's inputs, then outputs."""
    specs = key.plan.specs
    block = key.plan.blocks[receipt.statement.block]
    return [specs[name].size for name in (*block.inputs, *block.outputs)]
