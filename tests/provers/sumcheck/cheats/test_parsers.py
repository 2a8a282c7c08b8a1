"""Bytes of strangers: Systems, tables and proofs.  A refusal in bounded work, or the System."""

from __future__ import annotations

import copy
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provers.sumcheck import systems
from tests.provers.sumcheck.cheats.attempt import (
    CONTEXT,
    REFERENCE_PRESETS,
    kernels_of,
    proof_of,
    sample,
)
from tests.vectors.mutations import changed_bytes, leaves
from zkdps.core.canonical import canonical_json, sha256_hex
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import argument
from zkdps.provers.sumcheck.layout import layout_of
from zkdps.provers.sumcheck.system import System
from zkdps.provers.sumcheck.system_json import system_from_files, system_to_files
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system
from zkdps.verifier_contracts.reference.sumcheck.verify import verify_system

QUICK, MANY = 400, 12_000
NAMES = ("matmul", "squares", "heads", "picked", "mixed", "outer", "window", "public_output")
PEAK_BYTES = 16 << 20
"""Of parsing a file of a few kilobytes."""
HOSTILE: tuple[Any, ...] = (
    -1,
    0,
    1,
    2,
    3,
    7,
    1 << 20,
    1 << 24,
    1 << 31,
    1 << 63,
    1 << 200,
    True,
    None,
    "",
    [],
    {},
)


@cache
def files(name: str) -> tuple[bytes, bytes]:
    return system_to_files(sample(name).system)


SIZES = ("than a verifier takes", "not an integer within", "more work than any key")
"""The parsers bound sizes, each in its own way."""
NO_ROOT = "root of weights without weights, or none with them"
"""The first parser reads Systems before their set-up too, and then verifies nothing."""


@dataclass(frozen=True)
class Read:
    """What both parsers say."""

    system: System | None
    first: str | None
    second: str | None

    @property
    def agreed(self) -> bool:
        if (self.first is None) == (self.second is None):
            return True
        said = f"{self.first} {self.second}"
        return any(part in said for part in (*SIZES, NO_ROOT))


def read(text: bytes, tables: bytes) -> Read:
    """Refusals have the right type; anything else is a crash."""
    system, first, second = None, None, None
    try:
        system = system_from_files(text, tables, systems.PRESETS)
    except CheckFailed as error:
        assert error.check == 2
        first = str(error)
    try:
        parse_system(text, tables, REFERENCE_PRESETS)
    except CheckFailed as error:
        assert error.check == 5
        second = str(error)
    return Read(system, first, second)


def changed(rng: Random, text: bytes, tables: bytes) -> tuple[bytes, bytes]:
    """Other files: bytes, or one or two values of the record, sealed again."""
    kind = rng.random()
    if kind < 0.1:
        return changed_bytes(rng, text), tables
    if kind < 0.15 and tables:
        return text, changed_bytes(rng, tables)
    record = json.loads(text)
    for _ in range(rng.choice((1, 1, 2))):
        _change(rng, record)
    if kind < 0.3 and tables:
        tables = changed_bytes(rng, tables)
    if rng.random() < 0.9 and isinstance(record.get("tables_sha256"), str):
        record["tables_sha256"] = sha256_hex(tables)
    return canonical_json(record), tables


def _change(rng: Random, record: Any) -> None:
    path = rng.choice(list(leaves(record)))
    holder: Any = record
    for step in path[:-1]:
        holder = holder[step]
    last: Any
    last, old = path[-1], holder[path[-1]]
    kind = rng.random()
    if kind < 0.1:
        del holder[last]
    elif kind < 0.25 and isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(old))
    elif kind < 0.35 and isinstance(holder, list):
        other = rng.randrange(len(holder))
        holder[last], holder[other] = holder[other], old
    elif isinstance(old, int) and not isinstance(old, bool) and rng.random() < 0.6:
        holder[last] = old + rng.choice((-1, 1, 2, -old, 7, 1 << 10, 1 << 22))
    else:
        holder[last] = copy.deepcopy(rng.choice(HOSTILE))


