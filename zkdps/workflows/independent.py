"""Check 5 a second time, with a verifier that shares no code with the prover.

Both verifiers must agree on every proof.  If they do not, one of them is wrong, and the run is not
verified whichever it is.  The reference verifier is imported when it is used: py_ecc takes a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkdps.core.errors import CheckFailed, UsageConflict
from zkdps.core.model_key import ModelKey
from zkdps.core.run import Run
from zkdps.core.statement import Receipt
from zkdps.verifier_contracts import REFERENCES

if TYPE_CHECKING:
    from zkdps.verifier_contracts.reference import Claim

NO_NAME = "none: "


def check_available(key: ModelKey) -> None:
    """Raise `UsageConflict` where there is no second verifier for the key's proofs."""
    if key.prover not in REFERENCES:
        raise UsageConflict(f"there is no reference verifier for proofs of {key.prover}")


def name_of(key: ModelKey, block: int) -> str:
    """What contracts and the reference verifier call a block's key (Keccak-256 of its artifact).

    Where it has no such name: `none: ` and the reason.
    """
    if key.prover not in REFERENCES:
        return f"{NO_NAME}keys of {key.prover} have no artifact"
    from zkdps.verifier_contracts.reference.claims import key_id_of

    try:
        return key_id_of(key.blocks[block].material, block)
    except CheckFailed as error:
        return f"{NO_NAME}{error.reason}" + (f" ({error.got})" if error.got else "")


def verify_again(key: ModelKey, run: Run) -> None:
    """Check every proof of a run whose proofs the prover's own verifier accepted.

    Raises:
        CheckFailed: check 5, the reference verifier rejects one.
    """
    from zkdps.verifier_contracts.reference import verify_all

    claims = [_claim(key, receipt) for receipt in run.receipts]
    try:
        verify_all(claims)
    except CheckFailed as error:
        reason = f"the two verifiers disagree: {key.prover} accepts, the reference rejects"
        raise CheckFailed(5, f"{reason}: {error.reason}", block=error.block) from error


def explain_rejection(key: ModelKey, receipt: Receipt, rejected: CheckFailed) -> CheckFailed:
    """The error to raise for a proof that the prover's own verifier rejected.

    That one, unless the reference verifier accepts the proof.
    """
    from zkdps.verifier_contracts.reference import verify_all

    try:
        verify_all([_claim(key, receipt)])
    except CheckFailed:
        return rejected
    reason = f"the two verifiers disagree: the reference accepts, {key.prover} rejects"
    return CheckFailed(5, f"{reason}: {rejected.reason}", block=rejected.block)


def _claim(key: ModelKey, receipt: Receipt) -> Claim:
    from zkdps.verifier_contracts.reference.claims import claim_of

    index, specs = receipt.statement.block, key.plan.specs
    block = key.plan.blocks[index]
    sizes = [specs[name].size for name in (*block.inputs, *block.outputs)]
    material = key.blocks[index].material
    return claim_of(material, key.trust, receipt.statement, receipt.proof, sizes)
