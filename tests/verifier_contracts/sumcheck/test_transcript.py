"""SHA-256 by its published vectors; the transcript and the reader by their definition."""

from __future__ import annotations

import hashlib

import pytest

from zkdps.core.errors import CheckFailed
from zkdps.verifier_contracts.reference.sumcheck.field import Field, P
from zkdps.verifier_contracts.reference.sumcheck.transcript import Messages, Transcript, sha256

# FIPS 180-4 examples, and the empty string (NIST CAVP, SHA256ShortMsg).
PUBLISHED = {
    b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": (
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    b"a" * 1_000_000: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
}


@pytest.mark.parametrize("message", PUBLISHED)
def test_published_digests(message: bytes) -> None:
    assert sha256(message).hex() == PUBLISHED[message]
    assert sha256(message[:2], message[2:]).hex() == PUBLISHED[message]


def _hash(text: str) -> bytes:
    return hashlib.sha256(bytes.fromhex(text)).digest()


def test_absorbing_and_squeezing_byte_by_byte() -> None:
    transcript = Transcript()
    transcript.absorb("ab", b"\x07\x08\x09")
    state = _hash("00" * 32 + "00" + "02" + "6162" + "0300000000000000" + "070809")
    assert transcript.state == state
    drawn = transcript.squeeze(40)
    blocks = [_hash(state.hex() + "01" + counter) for counter in ("00000000", "01000000")]
    assert drawn == b"".join(blocks)[:40]
    assert transcript.state == _hash(state.hex() + "02")


def test_challenges_are_eight_bytes_a_limb() -> None:
    messages = Messages(Field(5), b"")
    state = messages.transcript.state
    first, second = messages.challenges(2)
    again = Transcript()
    assert again.state == state
    data = again.squeeze(80)
    limbs = [int.from_bytes(data[i : i + 8], "little") % P for i in range(0, 80, 8)]
    assert messages.field.limbs(first) + messages.field.limbs(second) == limbs
    after = messages.transcript.state
    assert messages.challenges(0) == () and messages.transcript.state == after


def test_elements_are_canonical_and_absorbed() -> None:
    data = b"".join(limb.to_bytes(4, "little") for limb in (1, 2, 3, P - 1))
    messages = Messages(Field(4), data)
    (element,) = messages.elements("one", 1)
    assert messages.field.limbs(element) == [1, 2, 3, P - 1]
    expected = Transcript()
    expected.absorb("one", data)
    assert messages.transcript.state == expected.state
    messages.end()
    with pytest.raises(CheckFailed, match="not below p"):
        Messages(Field(4), data[:-4] + P.to_bytes(4, "little")).elements("one", 1)
    with pytest.raises(CheckFailed, match="too short"):
        Messages(Field(4), data[:-1]).elements("one", 1)
    with pytest.raises(CheckFailed, match="trailing"):
        Messages(Field(4), data).end()


def test_grinding() -> None:
    state = bytes(32)
    nonces = [n.to_bytes(8, "little") for n in range(200)]
    works = {n: hashlib.sha256(state + b"\x03" + n).digest()[0] & 15 == 0 for n in nonces}
    assert any(works.values())
    for nonce, does in works.items():
        messages = Messages(Field(4), nonce)
        if does:
            messages.grind(4)
            messages.end()
            expected = Transcript()
            expected.absorb("grind", nonce)
            assert messages.transcript.state == expected.state
        else:
            with pytest.raises(CheckFailed, match="nonce"):
                messages.grind(4)
    none = Messages(Field(4), b"")
    none.grind(0)
    assert none.transcript.state == state