def fuzz_systems(count: int, seed: int) -> None:
    rng = Random(seed)
    taken = 0
    for number in range(count):
        name = NAMES[number % len(NAMES)]
        text, tables = changed(rng, *files(name))
        found = read(text, tables)
        assert found.agreed, (name, number, found.first, found.second)
        if found.system is not None:
            taken += 1
            # What is taken is one System, written in one way, and its sizes are known.
            assert system_to_files(found.system) == (text, tables)
            layout_of(found.system)
    assert taken > count // 100


def test_some_files_of_systems() -> None:
    fuzz_systems(QUICK, 1)


@pytest.mark.slow
def test_many_files_of_systems() -> None:
    fuzz_systems(MANY, 2)


@given(st.binary(max_size=300), st.binary(max_size=50))
@settings(max_examples=150, deadline=None)
def test_any_bytes_at_all(text: bytes, tables: bytes) -> None:
    found = read(text, tables)
    assert found.first is not None and found.second is not None


DEEP: dict[str, Callable[[dict[str, Any]], object]] = {
    "large_labels": lambda r: [label.__setitem__(1, 1 << 23) for label in r["labels"]],
    "larger_labels": lambda r: [label.__setitem__(1, 1 << 62) for label in r["labels"]],
    "large_shapes": lambda r: [t.update(shape=[1 << 23, 1 << 23]) for t in r["tensors"]],
    "odd_shapes": lambda r: [t.update(shape=[(1 << 20) - 1] * 8) for t in r["tensors"]],
    "many_axes": lambda r: r["tensors"][0].update(shape=[1] * 20_000),
    "large_tables": lambda r: [t.update(rows=1 << 23) for t in r["tables"]],
    "wide_code": lambda r: r.update(columns_log=23),
    "wider_code": lambda r: r.update(columns_log=1 << 40),
    "many_labels": lambda r: r["labels"].extend(["l", 2] for _ in range(5_000)),
    "long_name": lambda r: r["labels"][0].__setitem__(0, "l" * 1_000_000),
    "large_strides": lambda r: r["forms"].append(
        [[0], 0, [[1, 0, [[0, [[0, 1 << 62]]], [0, []]]]]]
    ),
}


@pytest.mark.parametrize("name", DEEP)
def test_sizes_that_a_stranger_may_write_are_not_allocated(name: str) -> None:
    text, tables = files("matmul")
    record = json.loads(text)
    DEEP[name](record)
    hostile = canonical_json(record)
    tracemalloc.start()
    try:
        found = read(hostile, tables)
        if found.system is not None:
            layout_of(found.system)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < PEAK_BYTES + 100 * len(hostile)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_any_bytes_as_a_proof(data: st.DataObject) -> None:
    """Words below p, mostly: so that parsing goes on and on."""
    case = sample(data.draw(st.sampled_from(NAMES)))
    words = data.draw(st.lists(st.integers(0, (1 << 31) - (1 << 24)), max_size=600))
    proof = b"".join(word.to_bytes(4, "little") for word in words)
    kernels = kernels_of(case.system.preset.degree)
    with pytest.raises(CheckFailed):
        argument.verify(case.system, case.inputs, case.outputs, CONTEXT, proof, kernels)
    with pytest.raises(CheckFailed):
        other = parse_system(*system_to_files(case.system), REFERENCE_PRESETS)
        verify_system(other, case.inputs, case.outputs, CONTEXT, proof)


def test_a_proof_is_read_within_its_length() -> None:
    """A stranger's megabytes are refused after what the key says is read."""
    case = sample("matmul")
    proof = proof_of(case) + bytes(32 << 20)
    kernels = kernels_of(4)
    tracemalloc.start()
    try:
        with pytest.raises(CheckFailed, match="goes on"):
            argument.verify(case.system, case.inputs, case.outputs, CONTEXT, proof, kernels)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < PEAK_BYTES
