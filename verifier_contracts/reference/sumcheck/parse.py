"""Untrusted bytes of a key to a `System`, or a refusal (`docs/sumcheck.md` §2, §9).

Whatever the rest of the verifier relies on is checked here, once: that positions point at
something, that labels, forms and tensors fit each other, that sizes are within bounds.  `rules`
says what makes a system sound, `work` bounds what all of it costs together.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping

from zkdps.core.canonical import Json, parse_canonical
from zkdps.core.errors import MalformedArchive
from zkdps.verifier_contracts.reference.sumcheck.field import TWO_ADICITY, P
from zkdps.verifier_contracts.reference.sumcheck.json_values import (
    array,
    choice,
    flag,
    integer,
    malformed,
    position,
    positions,
    record,
    row,
    text,
)
from zkdps.verifier_contracts.reference.sumcheck.parse_forms import (
    MAX_INTEGER,
    parse_form,
    parse_lookup,
    parse_relation,
)
from zkdps.verifier_contracts.reference.sumcheck.rules import check_rules
from zkdps.verifier_contracts.reference.sumcheck.system import (
    PRESETS,
    Label,
    Preset,
    System,
    Table,
    Tensor,
)
from zkdps.verifier_contracts.reference.sumcheck.transcript import failed
from zkdps.verifier_contracts.reference.sumcheck.work import check_work

VERSION = 1
MAX_ITEMS = 1 << 18
"""Of labels, tensors, forms, relations, look-ups, tables."""
MAX_SIZE = 1 << 23
"""Of a label, an axis, a table: inner products of this length fit the field's limbs."""
MAX_ENTRIES = 1 << 32
MAX_AXES = 8
MAX_COLUMNS_LOG = 20

_MEMBERS = (
    *("version", "preset", "columns_log", "labels", "tensors", "forms", "relations", "lookups"),
    *("tables", "tables_sha256", "inputs", "outputs", "public", "bounds_sha256", "weights_root"),
)
_HEX_DIGEST = re.compile("[0-9a-f]{64}")
_HOLDERS = ("weights", "boundary", "aux")
_BOUNDS = ("lookup", "pair", "weight", "helper", "multiplicity", "public")


def parse_system(data: bytes, tables: bytes, presets: Mapping[str, Preset] = PRESETS) -> System:
    """`system.json` and `tables.bin` to a checked system of one of the presets.

    Raises:
        CheckFailed: (5) they are not what the format says, or too large.
    """
    try:
        top = record(parse_canonical(data, "system.json"), "the object", _MEMBERS)
    except MalformedArchive as error:
        raise failed(str(error)) from error
    integer(top["version"], "version", VERSION, VERSION)
    preset = _preset(top["preset"], presets)
    most_columns = min(MAX_COLUMNS_LOG, TWO_ADICITY - preset.rate_bits)
    labels = tuple(_label(item) for item in array(top["labels"], "labels", MAX_ITEMS))
    tensors = tuple(_tensor(item) for item in array(top["tensors"], "tensors", MAX_ITEMS))
    if sum(tensor.size for tensor in tensors) > MAX_ENTRIES:
        raise failed("system.json: too many entries are committed", f"at most {MAX_ENTRIES}")
    public = positions(top["public"], "public", tensors)
    forms = tuple(
        parse_form(item, labels, tensors, public)
        for item in array(top["forms"], "forms", MAX_ITEMS)
    )
    listed = _tables(top["tables"], tensors, tables, top["tables_sha256"])
    system = System(
        preset=preset,
        columns_log=integer(top["columns_log"], "columns_log", 0, most_columns),
        labels=labels,
        tensors=tensors,
        forms=forms,
        relations=tuple(
            parse_relation(item, labels, forms)
            for item in array(top["relations"], "relations", MAX_ITEMS)
        ),
        lookups=tuple(
            parse_lookup(item, labels, forms, listed)
            for item in array(top["lookups"], "lookups", MAX_ITEMS)
        ),
        tables=listed,
        inputs=positions(top["inputs"], "inputs", tensors),
        outputs=positions(top["outputs"], "outputs", tensors),
        public=public,
        weights_root=_digest(top["weights_root"], "weights_root"),
        digest=hashlib.sha256(data).digest(),
    )
    _digest(top["bounds_sha256"], "bounds_sha256")
    check_rules(system)
    check_work(system)
    return system


def _preset(value: Json, presets: Mapping[str, Preset]) -> Preset:
    """A preset is named, and its parameters are spelled out too; both must agree."""
    names = ("name", "degree", "rate_bits", "queries", "grind_bits")
    given = record(value, "preset", names)
    preset = presets[choice(given["name"], "preset name", presets)]
    for name in names[1:]:
        known = getattr(preset, name)
        integer(given[name], name, known, known)
    return preset


def _label(value: Json) -> Label:
    name, size = row(value, "label", 2)
    return Label(text(name, "label name"), integer(size, "label size", 1, MAX_SIZE))


def _tensor(value: Json) -> Tensor:
    tensor = record(value, "tensor", ("name", "holder", "shape", "low", "high", "bound"))
    shape = array(tensor["shape"], "shape", MAX_AXES)
    low = integer(tensor["low"], "low", -MAX_INTEGER, MAX_INTEGER)
    return Tensor(
        name=text(tensor["name"], "tensor name"),
        holder=choice(tensor["holder"], "holder", _HOLDERS),
        shape=tuple(integer(size, "axis", 1, MAX_SIZE) for size in shape),
        low=low,
        high=integer(tensor["high"], "high", low, MAX_INTEGER),
        bound=choice(tensor["bound"], "bound", _BOUNDS),
    )


def _tables(
    value: Json, tensors: tuple[Tensor, ...], data: bytes, digest: Json
) -> tuple[Table, ...]:
    if _digest(digest, "tables_sha256") != hashlib.sha256(data).digest():
        raise failed("tables.bin is not the one that system.json names")
    names = ("name", "tag", "low", "rows", "pair", "multiplicity")
    tables, at = [], 0
    for item in array(value, "tables", MAX_ITEMS):
        table = record(item, "table", names)
        rows = integer(table["rows"], "rows", 1, MAX_SIZE)
        values = None
        if flag(table["pair"], "pair"):
            if len(data) < at + 4 * rows:
                raise failed("tables.bin is too short")
            values = struct.unpack_from(f"<{rows}i", data, at)
            at += 4 * rows
        tables.append(
            Table(
                name=text(table["name"], "table name"),
                tag=integer(table["tag"], "tag", 1, P - 1),
                low=integer(table["low"], "low", -(P // 2), P // 2 - rows),
                rows=rows,
                values=values,
                multiplicity=position(table["multiplicity"], "multiplicity", tensors),
            )
        )
    if at != len(data):
        raise failed("tables.bin has trailing bytes", f"{at} bytes", str(len(data)))
    return tuple(tables)


def _digest(value: Json, what: str) -> bytes:
    """32 bytes in lower-case hex, or none where the text is empty."""
    if isinstance(value, str) and (not value or _HEX_DIGEST.fullmatch(value)):
        return bytes.fromhex(value)
    raise malformed(what, "64 hex digits", value)
