"""Proofs of honest values verify; nothing else does."""

from __future__ import annotations

import pytest

from tests.provers.sumcheck.proofs import proved
from tests.provers.sumcheck.systems import NAMES, PRESET_5


@pytest.mark.parametrize("name", NAMES)
def test_honest_accepted(name: str) -> None:
    proved(name).verify()


@pytest.mark.parametrize("name", NAMES)
def test_honest_accepted_in_degree_5(name: str) -> None:
    proved(name, PRESET_5, 4).verify()
