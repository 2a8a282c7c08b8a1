"""A System as two files, and back: `system.json` (canonical) and `tables.bin`.

The digest of `system.json` stands for the System in every transcript; it covers `tables.bin` by
digest.  Reading is strict, because a key comes from outside: all that a verifier relies on later
without looking again is checked here or in `system_check`.

Source: docs/sumcheck.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zkdps.core.canonical import Json, canonical_json, parse_canonical, sha256_hex
from zkdps.core.errors import CheckFailed, MalformedArchive
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.system import (
    PRESETS,
    Affine,
    AxisIndex,
    Bound,
    Form,
    Holder,
    Int32s,
    Label,
    Lookup,
    Picked,
    Preset,
    Relation,
    System,
    Table,
    Tensor,
    Term,
    View,
)
from zkdps.provers.sumcheck.system_check import MAX_COUNT, MAX_SIZE, check_system

VERSION = 1
MAX_NAME_CHARACTERS = 400
_FIELDS = [
    "version",
    "preset",
    "columns_log",
    "labels",
    "tensors",
    "forms",
    "relations",
    "lookups",
    "tables",
    "tables_sha256",
    "inputs",
    "outputs",
    "public",
    "bounds_sha256",
    "weights_root",
]


def system_to_files(system: System) -> tuple[bytes, bytes]:
    """`system.json` and `tables.bin`."""
    tables = tables_to_bytes(system)
    preset = system.preset
    record: Json = {
        "version": VERSION,
        "preset": {
            "name": preset.name,
            "degree": preset.degree,
            "rate_bits": preset.rate_bits,
            "queries": preset.queries,
            "grind_bits": preset.grind_bits,
        },
        "columns_log": system.columns_log,
        "labels": [[label.name, label.size] for label in system.labels],
        "tensors": [
            {
                "name": tensor.name,
                "holder": tensor.holder.value,
                "shape": list(tensor.shape),
                "low": tensor.low,
                "high": tensor.high,
                "bound": tensor.bound.value,
            }
            for tensor in system.tensors
        ],
        "forms": [_form_json(form) for form in system.forms],
        "relations": [
            {
                "name": relation.name,
                "labels": list(relation.labels),
                "terms": [[term.coefficient, list(term.forms)] for term in relation.terms],
            }
            for relation in system.relations
        ],
        "lookups": [
            {
                "name": lookup.name,
                "labels": list(lookup.labels),
                "table": lookup.table,
                "key": lookup.key,
                "value": lookup.value,
            }
            for lookup in system.lookups
        ],
        "tables": [
            {
                "name": table.name,
                "tag": table.tag,
                "low": table.low,
                "rows": table.rows,
                "pair": table.values is not None,
                "multiplicity": table.multiplicity,
            }
            for table in system.tables
        ],
        "tables_sha256": sha256_hex(tables),
        "inputs": list(system.inputs),
        "outputs": list(system.outputs),
        "public": list(system.public),
        "bounds_sha256": system.bounds_sha256,
        "weights_root": system.weights_root,
    }
    return canonical_json(record), tables


def system_digest(system: System) -> bytes:
    """SHA-256 of `system.json`, 32 bytes."""
    return bytes.fromhex(sha256_hex(system_to_files(system)[0]))


def tables_to_bytes(system: System) -> bytes:
    """The values of the pair tables, in order, int32 little-endian."""
    return b"".join(
        np.ascontiguousarray(table.values, "<i4").tobytes()
        for table in system.tables
        if table.values is not None
    )


def system_from_files(
    text: bytes, tables: bytes, presets: Mapping[str, Preset] = PRESETS
) -> System:
    """Untrusted bytes to a System that the verifier may rely on.

    Args:
        text: `system.json`.
        tables: `tables.bin`.
        presets: the parameters that are acceptable.

    Raises:
        CheckFailed: number 2, saying what is wrong where.
    """
    try:
        record = parse_canonical(text, "system.json")
    except MalformedArchive as error:
        raise CheckFailed(2, f"{error.path}: {error.reason}") from error
    _Reader.keys(record, _FIELDS, "system.json")
    read = _Reader
    if read.integer(record["version"], 0, MAX_COUNT, "version") != VERSION:
        raise CheckFailed(2, "system.json: unknown version")
    if record["tables_sha256"] != sha256_hex(tables):
        raise CheckFailed(2, "tables.bin is not the one that system.json names")
    preset = _preset(record["preset"], presets)
    system = System(
        preset=preset,
        columns_log=read.integer(record["columns_log"], 0, 24 - preset.rate_bits, "columns_log"),
        labels=tuple(_label(v) for v in read.sequence(record["labels"], "labels")),
        tensors=tuple(_tensor(v) for v in read.sequence(record["tensors"], "tensors")),
        forms=tuple(_form(v) for v in read.sequence(record["forms"], "forms")),
        relations=tuple(_relation(v) for v in read.sequence(record["relations"], "relations")),
        lookups=tuple(_lookup(v) for v in read.sequence(record["lookups"], "lookups")),
        tables=_tables(read.sequence(record["tables"], "tables"), tables),
        inputs=read.positions(record["inputs"], "inputs"),
        outputs=read.positions(record["outputs"], "outputs"),
        public=read.positions(record["public"], "public"),
        bounds_sha256=read.digest(record["bounds_sha256"], "bounds_sha256"),
        weights_root=read.digest(record["weights_root"], "weights_root"),
    )
    check_system(system)
    return system


class _Reader:
    """Values of JSON with the type that is due, or check 2 fails."""

    @staticmethod
    def keys(value: Json, names: Sequence[str], where: str) -> Mapping[str, Json]:
        if not isinstance(value, Mapping) or set(value) != set(names):
            raise CheckFailed(2, f"{where}: not an object of exactly {sorted(names)}")
        return value

    @staticmethod
    def sequence(value: Json, where: str, length: int | None = None) -> Sequence[Json]:
        if not isinstance(value, list) or length not in (None, len(value)):
            raise CheckFailed(2, f"{where}: not a list of the length that is due")
        if len(value) > MAX_COUNT:
            raise CheckFailed(2, f"{where}: {len(value)} entries, at most {MAX_COUNT}")
        return value

    @staticmethod
    def integer(value: Json, low: int, high: int, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise CheckFailed(2, f"{where}: not an integer within {low}..{high}")
        return value

    @staticmethod
    def text(value: Json, where: str) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARACTERS:
            raise CheckFailed(2, f"{where}: not a text of 1..{MAX_NAME_CHARACTERS} characters")
        return value

    @staticmethod
    def digest(value: Json, where: str) -> str:
        if not isinstance(value, str) or len(value) not in (0, 64) or set(value) - _HEX:
            raise CheckFailed(2, f"{where}: neither empty nor 64 lower-case hex digits")
        return value

    @classmethod
    def positions(cls, value: Json, where: str) -> tuple[int, ...]:
        return tuple(cls.integer(v, 0, MAX_COUNT, where) for v in cls.sequence(value, where))


_HEX = frozenset("0123456789abcdef")
_RESIDUE = P - 1


def _preset(value: Json, presets: Mapping[str, Preset]) -> Preset:
    record = _Reader.keys(value, ("name", "degree", "rate_bits", "queries", "grind_bits"), "preset")
    known = presets.get(_Reader.text(record["name"], "preset"))
    numbers = [value for name, value in record.items() if name != "name"]
    # True equals 1, and is another file.
    if any(type(number) is not int for number in numbers):
        raise CheckFailed(2, "preset: its parameters are integers")
    if known is None or dict(record) != {name: getattr(known, name) for name in record}:
        raise CheckFailed(2, f"preset {record['name']!r} is not one that zkdps knows")
    return known


def _label(value: Json) -> Label:
    name, size = _Reader.sequence(value, "label", 2)
    return Label(_Reader.text(name, "label"), _Reader.integer(size, 1, MAX_SIZE, "label"))


def _tensor(value: Json) -> Tensor:
    record = _Reader.keys(value, ("name", "holder", "shape", "low", "high", "bound"), "tensor")
    name = _Reader.text(record["name"], "tensor")
    where = f"tensor {name!r}"
    try:
        holder = Holder(_Reader.text(record["holder"], where))
        bound = Bound(_Reader.text(record["bound"], where))
    except ValueError as error:
        raise CheckFailed(2, f"{where}: unknown holder or bound") from error
    return Tensor(
        name,
        holder,
        tuple(
            _Reader.integer(n, 1, MAX_SIZE, where) for n in _Reader.sequence(record["shape"], where)
        ),
        _Reader.integer(record["low"], -_RESIDUE, _RESIDUE, where),
        _Reader.integer(record["high"], -_RESIDUE, _RESIDUE, where),
        bound,
    )


def _form(value: Json) -> Form:
    labels, constant, views = _Reader.sequence(value, "form", 3)
    return Form(
        _Reader.positions(labels, "form"),
        _Reader.integer(constant, -_RESIDUE, _RESIDUE, "form"),
        tuple(_scaled_view(v) for v in _Reader.sequence(views, "form")),
    )


def _scaled_view(value: Json) -> tuple[int, View]:
    coefficient, tensor, index = _Reader.sequence(value, "view", 3)
    return (
        _Reader.integer(coefficient, -_RESIDUE, _RESIDUE, "view"),
        View(
            _Reader.integer(tensor, 0, MAX_COUNT, "view"),
            tuple(_axis(v) for v in _Reader.sequence(index, "view")),
        ),
    )


def _axis(value: Json) -> AxisIndex:
    if isinstance(value, Mapping):
        record = _Reader.keys(value, ("picked", "label"), "picked index")
        return Picked(
            _Reader.integer(record["picked"], 0, MAX_COUNT, "picked index"),
            _Reader.integer(record["label"], 0, MAX_COUNT, "picked index"),
        )
    offset, terms = _Reader.sequence(value, "axis index", 2)
    pairs = [_Reader.sequence(v, "axis index", 2) for v in _Reader.sequence(terms, "axis index")]
    return Affine(
        _Reader.integer(offset, -_RESIDUE, _RESIDUE, "axis index"),
        tuple(
            (
                _Reader.integer(label, 0, MAX_COUNT, "axis index"),
                _Reader.integer(stride, 1, _RESIDUE, "axis index"),
            )
            for label, stride in pairs
        ),
    )


def _relation(value: Json) -> Relation:
    record = _Reader.keys(value, ("name", "labels", "terms"), "relation")
    name = _Reader.text(record["name"], "relation")
    terms = [
        _Reader.sequence(v, f"relation {name!r}", 2)
        for v in _Reader.sequence(record["terms"], f"relation {name!r}")
    ]
    return Relation(
        name,
        _Reader.positions(record["labels"], f"relation {name!r}"),
        tuple(
            Term(
                _Reader.integer(coefficient, -_RESIDUE, _RESIDUE, f"relation {name!r}"),
                _Reader.positions(forms, f"relation {name!r}"),
            )
            for coefficient, forms in terms
        ),
    )


def _lookup(value: Json) -> Lookup:
    record = _Reader.keys(value, ("name", "labels", "table", "key", "value"), "look-up")
    name = _Reader.text(record["name"], "look-up")
    where = f"look-up {name!r}"
    worth = record["value"]
    return Lookup(
        name,
        _Reader.positions(record["labels"], where),
        _Reader.integer(record["table"], 0, MAX_COUNT, where),
        _Reader.integer(record["key"], 0, MAX_COUNT, where),
        None if worth is None else _Reader.integer(worth, 0, MAX_COUNT, where),
    )


def _tables(values: Sequence[Json], data: bytes) -> tuple[Table, ...]:
    tables, start = [], 0
    for value in values:
        record = _Reader.keys(
            value, ("name", "tag", "low", "rows", "pair", "multiplicity"), "table"
        )
        name = _Reader.text(record["name"], "table")
        where = f"table {name!r}"
        rows = _Reader.integer(record["rows"], 1, MAX_SIZE, where)
        column: Int32s | None = None
        if record["pair"] is True:
            if len(data) < start + 4 * rows:
                raise CheckFailed(2, "tables.bin is too short")
            column = np.frombuffer(data, "<i4", rows, start).astype(np.int32)
            start += 4 * rows
        elif record["pair"] is not False:
            raise CheckFailed(2, f"{where}: pair is neither true nor false")
        tables.append(
            Table(
                name,
                _Reader.integer(record["tag"], 1, MAX_COUNT, where),
                _Reader.integer(record["low"], -_RESIDUE, _RESIDUE, where),
                rows,
                column,
                _Reader.integer(record["multiplicity"], 0, MAX_COUNT, where),
            )
        )
    if start != len(data):
        raise CheckFailed(2, "tables.bin is too long")
    return tuple(tables)


def _form_json(form: Form) -> Json:
    return [
        list(form.labels),
        form.constant,
        [
            [coefficient, view.tensor, [_axis_json(axis) for axis in view.index]]
            for coefficient, view in form.views
        ],
    ]


def _axis_json(axis: AxisIndex) -> Json:
    if isinstance(axis, Picked):
        return {"picked": axis.tensor, "label": axis.label}
    return [axis.offset, [[label, stride] for label, stride in axis.terms]]
