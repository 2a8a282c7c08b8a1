"""The parts of a System, read strictly from JSON: every value of the type and size that is due.

All functions raise `CheckFailed` (2) where a value is not.

Source: docs/sumcheck.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zkdps.core.canonical import Json
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.system import (
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
    Table,
    Tensor,
    Term,
    View,
)
from zkdps.provers.sumcheck.system_check import MAX_COUNT, MAX_SIZE

MAX_NAME_CHARACTERS = 400


class Reader:
    """Values of JSON with the type that is due, or check 2 fails."""

    @staticmethod
    def keys(value: Json, names: Sequence[str], where: str) -> Mapping[str, Json]:
        """An object of exactly these members."""
        if not isinstance(value, Mapping) or set(value) != set(names):
            raise CheckFailed(2, f"{where}: not an object of exactly {sorted(names)}")
        return value

    @staticmethod
    def sequence(value: Json, where: str, length: int | None = None) -> Sequence[Json]:
        """A list, of a certain length where one is due."""
        if not isinstance(value, list) or length not in (None, len(value)):
            raise CheckFailed(2, f"{where}: not a list of the length that is due")
        if len(value) > MAX_COUNT:
            raise CheckFailed(2, f"{where}: {len(value)} entries, at most {MAX_COUNT}")
        return value

    @staticmethod
    def integer(value: Json, low: int, high: int, where: str) -> int:
        """An integer within bounds; booleans are none."""
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise CheckFailed(2, f"{where}: not an integer within {low}..{high}")
        return value

    @staticmethod
    def text(value: Json, where: str) -> str:
        """A short text that is not empty."""
        if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARACTERS:
            raise CheckFailed(2, f"{where}: not a text of 1..{MAX_NAME_CHARACTERS} characters")
        return value

    @staticmethod
    def digest(value: Json, where: str) -> str:
        """Hex of a SHA-256, or nothing."""
        if not isinstance(value, str) or len(value) not in (0, 64) or set(value) - _HEX:
            raise CheckFailed(2, f"{where}: neither empty nor 64 lower-case hex digits")
        return value

    @classmethod
    def positions(cls, value: Json, where: str) -> tuple[int, ...]:
        """A list of positions."""
        return tuple(cls.integer(v, 0, MAX_COUNT, where) for v in cls.sequence(value, where))


_HEX = frozenset("0123456789abcdef")
_RESIDUE = P - 1


def read_preset(value: Json, presets: Mapping[str, Preset]) -> Preset:
    """Parameters, if they are among the `presets`."""
    record = Reader.keys(value, ("name", "degree", "rate_bits", "queries", "grind_bits"), "preset")
    known = presets.get(Reader.text(record["name"], "preset"))
    numbers = [value for name, value in record.items() if name != "name"]
    # True equals 1, and is another file.
    if any(type(number) is not int for number in numbers):
        raise CheckFailed(2, "preset: its parameters are integers")
    if known is None or dict(record) != {name: getattr(known, name) for name in record}:
        raise CheckFailed(2, f"preset {record['name']!r} is not one that zkdps knows")
    return known


def read_label(value: Json) -> Label:
    """A label."""
    name, size = Reader.sequence(value, "label", 2)
    return Label(Reader.text(name, "label"), Reader.integer(size, 1, MAX_SIZE, "label"))


def read_tensor(value: Json) -> Tensor:
    """A tensor."""
    record = Reader.keys(value, ("name", "holder", "shape", "low", "high", "bound"), "tensor")
    name = Reader.text(record["name"], "tensor")
    where = f"tensor {name!r}"
    try:
        holder = Holder(Reader.text(record["holder"], where))
        bound = Bound(Reader.text(record["bound"], where))
    except ValueError as error:
        raise CheckFailed(2, f"{where}: unknown holder or bound") from error
    return Tensor(
        name,
        holder,
        tuple(
            Reader.integer(n, 1, MAX_SIZE, where) for n in Reader.sequence(record["shape"], where)
        ),
        Reader.integer(record["low"], -_RESIDUE, _RESIDUE, where),
        Reader.integer(record["high"], -_RESIDUE, _RESIDUE, where),
        bound,
    )


def read_form(value: Json) -> Form:
    """A linear form."""
    labels, constant, views = Reader.sequence(value, "form", 3)
    return Form(
        Reader.positions(labels, "form"),
        Reader.integer(constant, -_RESIDUE, _RESIDUE, "form"),
        tuple(_scaled_view(v) for v in Reader.sequence(views, "form")),
    )


def _scaled_view(value: Json) -> tuple[int, View]:
    coefficient, tensor, index = Reader.sequence(value, "view", 3)
    return (
        Reader.integer(coefficient, -_RESIDUE, _RESIDUE, "view"),
        View(
            Reader.integer(tensor, 0, MAX_COUNT, "view"),
            tuple(_axis(v) for v in Reader.sequence(index, "view")),
        ),
    )


def _axis(value: Json) -> AxisIndex:
    if isinstance(value, Mapping):
        record = Reader.keys(value, ("picked", "label"), "picked index")
        return Picked(
            Reader.integer(record["picked"], 0, MAX_COUNT, "picked index"),
            Reader.integer(record["label"], 0, MAX_COUNT, "picked index"),
        )
    offset, terms = Reader.sequence(value, "axis index", 2)
    pairs = [Reader.sequence(v, "axis index", 2) for v in Reader.sequence(terms, "axis index")]
    return Affine(
        Reader.integer(offset, -_RESIDUE, _RESIDUE, "axis index"),
        tuple(
            (
                Reader.integer(label, 0, MAX_COUNT, "axis index"),
                Reader.integer(stride, 1, _RESIDUE, "axis index"),
            )
            for label, stride in pairs
        ),
    )


def read_relation(value: Json) -> Relation:
    """A relation."""
    record = Reader.keys(value, ("name", "labels", "terms"), "relation")
    name = Reader.text(record["name"], "relation")
    terms = [
        Reader.sequence(v, f"relation {name!r}", 2)
        for v in Reader.sequence(record["terms"], f"relation {name!r}")
    ]
    return Relation(
        name,
        Reader.positions(record["labels"], f"relation {name!r}"),
        tuple(
            Term(
                Reader.integer(coefficient, -_RESIDUE, _RESIDUE, f"relation {name!r}"),
                Reader.positions(forms, f"relation {name!r}"),
            )
            for coefficient, forms in terms
        ),
    )


def read_lookup(value: Json) -> Lookup:
    """A look-up."""
    record = Reader.keys(value, ("name", "labels", "table", "key", "value"), "look-up")
    name = Reader.text(record["name"], "look-up")
    where = f"look-up {name!r}"
    worth = record["value"]
    return Lookup(
        name,
        Reader.positions(record["labels"], where),
        Reader.integer(record["table"], 0, MAX_COUNT, where),
        Reader.integer(record["key"], 0, MAX_COUNT, where),
        None if worth is None else Reader.integer(worth, 0, MAX_COUNT, where),
    )


def read_tables(values: Sequence[Json], data: bytes) -> tuple[Table, ...]:
    """All tables; their values come from `tables.bin`, to its last byte."""
    tables, start = [], 0
    for value in values:
        record = Reader.keys(value, ("name", "tag", "low", "rows", "pair", "multiplicity"), "table")
        name = Reader.text(record["name"], "table")
        where = f"table {name!r}"
        rows = Reader.integer(record["rows"], 1, MAX_SIZE, where)
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
                Reader.integer(record["tag"], 1, MAX_COUNT, where),
                Reader.integer(record["low"], -_RESIDUE, _RESIDUE, where),
                rows,
                column,
                Reader.integer(record["multiplicity"], 0, MAX_COUNT, where),
            )
        )
    if start != len(data):
        raise CheckFailed(2, "tables.bin is too long")
    return tuple(tables)
