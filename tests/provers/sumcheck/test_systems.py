"""The sampler's own claims: its values satisfy its Systems, and Systems survive their files."""

from __future__ import annotations

import pytest

from tests.provers.sumcheck.systems import NAMES, PRESETS, honest, unsatisfied
from zkdps.provers.sumcheck.layout import layout_of
from zkdps.provers.sumcheck.system_json import system_from_files, system_to_files


@pytest.mark.parametrize("name", NAMES)
def test_honest_values_satisfy(name: str) -> None:
    system, values, _ = honest(name)
    assert unsatisfied(system, values) == []


@pytest.mark.parametrize("name", NAMES)
def test_files_and_back(name: str) -> None:
    system, _, _ = honest(name)
    text, tables = system_to_files(system)
    again = system_from_files(text, tables, PRESETS)
    assert system_to_files(again) == (text, tables)
    assert again.forms == system.forms and again.relations == system.relations


@pytest.mark.parametrize("name", NAMES)
def test_layout_places_every_entry_once(name: str) -> None:
    system, _, _ = honest(name)
    layout = layout_of(system)
    for commitment in layout.commitments:
        seen: set[int] = set()
        for piece in commitment.pieces:
            assert piece.offset % piece.size == 0
            span = set(range(piece.offset, piece.offset + piece.size))
            assert not span & seen
            seen |= span
        assert seen == set(range(commitment.entries))
