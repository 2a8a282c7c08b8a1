"""Whatever a key's bytes are: a system, or a refusal; never another error, never for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier_contracts.sumcheck.samples import (
    NAMES,
    TEST_PRESETS,
    encoded,
    files,
    mutated,
    record,
    sample,
)
from zkdps.core.errors import CheckFailed
from zkdps.verifier_contracts.reference.sumcheck.field import P
from zkdps.verifier_contracts.reference.sumcheck.parse import MAX_SIZE, parse_system
from zkdps.verifier_contracts.reference.sumcheck.verify import verify, verify_system
from zkdps.verifier_contracts.reference.sumcheck.work import MAX_WORK, work_bound

Json = Any


def _refused(text: bytes, tables: bytes, match: str | None = None) -> None:
    with pytest.raises(CheckFailed, match=match) as caught:
        parse_system(text, tables, TEST_PRESETS)
    assert caught.value.check == 5


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_read_as_they_were_written(name: str) -> None:
    text, tables = files(name)
    system, given = sample(name), record(name)
    assert system.digest == hashlib.sha256(text).digest()
    assert [[label.name, label.size] for label in system.labels] == given["labels"]
    assert [list(tensor.shape) for tensor in system.tensors] == [
        tensor["shape"] for tensor in given["tensors"]
    ]
    assert len(system.forms) == len(given["forms"])
    assert sum(4 * table.rows for table in system.tables if table.values) == len(tables)
    assert 0 < work_bound(system) < 1 << 20


def test_a_key_in_use_has_a_known_preset() -> None:
    text, tables = files("matmul")
    with pytest.raises(CheckFailed, match="preset name"):
        parse_system(text, tables)
    weak = record("matmul")
    weak["preset"] = {"name": "S100", "degree": 4, "rate_bits": 1, "queries": 1, "grind_bits": 0}
    with pytest.raises(CheckFailed, match="queries"):
        parse_system(encoded(weak), tables)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**32))
def test_mutated_systems(name: str, seed: int) -> None:
    random = Random(seed)
    text, tables = encoded(mutated(files(name)[0], random)), files(name)[1]
    try:
        system = parse_system(text, tables, TEST_PRESETS)
    except CheckFailed as error:
        assert error.check == 5
        return
    assert work_bound(system) <= MAX_WORK
    roots = [bytes(32)] * len(system.inputs), [bytes(32)] * len(system.outputs)
    with pytest.raises(CheckFailed):
        verify_system(system, *roots, b"", bytes(random.randrange(4000)))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 10**6), st.integers(0, 255))
def test_bytes_that_are_no_json(data: bytes, at: int, byte: int) -> None:
    text, tables = files("matmul")
    _refused(data, tables)
    broken = bytearray(text)
    broken[at % len(text)] = byte
    if bytes(broken) != text:
        try:
            parse_system(bytes(broken), tables, TEST_PRESETS)
        except CheckFailed as error:
            assert error.check == 5


def test_deep_json() -> None:
    _refused(b"[" * 100_000, b"", "nested")


def _set(*path: Any, value: Json) -> Callable[[dict[str, Json]], None]:
    def change(top: dict[str, Json]) -> None:
        holder = top
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return change


def _append(member: str, value: Json) -> Callable[[dict[str, Json]], None]:
    return lambda top: top[member].append(value)


RULES: dict[str, tuple[str, Callable[[dict[str, Json]], None], str]] = {
    "two tables of one tag": ("matmul", _set("tables", 1, "tag", value=1), "one tag"),
    "a tag of 0": ("matmul", _set("tables", 1, "tag", value=0), "tag"),
    "no root of the weights": ("matmul", _set("weights_root", value=""), "root of weights"),
    "a root and no weights": ("outer", _set("weights_root", value="00" * 32), "root of weights"),
    "an upper-case root": ("matmul", _set("weights_root", value="5A" * 32), "64 hex digits"),
    "an output that is none": ("matmul", _set("outputs", value=[]), "boundary tensors"),
    "an output twice": ("matmul", _set("outputs", value=[1, 1]), "no two equal"),
    "a range nobody looks up": ("matmul", _set("lookups", value=[]), "no look-up reads"),
    "a pair without values": ("squares", _set("lookups", 0, "value", value=None), "pair tables"),
    "a view of a foreign label": ("outer", _set("forms", 0, 0, value=[]), "labels of its form"),
    "a label twice in a form": ("outer", _set("forms", 0, 0, value=[0, 0]), "no two equal"),
    "a label on two axes": (
        "product_3",
        _set("forms", 0, 2, 0, 2, value=[[0, [[0, 1]]], [0, [[0, 1]]]]),
        "labels is malformed",
    ),
    "a stride of 0": ("window", _set("forms", 0, 2, 0, 2, 0, 1, 0, 1, value=0), "stride"),
    "four factors": ("outer", _set("relations", 0, "terms", 0, 1, value=[0] * 4), "factors"),
    "an index from a secret": (
        "picked",
        _set("forms", 0, 2, 0, 2, 0, "picked", value=2),
        "public tensor",
    ),
    "a public tensor of two axes": ("heads", _set("public", value=[0]), "more axes"),
    "a weight bounded by nothing": (
        "matmul",
        _set("tensors", 2, "bound", value="helper"),
        "bounded by the audit",
    ),
    "counts that are boundary": (
        "matmul",
        _set("tables", 0, "multiplicity", value=0),
        "counts|multip",
    ),
    "a label as large as the field": ("outer", _set("labels", 0, 1, value=P), "label size"),
    "more columns than roots of unity": ("outer", _set("columns_log", value=24), "columns_log"),
    "an unknown member": ("outer", _set("extra", value=1), "an object of"),
    "another version": ("outer", _set("version", value=2), "version"),
    "other tables": ("squares", _set("tables_sha256", value="00" * 32), "tables.bin"),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: str) -> None:
    name, change, match = RULES[rule]
    value = record(name)
    change(value)
    _refused(encoded(value), files(name)[1], match)


def test_too_much_work_is_refused_before_it_is_done() -> None:
    """A small text that asks for inner products of 2^46 entries."""
    value = record("outer")
    value["labels"][0][1] = value["labels"][1][1] = MAX_SIZE
    value["forms"][0] = [[0, 1], 0, [[1, 0, [[0, [[0, 1], [1, 1]]]]]]]
    _refused(encoded(value), b"", "more work")
    many = record("outer")
    many["forms"] += [many["forms"][0]] * 100
    many["relations"] += [{"name": "r", "labels": [], "terms": [[1, [0]]]}] * 100
    many["labels"][0][1] = many["tensors"][0]["shape"][0] = MAX_SIZE
    _refused(encoded(many), b"", "more work")


def test_more_look_ups_than_the_field_counts() -> None:
    value = record("no_relations")
    value["labels"] = [["t", 1 << 16], ["u", 1 << 15]]
    value["forms"] = [[[0, 1], 0, [[1, 0, [[0, []]]]]]]
    value["lookups"][0]["labels"] = [0, 1]
    _refused(encoded(value), b"", "more look-ups")


def test_members_must_be_there() -> None:
    text, tables = files("outer")
    for material in ({}, {"system.json": text}, {"tables.bin": tables}):
        with pytest.raises(CheckFailed, match="lacks"):
            verify(material, [], [], b"", b"")


def test_json_of_the_samples_is_canonical() -> None:
    """A second encoding of the same system is refused: one system, one digest."""
    text, tables = files("outer")
    _refused(json.dumps(json.loads(text), indent=1).encode(), tables, "canonical")
