"""Settings from a stranger's key are refused with the errors that the caller maps, or harmless."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vectors.stored import Stored
from zkdps.core.model_key import ModelKey
from zkdps.core.statement import Link
from zkdps.provers.ezkl.settings_check import check_settings

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    -1,
    1 << 62,
    10**4000,
    1.5,
    float("inf"),
    "x",
    [],
    [[[1]]],
    [-1, 1],
    {},
    {"": 1},
)
Path = tuple[str | int, ...]


def _canonical(settings: Any) -> bytes:
    return json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()


def _paths(value: Any, at: Path = ()) -> Iterator[Path]:
    if at:
        yield at
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for name, child in children:
        if isinstance(child, (dict, list)):
            yield from _paths(child, (*at, name))
        else:
            yield (*at, name)


def _changed(settings: Any, path: Path, value: Any) -> Any:
    changed = copy.deepcopy(settings)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return changed


@pytest.fixture(scope="module")
def key() -> ModelKey:
    return Stored().key("polycommit")


def _check(key: ModelKey, data: bytes) -> None:
    specs, block = key.plan.specs, key.plan.blocks[0]
    check_settings(
        data,
        Link.POLYCOMMIT,
        [specs[name] for name in block.inputs],
        [specs[name] for name in block.outputs],
    )


def test_hostile_values_everywhere(key: ModelKey) -> None:
    honest = json.loads(key.blocks[0].material["settings.json"])
    _check(key, _canonical(honest))
    refused = 0
    for path in _paths(honest):
        for value in HOSTILE:
            try:
                _check(key, _canonical(_changed(honest, path, value)))
            except (AttributeError, KeyError, TypeError, ValueError):
                refused += 1
    assert refused > 200, "hardly anything was refused"


@pytest.mark.parametrize(("base", "legs"), [(2048, 20), (1 << 30, 2), (1, 2), (2048, 0)])
def test_digits_that_hold_a_value_in_two_ways(key: ModelKey, base: int, legs: int) -> None:
    settings = json.loads(key.blocks[0].material["settings.json"])
    settings["run_args"].update(decomp_base=base, decomp_legs=legs)
    with pytest.raises(ValueError, match=r"digits in base|not an integer"):
        _check(key, _canonical(settings))
