"""Two verifiers that share no code: both accept, or both reject; and only what is true.

One was written with the prover, the other from the specification.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from random import Random

import numpy as np
import pytest

from tests.provers.sumcheck.systems import NAMES, PRESET, PRESETS, form_values, honest, unsatisfied
from tests.verifier_contracts.sumcheck.proofs import (
    ALL,
    Proved,
    prove,
    proved,
    prover_accepts,
    reference_accepts,
)
from tests.verifier_contracts.sumcheck.samples import TEST_PRESETS, encoded, files, mutated, record
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.system import System, Values
from zkdps.provers.sumcheck.system_json import system_from_files
from zkdps.verifier_contracts.reference.sumcheck.field import P
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system

SMALL = ("single", "public_output", "outer", "heads", "picked", "no_relations", "product_1")
"""Systems whose proofs are short: a mutation of them takes milliseconds."""
BYTES = 500
"""Of each: ten thousand mutations of all kinds, bytes too, are tried with both verifiers in
`tests/provers/sumcheck/cheats/test_mutations.py`."""


def _agree(given: Proved) -> bool:
    answer = reference_accepts(given)
    assert prover_accepts(given) == answer
    return answer


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_both_accept_honest_proofs(name: str, preset: str) -> None:
    assert _agree(proved(name, preset))


def _changed(proof: bytes, random: Random, other: bytes) -> bytes:
    """A proof with one flaw: bits, words, lengths, or a part of another proof."""
    at = random.randrange(len(proof))
    word = at & ~3
    value = int.from_bytes(proof[word : word + 4], "little")
    new = {
        0: bytes((proof[at] ^ 1 << random.randrange(8),)),
        1: bytes((random.randrange(256),)),
    }
    kind = random.randrange(9)
    if kind in new:
        return proof[:at] + new[kind] + proof[at + 1 :]
    words = {
        2: 0,
        3: (value + 1) % P,
        4: (P - value) % P,
        5: value + P if value + P < 2**32 else value ^ 1,
        6: random.randrange(P),
    }
    if kind in words:
        return proof[:word] + words[kind].to_bytes(4, "little") + proof[word + 4 :]
    if kind == 7:
        return random.choice((proof[:at], proof + b"\0", proof[:word] + proof[word + 4 :], b""))
    end = min(len(proof), len(other), word + random.choice((4, 16, 32, 64)))
    return proof[:word] + other[word:end] + proof[end:]


@cache
def _another(name: str, preset: str) -> bytes:
    """An honest proof of the same, in another context."""
    system, values, _ = honest(name, PRESETS[preset])
    return prove(system, values, b"another context").proof


def _flawed(name: str, preset: str, random: Random) -> Proved:
    """An honest proof or what it is about, with one flaw."""
    given = proved(name, preset)
    kind = random.randrange(10)
    if kind < 6:
        return replace(given, proof=_changed(given.proof, random, _another(name, preset)))
    roots = [*given.inputs, *given.outputs]
    at, count = random.randrange(len(roots)), len(given.inputs)
    if kind == 6:
        byte = random.randrange(32)
        roots[at] = roots[at][:byte] + bytes((roots[at][byte] ^ 1,)) + roots[at][byte + 1 :]
    elif kind == 7:
        roots[at] = random.choice((b"", roots[at][:-1], roots[at] + b"\0", bytes(32)))
    elif kind == 8:
        context = random.choice((b"", given.context + b"\0", b"run 01, block 0"))
        return replace(given, context=context)
    else:
        return replace(given, text=encoded(mutated(given.text, random)))
    return replace(given, inputs=tuple(roots[:count]), outputs=tuple(roots[count:]))


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_both_reject_what_has_a_flaw(name: str, preset: str) -> None:
    random, honest_one = Random(f"{name} {preset}"), proved(name, preset)
    for _ in range(12):
        flawed = _flawed(name, preset, random)
        if flawed != honest_one:
            assert not _agree(flawed), flawed


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_both_reject_any_changed_byte(name: str) -> None:
    random, given = Random(name), proved(name, PRESET.name)
    for _ in range(BYTES):
        at = random.randrange(len(given.proof))
        byte = given.proof[at] ^ random.randrange(1, 256)
        proof = given.proof[:at] + bytes((byte,)) + given.proof[at + 1 :]
        assert not _agree(replace(given, proof=proof)), (at, byte)


@pytest.mark.parametrize("name", NAMES)
def test_integers_are_accepted_if_and_only_if_they_satisfy(name: str) -> None:
    """The prover proves whatever it is given; the truth of it decides."""
    random = Random(name)
    answers = set()
    for _ in range(6):
        system, values, context = honest(name)
        for _ in range(random.choice((0, 1, 1, 2))):
            position = random.randrange(len(system.tensors))
            changed = np.array(values[position], np.int64)
            entry = random.randrange(changed.size)
            changed.flat[entry] += random.choice((-1, 1, 2, 1000, -(2**20)))
            values = {**values, position: changed}
        expected = not unsatisfied(system, values) and _is_counted(system, values)
        expected = expected and all(
            system.tensors[i].low <= entry <= system.tensors[i].high
            for i in system.public
            for entry in values[i].ravel()
        )
        assert _agree(prove(system, values, context)) == expected
        answers.add(expected)
    assert False in answers or name == "single", "something was wrong now and then"


def _is_counted(system: System, values: Values) -> bool:
    """Whether the multiplicities are those of the look-ups, all of which hit."""
    for position, table in enumerate(system.tables):
        counts = np.zeros(table.rows, np.int64)
        for lookup in system.lookups:
            if lookup.table == position:
                np.add.at(counts, form_values(system, values, lookup.key).ravel() - table.low, 1)
        if (counts != values[table.multiplicity]).any():
            return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_both_read_the_same_systems(name: str) -> None:
    """Two parsers that share no code take and refuse the same keys."""
    random, (text, tables) = Random(name), files(name)
    for _ in range(60):
        value = mutated(text, random)
        if encoded(value["preset"]) != encoded(record(name)["preset"]):
            continue
        given = encoded(value)
        assert _is_read(partial(parse_system, given, tables, TEST_PRESETS)) == _is_read(
            partial(system_from_files, given, tables, PRESETS)
        ), given


def _is_read(parse: Callable[[], object]) -> bool:
    try:
        parse()
    except CheckFailed:
        return False
    return True


@pytest.mark.parametrize("name", ["matmul", "squares"])
def test_tables_are_part_of_the_key(name: str) -> None:
    """Other values in tables.bin, named by an honest digest, still make another key."""
    given = proved(name, PRESET.name)
    tables = bytearray(given.tables + (b"" if given.tables else bytes(4)))
    tables[0] ^= 1
    assert not _agree(replace(given, tables=bytes(tables)))
    old, new = (hashlib.sha256(data).hexdigest().encode() for data in (given.tables, bytes(tables)))
    assert not _agree(replace(given, tables=bytes(tables), text=given.text.replace(old, new)))
