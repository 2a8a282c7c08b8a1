"""Hostile System files: refused by check 2, never by another error, and never read as another."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provers.sumcheck.systems import NAMES, PRESETS, honest
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.layout import layout_of
from zkdps.provers.sumcheck.system import Bound
from zkdps.provers.sumcheck.system_json import system_from_files, system_to_files

HOSTILE: list[Any] = [
    None, True, False, -1, 0, 1, 2, 3, 7, 1 << 17, 1 << 40, -(1 << 31), 10**39, "", "x", "0" * 64,
    [], [0], [0, 0], [[]], {}, {"picked": 0, "label": 0},
]  # fmt: skip


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*at, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from paths(item, (*at, position))


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def changed(record: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    record = copy.deepcopy(record)
    parent = record
    for step in at[:-1]:
        parent = parent[step]
    parent[at[-1]] = value
    return record


RECORDS = {name: json.loads(system_to_files(honest(name)[0])[0]) for name in NAMES}
PLACES = [(name, at) for name in ("squares", "picked", "heads") for at in paths(RECORDS[name])]


@given(st.sampled_from(PLACES), st.sampled_from(HOSTILE))
@settings(max_examples=300, deadline=None)
def test_any_value_anywhere(place: tuple[str, tuple[Any, ...]], value: Any) -> None:
    name, at = place
    _, tables = system_to_files(honest(name)[0])
    text = canonical(changed(RECORDS[name], at, value))
    try:
        system = system_from_files(text, tables, PRESETS)
    except CheckFailed as error:
        assert error.check == 2
    else:
        assert system_to_files(system) == (text, tables)
        layout_of(system)


@given(st.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_members_missing_or_doubled(place: tuple[str, tuple[Any, ...]]) -> None:
    name, at = place
    _, tables = system_to_files(honest(name)[0])
    if not at:
        return
    record = copy.deepcopy(RECORDS[name])
    parent = record
    for step in at[:-1]:
        parent = parent[step]
    if isinstance(parent, dict):
        del parent[at[-1]]
    else:
        parent.insert(at[-1], parent[at[-1]])
    text = canonical(record)
    try:
        system = system_from_files(text, tables, PRESETS)
    except CheckFailed as error:
        assert error.check == 2
    else:
        assert system_to_files(system) == (text, tables)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + b"\n",
        lambda text: text[:-1],
        lambda text: b"",
        lambda text: b"[]",
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b'"version":1', b'"version":1.0'),
        lambda text: text.replace(b'"version":1', b'"version": 1'),
        lambda text: text.replace(b'"version":1', b'"version":2'),
    ],
)
def test_texts_that_are_no_system(change: Callable[[bytes], bytes]) -> None:
    text, tables = system_to_files(honest("squares")[0])
    with pytest.raises(CheckFailed) as caught:
        system_from_files(change(text), tables, PRESETS)
    assert caught.value.check == 2


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + bytes(4), lambda t: t[::-1]])
def test_other_tables_refused(change: Callable[[bytes], bytes]) -> None:
    text, tables = system_to_files(honest("squares")[0])
    with pytest.raises(CheckFailed):
        system_from_files(text, change(tables), PRESETS)


def test_table_values_survive() -> None:
    system, _, _ = honest("squares")
    again = system_from_files(*system_to_files(system), PRESETS)
    first, second = system.tables[0].values, again.tables[0].values
    assert first is not None and second is not None
    assert np.array_equal(first, second)


def test_only_known_presets() -> None:
    text, tables = system_to_files(honest("squares")[0])
    with pytest.raises(CheckFailed):
        system_from_files(text, tables)
    weak = replace(PRESETS["TEST"], queries=1)
    text, tables = system_to_files(replace(honest("squares")[0], preset=weak))
    with pytest.raises(CheckFailed):
        system_from_files(text, tables, PRESETS)


def refused(name: str, at: tuple[Any, ...], value: Any, word: str) -> None:
    _, tables = system_to_files(honest(name)[0])
    with pytest.raises(CheckFailed, match=word):
        system_from_files(canonical(changed(RECORDS[name], at, value)), tables, PRESETS)


def test_a_label_twice_in_a_view() -> None:
    """x[t, t] is no view: both axes would have the label."""
    form = RECORDS["squares"]["forms"][0]
    position = form[0][0]
    axis = [0, [[position, 1]]]
    refused("squares", ("forms", 0, 2, 0, 2), [axis, axis], "twice")


def test_a_view_with_a_label_that_its_form_has_not() -> None:
    refused("squares", ("forms", 0, 0), [0], "the form has not")


def test_a_lookup_form_with_other_labels() -> None:
    refused("squares", ("lookups", 0, "labels"), [0], "exactly the look-up's labels")


def test_a_tag_twice_or_zero() -> None:
    refused("matmul", ("tables", 0, "tag"), 2, "tags")
    refused("matmul", ("tables", 0, "tag"), 0, "integer within")


def test_a_pair_table_looked_up_by_key_alone() -> None:
    refused("squares", ("lookups", 0, "value"), None, "pairs")


def test_multiplicities_of_two_tables() -> None:
    tables = RECORDS["matmul"]["tables"]
    refused("matmul", ("tables", 0, "multiplicity"), tables[1]["multiplicity"], "twice")


def test_p_leaves_or_more() -> None:
    """Counts of p look-ups of one bad value would cancel."""
    record = changed(RECORDS["no_relations"], ("labels", 0, 1), 1 << 20)
    more = [["more", 1 << 20], ["most", 1 << 20]]
    record["labels"] += more
    record["forms"][0][0] = [0, 1, 2]
    record["lookups"][0]["labels"] = [0, 1, 2]
    with pytest.raises(CheckFailed, match="wrap"):
        system_from_files(canonical(record), b"", PRESETS)


def test_more_than_a_verifier_takes() -> None:
    refused("matmul", ("labels", 0, 1), 1 << 23, "labels")
    refused("matmul", ("labels", 0, 1), 1 << 24, "integer within")
    refused("matmul", ("tensors", 0, "shape"), [1 << 23, 1 << 23], "tensors")
    refused("matmul", ("tensors", 0, "shape"), [1 << 12, 1 << 12], "rows")


def test_a_bound_that_nothing_enforces() -> None:
    system, _, _ = honest("matmul")
    position = next(i for i, t in enumerate(system.tensors) if t.bound is Bound.LOOKUP)
    kept = [
        lookup
        for lookup in RECORDS["matmul"]["lookups"]
        if RECORDS["matmul"]["forms"][lookup["key"]][2][0][1] != position
    ]
    refused("matmul", ("lookups",), kept, "no look-up reads it")


def test_a_boundary_tensor_on_neither_side() -> None:
    refused("matmul", ("inputs",), [], "boundary")


def test_an_index_picked_from_a_private_tensor() -> None:
    refused("picked", ("public",), [], "public")
