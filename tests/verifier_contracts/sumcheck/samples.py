"""Systems to read: the sampler's of the prover's tests, as a key holds them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

from tests.provers.sumcheck.systems import NAMES, PRESETS, honest
from zkdps.core.canonical import canonical_json
from zkdps.provers.sumcheck.system_json import system_to_files
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system
from zkdps.verifier_contracts.reference.sumcheck.system import Preset, System

__all__ = ["NAMES", "TEST_PRESETS", "encoded", "files", "record", "sample"]

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


def encoded(value: dict[str, Any]) -> bytes:
    return canonical_json(value)
