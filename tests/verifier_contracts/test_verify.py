"""Stored proofs verify; anything else does not, and the error says which check and which block."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verifier_contracts.stored import NAMES, REBUILD, Stored, stored
from zkdps.core.errors import CheckFailed
from zkdps.provers.ezkl.srs import development_s_g2
from zkdps.verifier_contracts.reference import Claim, key_id, verify_all, verify_proof
from zkdps.verifier_contracts.reference.bn254 import FIELD
from zkdps.verifier_contracts.reference.scalars import ORDER


def claim(of: Stored, block: int | None = None) -> Claim:
    return Claim(of.vka, of.proof, of.instances, block)


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_proof_verifies(name: str) -> None:
    one = stored(name)
    try:
        verify_proof(one.vka, one.proof, one.instances)
    except CheckFailed as error:
        pytest.fail(f"{error}; if the circuits were changed on purpose: {REBUILD} {name}")


def test_one_product_of_pairings_for_a_run() -> None:
    verify_all([claim(stored(name), i) for i, name in enumerate(NAMES)])
    verify_all([])


@pytest.mark.parametrize("broken", [0, 4, len(NAMES) - 1])
def test_a_run_names_the_block_that_fails(broken: int) -> None:
    claims = [claim(stored(name), i) for i, name in enumerate(NAMES)]
    last = 64 * claims[broken].vka.points + 31
    claims[broken] = replace(claims[broken], proof=flipped(claims[broken].proof, last))
    with pytest.raises(CheckFailed) as caught:
        verify_all(claims)
    assert (caught.value.check, caught.value.block) == (5, broken)


def test_two_defects_do_not_cancel() -> None:
    """W' and -W' of two proofs add up to nothing unless the factors are random."""
    one = stored("mlp_public")
    x, y = one.proof[-64:-32], int.from_bytes(one.proof[-32:], "big")
    negated = one.proof[:-64] + x + (FIELD - y).to_bytes(32, "big")
    with pytest.raises(CheckFailed):
        verify_all([claim(one), Claim(one.vka, negated, one.instances)])


@pytest.mark.parametrize("name", NAMES)
def test_every_region_of_a_proof_counts(name: str) -> None:
    one = stored(name)
    scalars = 64 * one.vka.points
    ends = len(one.proof) - 128
    for at in (0, 31, 63, scalars - 1, scalars, scalars + 31, ends - 1, ends, len(one.proof) - 1):
        with pytest.raises(CheckFailed) as caught:
            verify_proof(one.vka, flipped(one.proof, at), one.instances)
        assert caught.value.check == 5, f"byte {at}"


@pytest.mark.parametrize("name", [name for name in NAMES if stored(name).instances])
def test_every_instance_counts(name: str) -> None:
    one = stored(name)
    for i in {0, len(one.instances) // 2, len(one.instances) - 1}:
        other = list(one.instances)
        other[i] = (other[i] + 1) % ORDER
        with pytest.raises(CheckFailed):
            verify_proof(one.vka, one.proof, other)


def test_scalars_must_be_reduced() -> None:
    """An instance or evaluation + r is the same element: accepting it would be malleable."""
    one = stored("mlp_public")
    with pytest.raises(CheckFailed, match="reduced"):
        verify_proof(one.vka, one.proof, [one.instances[0] + ORDER, *one.instances[1:]])
    at = 64 * one.vka.points
    value = int.from_bytes(one.proof[at : at + 32], "big") + ORDER
    proof = one.proof[:at] + value.to_bytes(32, "big") + one.proof[at + 32 :]
    with pytest.raises(CheckFailed, match="reduced"):
        verify_proof(one.vka, proof, one.instances)


def test_the_identity_is_no_point_of_a_proof() -> None:
    one = stored("mlp_public")
    with pytest.raises(CheckFailed, match="curve"):
        verify_proof(one.vka, bytes(64) + one.proof[64:], one.instances)


@pytest.mark.parametrize("change", [-32, -1, 1, 32])
def test_the_length_is_exact(change: int) -> None:
    one = stored("mlp_public")
    proof = one.proof[:change] if change < 0 else one.proof + bytes(change)
    with pytest.raises(CheckFailed, match="length"):
        verify_proof(one.vka, proof, one.instances)
    with pytest.raises(CheckFailed, match="instances"):
        verify_proof(one.vka, one.proof, one.instances[:-1])


def test_another_key_of_the_same_shape() -> None:
    """mlp_k15 and mlp_polycommit differ in nothing but k: proofs have the same lengths."""
    one, other = stored("mlp_k15"), stored("mlp_polycommit")
    assert one.vka.proof_bytes == other.vka.proof_bytes
    with pytest.raises(CheckFailed):
        verify_proof(other.vka, one.proof, one.instances)


def test_the_keys_srs_is_the_development_one() -> None:
    """The comparison that check 3 makes: the words of the key against the SRS of the key file."""
    for name in NAMES:
        srs = stored(name).vka.srs
        assert srs.g1 == (1, 2)
        assert srs.s_g2 == development_s_g2(), name


def test_key_ids_are_of_the_words() -> None:
    ids = {stored(name).vka.key_id for name in NAMES}
    assert len(ids) == len(NAMES)
    assert stored("mlp_public").vka.key_id == key_id(stored("mlp_public").words)
    assert all(len(one) == 64 for one in ids)
