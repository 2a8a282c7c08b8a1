"""The table of cheats in the specification names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SPECIFICATION = HERE.parents[3] / "docs" / "sumcheck.md"
NAMED = re.findall(r"`(\w+)\[(\w+)\]`", SPECIFICATION.read_text().split("\n## 11.")[-1])


def test_the_table_is_there() -> None:
    assert len(NAMED) > 80


@pytest.mark.parametrize(("module", "name"), sorted(set(NAMED)))
def test_named(module: str, name: str) -> None:
    """As a part of a test's name, or as the name of one of its cases."""
    text = (HERE / f"test_{module}.py").read_text()
    assert re.search(rf"def test_\w*{name}|^    \"{name}\": ", text, re.MULTILINE)
