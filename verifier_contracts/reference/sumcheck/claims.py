"""From a model key's members and a run's receipt to a check by the reference verifier."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from zkdps.core.errors import CheckFailed
from zkdps.core.statement import Commitment, Link, Proof, Receipt
from zkdps.verifier_contracts.reference.sumcheck.transcript import CHECK, failed
from zkdps.verifier_contracts.reference.sumcheck.verify import (
    SYSTEM_MEMBER,
    read_system,
    verify_system,
)


def check_receipt(
    material: Mapping[str, bytes], receipt: Receipt, context: bytes, sizes: Sequence[int]
) -> None:
    """Check one receipt; `sizes` are the elements of the block's inputs, then outputs.

    Raises:
        CheckFailed: check 5, naming the block: the key holds no usable system, it is about other
            tensors than the block's, or the proof does not prove the statement.
    """
    statement = receipt.statement
    try:
        system = read_system(material)
        held = [system.tensors[i].size for i in (*system.inputs, *system.outputs)]
        if held != list(sizes):
            raise failed("the key's system is about other tensors", str(list(sizes)), str(held))
        inputs, outputs = _roots(statement.inputs), _roots(statement.outputs)
        verify_system(system, inputs, outputs, context, receipt.proof.data)
    except CheckFailed as error:
        reason, block = error.reason, statement.block
        raise CheckFailed(CHECK, reason, block, None, error.expected, error.got) from error


def check_joint(
    material: Mapping[str, bytes],
    commitments: Mapping[str, Commitment],
    context: bytes,
    proof: Proof,
) -> None:
    """Check a proof of all blocks; `material` is the merged system's, `commitments` by tensor name.

    Raises:
        CheckFailed: check 5, the key holds no usable system, the statements lack one of its
            tensors, or the proof does not prove them.
    """
    try:
        system = read_system(material)
        sides = []
        for positions in (system.inputs, system.outputs):
            names = [system.tensors[position].name for position in positions]
            missing = [name for name in names if name not in commitments]
            if missing:
                raise failed("the statements lack a tensor", missing[0], "none")
            sides.append(_roots([commitments[name] for name in names]))
        verify_system(system, sides[0], sides[1], context, proof.data)
    except CheckFailed as error:
        raise CheckFailed(CHECK, error.reason, None, None, error.expected, error.got) from error


def key_id_of(material: Mapping[str, bytes], block: int) -> str:
    """SHA-256 of `system.json`, hex: the name of the block's key, and what its proofs are bound to.

    Raises:
        CheckFailed: check 5, the key holds no usable system for the block.
    """
    try:
        read_system(material)
    except CheckFailed as error:
        raise CheckFailed(CHECK, error.reason, block, None, error.expected, error.got) from error
    return hashlib.sha256(material[SYSTEM_MEMBER]).hexdigest()


def _roots(commitments: Sequence[Commitment]) -> list[bytes]:
    for commitment in commitments:
        if commitment.link is not Link.MERKLE:
            raise failed("a commitment is not a root", Link.MERKLE.value, commitment.link.value)
    return [commitment.value for commitment in commitments]
