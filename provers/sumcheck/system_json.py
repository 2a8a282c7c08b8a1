"""A System as two files, and back: `system.json` (canonical) and `tables.bin`.

The digest of `system.json` stands for the System in every transcript; it covers `tables.bin` by
digest.  Reading is strict, because a key comes from outside: all that a verifier relies on later
without looking again is checked here or in `system_check`.

Source: docs/sumcheck.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zkdps.core.canonical import Json, canonical_json, parse_canonical, sha256_hex
from zkdps.core.errors import CheckFailed, MalformedArchive
from zkdps.provers.sumcheck.field import TWO_ADICITY
from zkdps.provers.sumcheck.system import PRESETS, AxisIndex, Form, Picked, Preset, System
from zkdps.provers.sumcheck.system_check import MAX_COLUMNS_LOG, MAX_COUNT, check_system
from zkdps.provers.sumcheck.system_parts import (
    Reader,
    read_form,
    read_label,
    read_lookup,
    read_preset,
    read_relation,
    read_tables,
    read_tensor,
)

SYSTEM, TABLES = "system.json", "tables.bin"
"""Names of the two files."""
VERSION = 1
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
    Reader.keys(record, _FIELDS, "system.json")
    read = Reader
    if read.integer(record["version"], 0, MAX_COUNT, "version") != VERSION:
        raise CheckFailed(2, "system.json: unknown version")
    if record["tables_sha256"] != sha256_hex(tables):
        raise CheckFailed(2, "tables.bin is not the one that system.json names")
    preset = read_preset(record["preset"], presets)
    most_columns = min(MAX_COLUMNS_LOG, TWO_ADICITY - preset.rate_bits)
    system = System(
        preset=preset,
        columns_log=read.integer(record["columns_log"], 0, most_columns, "columns_log"),
        labels=tuple(read_label(v) for v in read.sequence(record["labels"], "labels")),
        tensors=tuple(read_tensor(v) for v in read.sequence(record["tensors"], "tensors")),
        forms=tuple(read_form(v) for v in read.sequence(record["forms"], "forms")),
        relations=tuple(read_relation(v) for v in read.sequence(record["relations"], "relations")),
        lookups=tuple(read_lookup(v) for v in read.sequence(record["lookups"], "lookups")),
        tables=read_tables(read.sequence(record["tables"], "tables"), tables),
        inputs=read.positions(record["inputs"], "inputs"),
        outputs=read.positions(record["outputs"], "outputs"),
        public=read.positions(record["public"], "public"),
        bounds_sha256=read.digest(record["bounds_sha256"], "bounds_sha256"),
        weights_root=read.digest(record["weights_root"], "weights_root"),
    )
    check_system(system)
    return system


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
