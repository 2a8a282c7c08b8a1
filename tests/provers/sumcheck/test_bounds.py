"""The table of static bounds as a file: one encoding, and both rules checked when it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkdps.core.canonical import Json, canonical_json
from zkdps.core.errors import LayoutFailed, MalformedArchive
from zkdps.provers.sumcheck.bounds import BoundRow, BoundsTable, table_from_file
from zkdps.provers.sumcheck.field import P

ROW: dict[str, Json] = {"relation": "y", "count": 4, "shift": 2, "magnitude": 9, "decomposed": 16}


@given(
    st.lists(
        st.tuples(
            st.text(max_size=8).filter(str.isprintable),
            st.integers(0, P >> 12),
            st.integers(0, 12),
            st.integers(0, P // 2),
            st.integers(0, P // 2),
        ),
        max_size=4,
    )
)
def test_a_table_survives_its_file(rows: list[tuple[str, int, int, int, int]]) -> None:
    table = BoundsTable(3)
    for row in rows:
        table.prove(*row)
    assert table_from_file(table.to_file(), "bounds.json", 3) == table


@pytest.mark.parametrize(
    "change",
    [{"count": P}, {"shift": 29, "count": 8}, {"magnitude": P - 16}, {"decomposed": P}],
)
def test_a_row_that_breaks_a_rule_is_not_read(change: dict[str, int]) -> None:
    with pytest.raises(LayoutFailed):
        table_from_file(canonical_json([{**ROW, **change}]), "bounds.json", 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[[]]",
        b"[1]",
        b"[ ]",
        canonical_json([{**ROW, "count": -1}]),
        canonical_json([{**ROW, "shift": 65}]),
        canonical_json([{**ROW, "relation": 1}]),
        canonical_json([{**ROW, "more": 1}]),
        canonical_json([{"relation": "y"}]),
        b'[],"zzz":[]',
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedArchive):
        table_from_file(data, "bounds.json", 0)


def test_slack_is_what_is_left_to_p() -> None:
    row = BoundRow("y", 1 << 10, 10, 1 << 29, 1 << 29)
    assert row.unique_slack_bits == pytest.approx(10.99, abs=0.01)
    assert row.integer_slack_bits == pytest.approx(0.99, abs=0.01)
    assert BoundRow("y", 0, 0, 0, 0).unique_slack_bits > 30
