"""Mutate proofs, instances and keys; nothing may be accepted.

    python -m tests.verifier_contracts.mutate --count 10000 --seed 0

Two thirds are mutations of proofs and instances, which go to ezkl's own verifier too: both must
refuse.  The others mutate the words of the key, which ezkl's verifier does not read: there is no
twin to agree with.  A mutated key must be malformed, or refuse the honest proof, unless it *means
the same*: some bits are read by nobody who verifies (the rescaling table, spare pointers), and ezkl
writes constraints under selectors that are zero on every row, which nothing can violate.  Whether
the constraints are the same is decided from the two keys alone, never from the proof; such keys
accept the honest proof, and must.  They are counted apart: the key id tells them from the original.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ezkl

from tests.verifier_contracts.build_vectors import SRS_CACHE, call
from tests.verifier_contracts.stored import NAMES, Stored, stored
from zkdps.core.errors import CheckFailed, MalformedVka
from zkdps.provers.ezkl.srs import make_development, verifier_part
from zkdps.verifier_contracts.reference import Vka, decode, verify_proof
from zkdps.verifier_contracts.reference.bn254 import FIELD, multiply_sum
from zkdps.verifier_contracts.reference.expressions import evaluate
from zkdps.verifier_contracts.reference.proof import Challenges, Proof
from zkdps.verifier_contracts.reference.scalars import ORDER

Mutation = Callable[[random.Random, Stored], tuple[bytes, tuple[int, ...]]]


# --- proofs ------------------------------------------------------------------------------------


def _word(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + (value % (1 << 256)).to_bytes(32, "big") + data[at + 32 :]


def _read(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 32], "big")


def _point_at(rng: random.Random, one: Stored) -> int:
    """A byte offset of a point, the opening's two among them."""
    index = rng.randrange(one.vka.points + 2)
    return 64 * index + (32 * one.vka.evaluations if index >= one.vka.points else 0)


def _scalar_at(rng: random.Random, one: Stored) -> int:
    return 64 * one.vka.points + 32 * rng.randrange(one.vka.evaluations)


