"""Untrusted artifacts: one of our errors or a key, quickly, whatever the words are."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.verifier_contracts.mutate import mutate_words
from tests.verifier_contracts.stored import NAMES, stored
from zkdps.core.errors import CheckFailed, MalformedVka
from zkdps.verifier_contracts.reference import (
    Vka,
    decode,
    decode_file,
    read_words,
    verify_proof,
    work_bound,
)
from zkdps.verifier_contracts.reference.work import MAX_GROUP_TERMS, MAX_MULTIPLICATIONS

WORDS = st.one_of(
    st.integers(0, 255),
    st.integers(0, (1 << 16) - 1),
    st.integers(0, (1 << 256) - 1),
    st.integers(0, 255).map(lambda bit: 1 << bit),
)
FUZZ = settings(max_examples=250, deadline=2000, suppress_health_check=[HealthCheck.too_slow])


def decoded(words: list[int]) -> Vka | None:
    try:
        vka = decode(words)
    except MalformedVka as error:
        assert error.message() and error.word >= 0
        return None
    work = work_bound(vka)
    assert work.multiplications <= MAX_MULTIPLICATIONS
    assert work.group_terms <= MAX_GROUP_TERMS
    return vka


@pytest.mark.parametrize("name", NAMES)
def test_what_a_key_says(name: str) -> None:
    one = stored(name)
    assert one.vka.proof_bytes == len(one.proof)
    assert one.vka.instances == len(one.instances)
    assert one.vka.user_challenges == (2 if "attention" in name or "freivalds" in name else 0)
    assert one.vka.logrows == {"mlp_k15": 15, "maxpool": 13}.get(
        name, 13 if "attention" in name else 12
    )


@FUZZ
@given(st.sampled_from(NAMES), st.data())
def test_replaced_words(name: str, data: st.DataObject) -> None:
    words = list(stored(name).words)
    for _ in range(data.draw(st.integers(1, 3))):
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(WORDS)
    decoded(words)


@FUZZ
@given(st.sampled_from(NAMES), st.data())
def test_replaced_pointers(name: str, data: st.DataObject) -> None:
    """16 bits anywhere in the packed sections, where every pointer, length and opcode lies."""
    words = list(stored(name).words)
    at = data.draw(st.integers(26, len(words) - 1))
    shift = 8 * data.draw(st.integers(0, 30))
    field = data.draw(st.integers(0, (1 << 16) - 1))
    words[at] = words[at] & ~(0xFFFF << shift) | field << shift
    decoded(words)


@FUZZ
@given(st.sampled_from(NAMES), st.data())
def test_cut_and_stretched(name: str, data: st.DataObject) -> None:
    words = list(stored(name).words)
    at = data.draw(st.integers(0, len(words)))
    if data.draw(st.booleans()):
        del words[at : at + data.draw(st.integers(1, 40))]
    else:
        words[at:at] = data.draw(st.lists(WORDS, min_size=1, max_size=10))
    decoded(words)


@FUZZ
@given(st.lists(WORDS, max_size=80))
def test_any_words(words: list[int]) -> None:
    assert decoded(words) is None


@FUZZ
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(MalformedVka):
        decode_file(data)


@given(st.integers(0, 5040))
def test_cut_files(length: int) -> None:
    data = (stored("mlp_public").folder / "vka.bin").read_bytes()
    if length < len(data):
        with pytest.raises(MalformedVka):
            read_words(data[:length])


def test_a_key_that_decodes_after_a_mutation_accepts_nothing() -> None:
    """Commitments are swapped, constants changed: still a key, but of another circuit."""
    rng = random.Random(1)
    one = stored("mlp_public")
    keys = [decoded(mutate_words(rng, one.words)) for _ in range(150)]
    # A change of the rescaling table changes only the id: verifiers do not read that table.
    live = [key for key in keys if key and replace(key, key_id=one.vka.key_id) != one.vka]
    assert live, "no mutation of this seed decodes: the test shows nothing"
    for key in live[:25]:
        with pytest.raises(CheckFailed):
            verify_proof(key, one.proof, one.instances)


def test_an_evaluation_that_nobody_opens_is_refused() -> None:
    """Such a key would let a prover choose the evaluation: a hole, not a key."""
    words = list(stored("mlp_public").words)
    words[3] += 1
    with pytest.raises(MalformedVka):
        decode(words)


def test_huge_counts_are_refused_before_anything_is_allocated() -> None:
    for at in (2, 3, 4, 5, 31, 32):
        words = list(stored("mlp_public").words)
        words[at] = (1 << 255) - 1
        with pytest.raises(MalformedVka):
            decode(words)
    with pytest.raises(MalformedVka, match="announces"):
        read_words(((1 << 64) - 1).to_bytes(8, "little"))
