"""Keys and runs survive a round trip, and nothing else gets through the border."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core import synthetic
from zkdps.core.canonical import canonical_json, digest_of
from zkdps.core.errors import InputError, MalformedArchive, UnknownVersion
from zkdps.core.parse_key import parse_key
from zkdps.core.parse_run import parse_run
from zkdps.core.plan import Block, Plan, TensorSpec

KEY = synthetic.key().members()
RUN = synthetic.run(with_tensors=True).members()


def test_round_trips() -> None:
    assert parse_key(KEY, "k") == synthetic.key()
    assert parse_run(RUN, "r") == synthetic.run(with_tensors=True)
    assert parse_key(KEY, "k").digest == synthetic.key().digest


def _edited(members: dict[str, bytes], edit: Callable[[Any], None]) -> dict[str, bytes]:
    manifest = json.loads(members["manifest.json"])
    edit(manifest)
    return {**members, "manifest.json": canonical_json(manifest)}


def _set(*path: object) -> Callable[[Any], None]:
    *where, last, value = path

    def edit(record: Any) -> None:
        for step in where:
            record = record[step]
        record[last] = value

    return edit


def _delete(*path: object) -> Callable[[Any], None]:
    *where, last = path

    def edit(record: Any) -> None:
        for step in where:
            record = record[step]
        del record[last]

    return edit


BAD_KEYS = {
    "unknown field": _set("extra", 1),
    "missing field": _delete("model"),
    "unknown link": _set("link", "trust me"),
    "float shape": _set("tensors", 0, "shape", ["1", 4]),
    "negative axis": _set("tensors", 0, "shape", [-1, 4]),
    "huge tensor": _set("tensors", 0, "shape", [1 << 30, 1 << 30]),
    "scaled integers": _set("tensors", 0, "dtype", "int64"),
    "two scales": _set("tensors", 0, "scale_bits", 9),
    "unknown dtype": _set("tensors", 0, "dtype", "float8"),
    "tensor nobody makes": _set("blocks", 1, "inputs", ["nowhere"]),
    "tensor made twice": _set("blocks", 1, "outputs", ["h"]),
    "cycle": _set("blocks", 0, "inputs", ["x", "g"]),
    "output nobody makes": _set("outputs", ["x"]),
    "bounds of other outputs": _set("accuracy", "bounds", 0, "tensor", "h"),
    "no held-out samples": _set("accuracy", "samples", 0),
    "member of another digest": _set("blocks", 0, "material", "vk.key", "0" * 64),
    "missing member": _set("trust", "more.bin", "0" * 64),
    "unnamed member": _delete("trust", "srs-verifier.bin"),
    "unknown kind of SRS": _set("srs", "kind", "found"),
    "logrows out of bounds": _set("srs", "digests", "99", "0" * 64),
    "upper-case digest": _set("model", "source_sha256", "AB" * 32),
    "too many list items": _set("inputs", ["x"] * 70_000),
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_bad_keys_are_refused(case: str) -> None:
    with pytest.raises(MalformedArchive):
        parse_key(_edited(KEY, BAD_KEYS[case]), "k")


BAD_RUNS = {
    "another run id": _set("run_id", "0" * 64),
    "changed claim": _set("outputs", "y", "0" * 64),
    "unknown evidence": _set("receipts", 0, "evidence", "promise"),
    "unknown scheme": _set("receipts", 0, "inputs", 0, "link", "trust me"),
    "odd hex": _set("receipts", 0, "inputs", 0, "value", "abc"),
    "negative block": _set("receipts", 0, "block", -1),
    "boolean block": _set("receipts", 0, "block", True),
    "proof of another digest": _set("receipts", 0, "proof_sha256", "0" * 64),
    "carried tensor of another digest": _set("tensors", "x", "0" * 64),
    "unknown field in a receipt": _set("receipts", 0, "note", "hello"),
    "negative usage": _set("receipts", 0, "usage", "wall_ms", -1),
}


@pytest.mark.parametrize("case", BAD_RUNS)
def test_bad_runs_are_refused(case: str) -> None:
    with pytest.raises(MalformedArchive):
        parse_run(_edited(RUN, BAD_RUNS[case]), "r")


@pytest.mark.parametrize("version", [0, 2, 99])
def test_unknown_versions_are_named(version: int) -> None:
    with pytest.raises(UnknownVersion):
        parse_key(_edited(KEY, _set("version", version)), "k")
    with pytest.raises(UnknownVersion):
        parse_run(_edited(RUN, _set("version", version)), "r")


def test_stray_members_are_refused() -> None:
    with pytest.raises(MalformedArchive, match="not the manifest's"):
        parse_key({**KEY, "more.bin": b""}, "k")
    with pytest.raises(MalformedArchive, match="not the manifest's"):
        parse_run({**RUN, "proofs/9.bin": b""}, "r")


JSON_VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({})
)


@given(st.data())
def test_any_field_of_any_other_value_is_refused_or_is_another_file(data: st.DataObject) -> None:
    border: list[tuple[dict[str, bytes], Callable[..., Any]]] = [(KEY, parse_key), (RUN, parse_run)]
    members, parse = data.draw(st.sampled_from(border))
    record = json.loads(members["manifest.json"])
    where = record
    while True:
        step = data.draw(
            st.sampled_from(sorted(where) if isinstance(where, dict) else range(len(where)))
        )
        if not isinstance(where[step], dict | list) or not where[step] or data.draw(st.booleans()):
            break
        where = where[step]
    where[step] = data.draw(JSON_VALUES)
    try:
        parsed = parse({**members, "manifest.json": canonical_json(record)}, "f")
    except InputError:
        return
    assert digest_of(parsed.manifest()) == digest_of(record)


def test_plans_refuse_what_is_no_plan() -> None:
    x, y = TensorSpec("x", (1,), "float32"), TensorSpec("y", (1,), "float32")
    with pytest.raises(ValueError, match="never used"):
        Plan(
            (x, y, TensorSpec("z", (1,), "float32")),
            ("x",),
            ("y",),
            (Block(0, "b", ("x",), ("y", "z")),),
        )
    with pytest.raises(ValueError, match="position"):
        Plan((x, y), ("x",), ("y",), (Block(1, "b", ("x",), ("y",)),))
    with pytest.raises(ValueError, match="twice"):
        Plan((x, y), ("x",), ("y",), (Block(0, "b", ("x", "x"), ("y",)),))


def test_boundaries_list_residuals() -> None:
    plan = synthetic.plan()
    assert [(b.producer, b.consumer, b.tensors) for b in plan.boundaries] == [
        (-1, 0, ("x",)),
        (0, 1, ("h",)),
        (0, 2, ("r",)),
        (1, 2, ("g",)),
        (2, -1, ("y",)),
    ]
