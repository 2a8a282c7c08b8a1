"""Random changes of runs and keys, each told by where it was made.

`raw` changes hit the file's bytes.  `deep` changes hit one leaf of a manifest or some bytes of a
member; then every digest and the run id are computed again, so that the checks behind check 1 see
them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.vectors.edits import reseal
from zkdps.core.canonical import canonical_json, sha256_hex

Members = Mapping[str, bytes]
HEX = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Change:
    """One mutation."""

    where: str
    """A path in the manifest, with positions as `*`; or a member's name; or `file`."""
    what: str
    """For the failure message."""
    at: int | None = None
    """The first byte changed, of a member."""


def changed_bytes(rng: Random, data: bytes) -> bytes:
    """Other bytes: a bit, a byte, a run of bytes, an insertion, a deletion, a cut."""
    while True:
        at = rng.randrange(len(data) + 1)
        length = min(rng.choice((1, 1, 2, 32, 64)), max(1, len(data) - at))
        end = at + length
        kind = rng.choice(("bit", "byte", "random", "zero", "insert", "delete", "cut", "copy"))
        if kind == "bit" and at < len(data):
            flipped = data[at] ^ (1 << rng.randrange(8))
            found = data[:at] + bytes([flipped]) + data[at + 1 :]
        elif kind == "byte" and at < len(data):
            found = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif kind in ("random", "zero"):
            part = bytes(length) if kind == "zero" else rng.randbytes(length)
            found = data[:at] + part + data[end:]
        elif kind == "insert":
            found = data[:at] + rng.randbytes(length) + data[at:]
        elif kind == "delete":
            found = data[:at] + data[end:]
        elif kind == "cut":
            found = data[:at]
        else:
            start = rng.randrange(len(data) + 1)
            found = data[:at] + data[start : start + length] + data[end:]
        if found != data:
            return found


def first_difference(data: bytes, changed: bytes) -> int:
    """Position of the first byte that differs."""
    pairs = enumerate(zip(data, changed, strict=False))
    return next((at for at, (old, new) in pairs if old != new), min(len(data), len(changed)))


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of everything in a JSON value, containers included."""
    if path:
        yield path
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, inner in items:
        yield from leaves(inner, (*path, name))


def changed_json(rng: Random, record: Any) -> tuple[Any, Change]:
    """A copy of the record with one value changed, removed, doubled, added or moved."""
    while True:
        changed = copy.deepcopy(record)
        path = rng.choice(list(leaves(record)))
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        what = _change(rng, holder, path[-1])
        if changed != record:
            where = ".".join("*" if isinstance(step, int) else step for step in path)
            # A doubled field is a new one, of another name.
            added = what == "double" and isinstance(path[-1], str)
            return changed, Change(f"{where}2" if added else where, f"{what} at {path}")


def _change(rng: Random, holder: Any, last: Any) -> str:
    kind = rng.choice(("value", "value", "value", "remove", "double", "swap"))
    if kind == "remove":
        del holder[last]
    elif kind == "double" and isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(holder[last]))
    elif kind == "double":
        holder[f"{last}2"] = copy.deepcopy(holder[last])
    elif kind == "swap" and isinstance(holder, list):
        other = rng.randrange(len(holder))
        holder[last], holder[other] = holder[other], holder[last]
    else:
        holder[last] = _other(rng, holder[last])
    return kind


def _other(rng: Random, value: Any) -> Any:
    """Another value, most often of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((value + 1, value - 1, -value, 0, 1 << rng.randrange(70), str(value)))
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice((*HEX, "", "A")) + value[at + 1 :]
    return rng.choice((None, 0, 1, "", [], {}))


def changed_run(rng: Random, members: Members) -> tuple[dict[str, bytes], Change]:
    """A run with one deep change, sealed again."""
    while True:
        record = json.loads(members["manifest.json"])
        found = dict(members)
        if rng.random() < 0.5:
            name = rng.choice([name for name in members if name != "manifest.json"])
            found[name] = changed_bytes(rng, members[name])
            change = _in_member(name, members[name], found[name])
        else:
            record, change = changed_json(rng, record)
        _digest_members(record, found)
        reseal(record)
        found["manifest.json"] = canonical_json(record)
        if found != members:
            return found, change


def _digest_members(record: dict[str, Any], members: Members) -> None:
    receipts = record.get("receipts")
    for position, receipt in enumerate(receipts if isinstance(receipts, list) else ()):
        if isinstance(receipt, dict) and f"proofs/{position}.bin" in members:
            receipt["proof_sha256"] = sha256_hex(members[f"proofs/{position}.bin"])
    tensors = record.get("tensors")
    if isinstance(tensors, dict):
        for position, name in enumerate(sorted(tensors)):
            if f"tensors/{position}.bin" in members:
                tensors[name] = sha256_hex(members[f"tensors/{position}.bin"])


def changed_key(rng: Random, members: Members) -> tuple[dict[str, bytes], Change]:
    """A key with one deep change: its manifest matches its members again."""
    while True:
        record = json.loads(members["manifest.json"])
        found = dict(members)
        kind = rng.random()
        if kind < 0.4:
            record, change = changed_json(rng, record)
        else:
            name = rng.choice([name for name in members if name != "manifest.json"])
            found[name], change = _changed_member(rng, name, members[name])
            _name_member(record, name, sha256_hex(found[name]))
        found["manifest.json"] = canonical_json(record)
        if found != members:
            return found, change


def _changed_member(rng: Random, name: str, data: bytes) -> tuple[bytes, Change]:
    if not name.endswith("settings.json"):
        changed = changed_bytes(rng, data)
        return changed, _in_member(name, data, changed)
    settings, change = changed_json(rng, json.loads(data))
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return text.encode(), Change(f"{name}:{change.where}", change.what)


def _in_member(name: str, data: bytes, changed: bytes) -> Change:
    at = first_difference(data, changed)
    return Change(name, f"{len(data)} to {len(changed)} bytes, from {at}", at)


def _name_member(record: dict[str, Any], name: str, digest: str) -> None:
    folder, _, rest = name.partition("/")
    if folder == "trust":
        record["trust"][rest] = digest
        record["srs"]["verifier_sha256"] = digest
    else:
        index, _, member = rest.partition("/")
        record["blocks"][int(index)]["material"][member] = digest
