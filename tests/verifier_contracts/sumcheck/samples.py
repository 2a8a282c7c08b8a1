"""Systems to read: the sampler's of the prover's tests, as a key holds them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from tests.provers.sumcheck.systems import NAMES, PRESETS, honest
from zkdps.core.canonical import canonical_json
from zkdps.provers.sumcheck.system_json import system_to_files
from zkdps.verifier_contracts.reference.sumcheck.field import P
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system
from zkdps.verifier_contracts.reference.sumcheck.system import Preset, System

__all__ = ["NAMES", "TEST_PRESETS", "encoded", "files", "mutated", "record", "sample"]

TEST_PRESETS = {
    name: Preset(preset.degree, preset.rate_bits, preset.queries, preset.grind_bits)
    for name, preset in PRESETS.items()
}


@cache
def files(name: str) -> tuple[bytes, bytes]:
    """`system.json` and `tables.bin`; a root of weights that is none stands where one is due."""
    system, _, _ = honest(name)
    if any(tensor.holder.value == "weights" for tensor in system.tensors):
        system = replace(system, weights_root="5a" * 32)
    return system_to_files(system)


@cache
def sample(name: str) -> System:
    return parse_system(*files(name), TEST_PRESETS)


def record(name: str) -> dict[str, Any]:
    """`system.json` as a fresh value."""
    return dict(json.loads(files(name)[0]))


def encoded(value: Any) -> bytes:
    return canonical_json(value)


HOSTILE: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 5, P, 2**31, 2**62, -(2**62), 10**39, True, False, None),
    *("", "aux", "weights", "boundary", "public", "a" * 2000, [], [[]], {}, [0], [0, 1], [0, 0, 0]),
    {"picked": 0, "label": 0},
)


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items if isinstance(value, (dict, list)) else ():
        found += _nodes(item, (*path, key)) if isinstance(item, (dict, list)) else [(*path, key)]
    return found


def mutated(text: bytes, random: Random) -> dict[str, Any]:
    """`system.json` with a value or two that are changed, gone, or there twice."""
    value: dict[str, Any] = json.loads(text)
    for _ in range(random.choice((1, 1, 1, 2))):
        path = random.choice(_nodes(value))
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        kind = random.randrange(4)
        if kind == 0 and isinstance(holder, list):
            holder.insert(random.randrange(len(holder) + 1), holder[path[-1]])
        elif kind == 1 and isinstance(holder, list):
            del holder[path[-1]]
        elif kind == 2 and isinstance(holder[path[-1]], int):
            holder[path[-1]] += random.choice((-1, 1, 2))
        else:
            holder[path[-1]] = random.choice(HOSTILE)
    return value
