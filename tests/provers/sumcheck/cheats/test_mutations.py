"""Random changes of honest proofs: none is accepted, and none costs more than reading does."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from random import Random

import pytest

from tests.provers.sumcheck import systems
from tests.provers.sumcheck.cheats.attempt import (
    REFERENCE_PRESETS,
    Claimed,
    kernels_of,
    sample,
)
from tests.provers.sumcheck.cheats.channels import Sent, recorded
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import argument
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.system_json import system_to_files
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system
from zkdps.verifier_contracts.reference.sumcheck.system import System as ReferenceSystem
from zkdps.verifier_contracts.reference.sumcheck.verify import verify_system

QUICK, MANY = 300, 10_500
SEED = 1
DONOR = "product_127"


@cache
def honest(name: str) -> tuple[Claimed, bytes, list[Sent]]:
    case = sample(name)
    return (case, *recorded(case))


@cache
def reference(name: str) -> ReferenceSystem:
    return parse_system(*system_to_files(honest(name)[0].system), REFERENCE_PRESETS)


def changed(rng: Random, proof: bytes, sent: list[Sent]) -> tuple[str, bytes]:
    """Another proof, and how it was made."""
    kinds: dict[str, Callable[[], bytes]] = {
        "bit": lambda: _bit(rng, proof),
        "byte": lambda: _part(rng, proof, 1),
        "word": lambda: _word(rng, proof),
        "word_of_field": lambda: _field_word(rng, proof),
        "element": lambda: _part(rng, proof, 16),
        "digest": lambda: _part(rng, proof, 32),
        "message_zero": lambda: _message(rng, proof, sent, lambda data: bytes(len(data))),
        "message_random": lambda: _message(rng, proof, sent, lambda data: _residues(rng, data)),
        "message_of_another": lambda: _other_message(rng, proof, sent),
        "copy": lambda: _copy(rng, proof),
        "swap": lambda: _swap(rng, proof),
        "insert": lambda: _insert(rng, proof),
        "delete": lambda: _delete(rng, proof),
        "cut": lambda: proof[: rng.randrange(len(proof))],
        "append": lambda: proof + rng.randbytes(rng.choice((1, 4, 16, 32))),
        "splice": lambda: _splice(rng, proof),
    }
    while True:
        kind = rng.choice(list(kinds))
        made = kinds[kind]()
        if made != proof:
            return kind, made


def _bit(rng: Random, proof: bytes) -> bytes:
    at = rng.randrange(len(proof))
    return proof[:at] + bytes([proof[at] ^ 1 << rng.randrange(8)]) + proof[at + 1 :]


def _part(rng: Random, proof: bytes, size: int) -> bytes:
    at = rng.randrange(len(proof) // size) * size
    return proof[:at] + rng.randbytes(size) + proof[at + size :]


def _word(rng: Random, proof: bytes) -> bytes:
    at = rng.randrange(len(proof) // 4) * 4
    (word,) = struct.unpack_from("<I", proof, at)
    new = rng.choice((0, 1, P - 1, P, P + 1, (1 << 32) - 1, (word + 1) % P, (word + P) % (1 << 32)))
    return proof[:at] + struct.pack("<I", new) + proof[at + 4 :]


def _field_word(rng: Random, proof: bytes) -> bytes:
    at = rng.randrange(len(proof) // 4) * 4
    return proof[:at] + struct.pack("<I", rng.randrange(P)) + proof[at + 4 :]


def _residues(rng: Random, data: bytes) -> bytes:
    words = [rng.randrange(P) for _ in range(-(-len(data) // 4))]
    return struct.pack(f"<{len(words)}I", *words)[: len(data)]


def _message(
    rng: Random, proof: bytes, sent: list[Sent], change: Callable[[bytes], bytes]
) -> bytes:
    message = rng.choice(sent)
    return message.put(proof, change(message.of(proof)))


def _other_message(rng: Random, proof: bytes, sent: list[Sent]) -> bytes:
    """One message in the place of another of its size."""
    message = rng.choice(sent)
    others = [m for m in sent if m.size == message.size]
    return message.put(proof, rng.choice(others).of(proof))


def _copy(rng: Random, proof: bytes) -> bytes:
    size = rng.choice((4, 16, 32, 64))
    to, source = (rng.randrange(max(1, len(proof) - size)) & ~3 for _ in range(2))
    return proof[:to] + proof[source : source + size] + proof[to + size :]


def _swap(rng: Random, proof: bytes) -> bytes:
    size = rng.choice((4, 16, 32))
    first, second = sorted(rng.randrange(len(proof) // size) * size for _ in range(2))
    if first == second:
        return proof
    middle = proof[first + size : second]
    ends = proof[second : second + size], proof[first : first + size]
    return proof[:first] + ends[0] + middle + ends[1] + proof[second + size :]


def _insert(rng: Random, proof: bytes) -> bytes:
    at = rng.randrange(len(proof) + 1)
    return proof[:at] + rng.randbytes(rng.choice((1, 4, 16, 32))) + proof[at:]


def _delete(rng: Random, proof: bytes) -> bytes:
    at, size = rng.randrange(len(proof)), rng.choice((1, 4, 16, 32))
    return proof[:at] + proof[at + size :]


def _splice(rng: Random, proof: bytes) -> bytes:
    """The rest of the proof of another System."""
    other = honest(DONOR)[1]
    at = rng.randrange(min(len(proof), len(other)) // 4) * 4
    return proof[:at] + other[at : at + len(proof) - at]


def none_accepted(names: tuple[str, ...], count: int, seed: int) -> None:
    rng = Random(seed)
    for number in range(count):
        name = names[number % len(names)]
        case, proof, sent = honest(name)
        kind, mutant = changed(rng, proof, sent)
        if name == DONOR and mutant == proof:
            continue
        first, second = _verdicts(case, name, mutant)
        assert not first and not second, f"{kind} number {number} of {name}: {first}, {second}"


def _verdicts(case: Claimed, name: str, proof: bytes) -> tuple[bool, bool]:
    kernels = kernels_of(case.system.preset.degree)
    arguments = case.system, inputs_of(name), outputs_of(name), case.context, proof
    return (
        _accepts(lambda: argument.verify(*arguments, kernels)),
        _accepts(lambda: verify_system(reference(name), *arguments[1:])),
    )


@cache
def inputs_of(name: str) -> tuple[bytes, ...]:
    return tuple(honest(name)[0].inputs)


@cache
def outputs_of(name: str) -> tuple[bytes, ...]:
    return tuple(honest(name)[0].outputs)


def _accepts(verify: Callable[[], None]) -> bool:
    """Anything but a refusal, a crash above all, is a failure of the test."""
    try:
        verify()
    except CheckFailed as error:
        assert error.check == 5
        return False
    return True


def test_the_honest_proofs_are_accepted() -> None:
    for name in systems.NAMES:
        case, proof, _ = honest(name)
        assert _verdicts(case, name, proof) == (True, True)


def test_some_mutations() -> None:
    none_accepted(tuple(name for name in systems.NAMES if name != DONOR), QUICK, SEED)


@pytest.mark.slow
def test_ten_thousand_mutations() -> None:
    none_accepted(tuple(name for name in systems.NAMES if name != DONOR), MANY, SEED + 1)