def flip_bit(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    at = rng.randrange(len(one.proof))
    byte = one.proof[at] ^ 1 << rng.randrange(8)
    return one.proof[:at] + bytes([byte]) + one.proof[at + 1 :], one.instances


def negate_point(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    at = _point_at(rng, one) + 32
    return _word(one.proof, at, FIELD - _read(one.proof, at)), one.instances


def other_point(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    at = _point_at(rng, one)
    x, y = multiply_sum([((1, 2), rng.randrange(1, ORDER))]) or (0, 0)
    return _word(_word(one.proof, at, x), at + 32, y), one.instances


def swap_points(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    a, b = _point_at(rng, one), _point_at(rng, one)
    swapped = one.proof
    for i in (0, 32):
        swapped = _word(swapped, a + i, _read(one.proof, b + i))
        swapped = _word(swapped, b + i, _read(one.proof, a + i))
    return swapped, one.instances


def identity_point(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    at = _point_at(rng, one)
    return _word(_word(one.proof, at, 0), at + 32, 0), one.instances


def other_scalar(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    at = _scalar_at(rng, one)
    near = _read(one.proof, at) + rng.choice([1, -1, 2])
    value = rng.choice([near, rng.randrange(ORDER), 0, ORDER - 1])
    return _word(one.proof, at, value), one.instances


def unreduced_scalar(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    at = _scalar_at(rng, one)
    return _word(one.proof, at, _read(one.proof, at) + ORDER), one.instances


def swap_scalars(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    a, b = _scalar_at(rng, one), _scalar_at(rng, one)
    proof = _word(one.proof, a, _read(one.proof, b))
    return _word(proof, b, _read(one.proof, a)), one.instances


def cut(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    return one.proof[: rng.randrange(len(one.proof))], one.instances


def other_instance(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    instances = list(one.instances)
    if not instances:
        return other_scalar(rng, one)
    at = rng.randrange(len(instances))
    near = instances[at] + rng.choice([1, -1])
    instances[at] = rng.choice([near, -instances[at], rng.randrange(ORDER)]) % ORDER
    return one.proof, tuple(instances)


def swap_instances(rng: random.Random, one: Stored) -> tuple[bytes, tuple[int, ...]]:
    instances = list(one.instances)
    if len(instances) < 2:
        return swap_points(rng, one)
    a, b = rng.sample(range(len(instances)), 2)
    instances[a], instances[b] = instances[b], instances[a]
    return one.proof, tuple(instances)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    negate_point,
    other_point,
    swap_points,
    identity_point,
    other_scalar,
    unreduced_scalar,
    swap_scalars,
    cut,
    other_instance,
    swap_instances,
)


# --- keys --------------------------------------------------------------------------------------


def mutate_words(rng: random.Random, words: Sequence[int]) -> list[int]:
    """One change of the words of a key, often one that keeps it decodable."""
    changed = list(words)
    at = rng.randrange(len(changed))
    kind = rng.randrange(7)
    if kind == 0:
        changed[at] ^= 1 << rng.randrange(256)
    elif kind == 1:
        changed[at] = rng.randrange(1 << 256)
    elif kind == 2:
        changed[at] = (changed[at] + rng.choice([1, -1])) % (1 << 256)
    elif kind == 3:
        other = rng.randrange(len(changed))
        changed[at], changed[other] = changed[other], changed[at]
    elif kind == 4:
        # Two commitments of the key change places.
        a, b = (35 + 2 * rng.randrange(10) for _ in range(2))
        changed[a : a + 2], changed[b : b + 2] = changed[b : b + 2], changed[a : a + 2]
    elif kind == 5:
        # A pointer moves by one slot.
        shift = 8 * rng.randrange(31)
        moved = (changed[at] >> shift & 0xFFFF) + rng.choice([32, -32, 64, -64])
        changed[at] = changed[at] & ~(0xFFFF << shift) | (moved % (1 << 16)) << shift
    else:
        del changed[at]
    return changed


def same_constraints(left: Vka, right: Vka, rng: random.Random) -> bool:
    """Whether two keys that differ in expressions only have equal ones, as polynomials.

    By the Schwartz-Zippel lemma: equal values at random evaluations mean equal polynomials, but for
    a chance of about 2^-250.  What the key fixes is respected: an identity commitment is the zero
    polynomial, and equal commitments of the key are one polynomial.
    """
    aligned = [
        replace(lookup, table=mine.table, inputs=mine.inputs)
        for lookup, mine in zip(right.lookups, left.lookups, strict=False)
    ]
    others = replace(
        right, key_id=left.key_id, constants=left.constants, gates=left.gates, lookups=left.lookups
    )
    if others != left or aligned != list(left.lookups) or len(right.lookups) != len(left.lookups):
        return False
    values = _random_evaluations(left, rng)
    user = tuple(rng.randrange(ORDER) for _ in range(left.user_challenges))
    return _all_outputs(left, values, user) == _all_outputs(right, values, user)


def _random_evaluations(vka: Vka, rng: random.Random) -> tuple[int, ...]:
    values = [rng.randrange(ORDER) for _ in range(vka.evaluations)]
    of_key: dict[tuple[object, int], int] = {}
    for group in vka.openings:
        for opened in group.opened:
            for rotation, index in zip(group.rotations, opened.evaluations, strict=False):
                if opened.commitment is None:
                    values[index] = 0
                elif isinstance(opened.commitment, tuple):
                    fixed = (opened.commitment, rotation)
                    values[index] = of_key.setdefault(fixed, values[index])
    return tuple(values)


def _all_outputs(vka: Vka, values: tuple[int, ...], user: tuple[int, ...]) -> list[list[int]]:
    challenges = Challenges(user, *[0] * 8)
    proof = Proof((), values, (1, 2), (1, 2), (), challenges)
    expressions = list(vka.gates)
    for lookup in vka.lookups:
        expressions += [lookup.table, *lookup.inputs]
    return [evaluate(vka, proof, one) for one in expressions]


# --- running -----------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of the mutations; `wrong` must stay empty."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class EzklVerifier:
    """ezkl's own verdict on bytes and instances."""

    def __init__(self, folder: Path) -> None:
        self._proof = folder / "proof.json"
        self._srs = folder / "verifier.srs"
        self._srs.write_bytes(verifier_part(make_development(12, SRS_CACHE)))

    def accepts(self, one: Stored, proof: bytes, instances: Sequence[int]) -> bool:
        little = [[value.to_bytes(32, "little").hex() for value in instances]]
        record: dict[str, Any] = {
            "protocol": None,
            "instances": little,
            "proof": list(proof),
            "hex_proof": "0x" + proof.hex(),
            "transcript_type": "EVM",
            "split": None,
            "pretty_public_inputs": None,
            "timestamp": 0,
            "commitment": "KZG",
        }
        self._proof.write_text(json.dumps(record))
        settings, key = str(one.folder / "settings.json"), str(one.folder / "vk.key")
        try:
            return bool(call(ezkl.verify, str(self._proof), settings, key, str(self._srs), True))
        except RuntimeError:
            return False


def reference_accepts(vka: Vka, proof: bytes, instances: Sequence[int]) -> bool:
    try:
        verify_proof(vka, proof, instances)
    except CheckFailed:
        return False
    return True


def mutate_proof(rng: random.Random, one: Stored, twin: EzklVerifier, tally: Tally) -> None:
    mutation = rng.choice(MUTATIONS)
    proof, instances = mutation(rng, one)
    if (proof, instances) == (one.proof, one.instances):
        # A swap with itself: the honest proof, which both must accept.
        verdicts = (True, True)
        name = "unchanged"
    else:
        verdicts, name = (False, False), mutation.__name__
    got = reference_accepts(one.vka, proof, instances), twin.accepts(one, proof, instances)
    tally.outcomes[name] += 1
    if got != verdicts:
        tally.wrong.append(f"{one.name}: {name}: reference and ezkl say {got}")


def mutate_key(rng: random.Random, one: Stored, tally: Tally) -> None:
    words = mutate_words(rng, one.words)
    if tuple(words) == one.words:
        tally.outcomes["key unchanged"] += 1
        return
    try:
        vka = decode(words)
    except MalformedVka:
        tally.outcomes["key malformed"] += 1
        return
    if vka.key_id == one.vka.key_id:
        tally.wrong.append(f"{one.name}: two keys with one id")
    same_words = replace(vka, key_id=one.vka.key_id) == one.vka
    # A generator of its own: the sequence of mutations must not depend on this decision.
    same = same_words or same_constraints(one.vka, vka, random.Random(0))
    accepts = reference_accepts(vka, one.proof, one.instances)
    if accepts != same:
        tally.wrong.append(f"{one.name}: a mutated key: accepts {accepts}, means the same {same}")
    elif same_words:
        tally.outcomes["key differs where nobody reads, another id"] += 1
    elif same:
        tally.outcomes["key has the same constraints, another id"] += 1
    else:
        tally.outcomes["key refuses the proof"] += 1


def run(
    count: int,
    seed: int,
    names: Sequence[str] = NAMES,
    progress: Callable[[int, Tally], None] = lambda done, tally: None,
) -> Tally:
    """`count` mutations, the same for the same seed, spread over the circuits.

    Args:
        progress: told, after each mutation, how many are done and what became of them.
    """
    rng, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as folder:
        twin = EzklVerifier(Path(folder))
        for name in names:
            one = stored(name)
            if not twin.accepts(one, one.proof, one.instances):
                tally.wrong.append(f"{name}: ezkl refuses the honest proof")
        for i in range(count):
            one = stored(names[i % len(names)])
            if i % 3 == 2:
                mutate_key(rng, one, tally)
            else:
                mutate_proof(rng, one, twin, tally)
            progress(i + 1, tally)
    return tally


def _on_stderr(done: int, tally: Tally) -> None:
    if done % 500 == 0:
        sys.stderr.write(f"{done} done, {len(tally.wrong)} wrong\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    tally = run(arguments.count, arguments.seed, progress=_on_stderr)
    report = {
        "count": arguments.count,
        "seed": arguments.seed,
        "outcomes": dict(sorted(tally.outcomes.items())),
        "wrong": tally.wrong,
        "seconds": round(time.monotonic() - started, 1),
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
