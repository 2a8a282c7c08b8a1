"""From a model key's members and a run's receipt to a claim that the reference verifier checks.

What the prover's own verifier takes from elsewhere is taken here from the artifact and compared
once more: the SRS in the artifact is the key's, and the proof starts with the statement's points.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from zkdps.core.errors import CheckFailed, MalformedVka
from zkdps.core.statement import Commitment, Link, Proof, Statement
from zkdps.verifier_contracts.reference.decode import decode
from zkdps.verifier_contracts.reference.scalars import ORDER
from zkdps.verifier_contracts.reference.verify import Claim
from zkdps.verifier_contracts.reference.vka import Vka
from zkdps.verifier_contracts.reference.words import key_id, read_words

VKA_MEMBER = "vka.bin"
REFUSAL_MEMBER = "vka-refusal.json"
SRS_MEMBER = "srs-verifier.bin"

_FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
_MONTGOMERY_INVERSE = pow(1 << 256, -1, _FIELD)
_G2_BYTES = 128
G1_GENERATOR = (1, 2)
G2_GENERATOR = (
    (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
)
"""As EIP-197 gives it; the coordinates' real parts first."""
_WORD_BYTES = 32
_POINT_BYTES = 64
_INTEGER_BYTES = 8


def claim_of(
    material: Mapping[str, bytes],
    trust: Mapping[str, bytes],
    statement: Statement,
    proof: Proof,
    sizes: Sequence[int],
) -> Claim:
    """The claim of one receipt; `sizes` are the elements of the block's inputs, then outputs.

    Raises:
        CheckFailed: check 5, the key holds no usable artifact for the block, the artifact is of
            another SRS, or the proof is not about the statement's commitments.
    """
    block = statement.block
    vka = _artifact(material, block)
    if (vka.srs.g1, vka.srs.g2) != (G1_GENERATOR, G2_GENERATOR):
        raise CheckFailed(5, "the key artifact has other generators than BN254's", block=block)
    if _s_g2(trust, block) != vka.srs.s_g2:
        raise CheckFailed(5, "the key artifact is of another SRS than the key names", block=block)
    commitments = (*statement.inputs, *statement.outputs)
    lengths = [_length_bytes(c.link, size, vka) for c, size in zip(commitments, sizes, strict=True)]
    if [len(c.value) for c in commitments] != lengths:
        raise CheckFailed(5, "a commitment has another length than its tensor's", block=block)
    head = b"".join(c.value for c in commitments if c.link is Link.POLYCOMMIT)
    if not proof.data.startswith(head):
        reason = "the proof is not about the commitments that the statement names"
        raise CheckFailed(5, reason, block=block)
    instances = tuple(value for c in commitments for value in instances_of(c))
    return Claim(vka, proof.data, instances, block)


def instances_of(commitment: Commitment) -> tuple[int, ...]:
    """The public inputs that a commitment stands for, reduced scalars."""
    if commitment.link is Link.POLYCOMMIT:
        return ()
    if commitment.link is Link.POSEIDON:
        # Not reduced here: the verifier refuses scalars beyond the field.
        return (int.from_bytes(commitment.value, "big"),)
    data = commitment.value
    starts = range(0, len(data), _INTEGER_BYTES)
    pieces = (data[start : start + _INTEGER_BYTES] for start in starts)
    integers = (int.from_bytes(piece, "little", signed=True) for piece in pieces)
    return tuple(integer % ORDER for integer in integers)


def _length_bytes(link: Link, size: int, vka: Vka) -> int:
    """Length of the commitment to a tensor of `size` elements.

    A polynomial holds as many as there are usable rows, and there is always one more than is full.
    """
    if link is Link.POLYCOMMIT:
        usable = (1 << vka.logrows) - vka.unusable_rows
        return _POINT_BYTES * (size // usable + 1)
    return _WORD_BYTES if link is Link.POSEIDON else _INTEGER_BYTES * size


def key_id_of(material: Mapping[str, bytes], block: int) -> str:
    """Keccak-256 of the artifact's words, hex: the name of the block's key everywhere.

    Raises:
        CheckFailed: check 5, the key holds no usable artifact for the block.
    """
    return key_id(_words(material, block))


def _artifact(material: Mapping[str, bytes], block: int) -> Vka:
    try:
        return decode(_words(material, block))
    except MalformedVka as error:
        raise CheckFailed(5, str(error), block=block) from error


def _words(material: Mapping[str, bytes], block: int) -> tuple[int, ...]:
    if VKA_MEMBER not in material:
        raise CheckFailed(
            5,
            "the key holds no artifact that the reference verifier could read",
            block=block,
            expected=VKA_MEMBER,
            got=_refusal(material),
        )
    try:
        return read_words(material[VKA_MEMBER])
    except MalformedVka as error:
        raise CheckFailed(5, str(error), block=block) from error


def _refusal(material: Mapping[str, bytes]) -> str:
    try:
        record = json.loads(material[REFUSAL_MEMBER])
        return f"{record['reason']}: {record['detail']}"
    except (KeyError, TypeError, ValueError):
        return "none"


def _s_g2(trust: Mapping[str, bytes], block: int) -> object:
    """[s]₂ at the end of the SRS's verifier part; coordinates are in Montgomery form there."""
    data = trust.get(SRS_MEMBER, b"")[-_G2_BYTES:]
    if len(data) != _G2_BYTES:
        raise CheckFailed(5, "the key carries no SRS", block=block)
    x0, x1, y0, y1 = (
        int.from_bytes(data[at : at + _WORD_BYTES], "little") * _MONTGOMERY_INVERSE % _FIELD
        for at in range(0, _G2_BYTES, _WORD_BYTES)
    )
    return (x0, x1), (y0, y1)
