"""Parameters from a stranger's key: of the right types, sound, and of one size where linked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.provers import blocks
from zkdps.core.canonical import Json
from zkdps.core.errors import LayoutFailed
from zkdps.core.prover import BlockGraph, Circuit
from zkdps.core.statement import Link
from zkdps.provers.engine import Limits
from zkdps.provers.ezkl.keys import Keys
from zkdps.provers.ezkl.parameters import generous
from zkdps.provers.ezkl.runner import Runner
from zkdps.provers.ezkl.settings import choice_of

HONEST = generous(8, Link.POLYCOMMIT).record()


def test_parameters_survive_their_record() -> None:
    assert choice_of(HONEST).record() == HONEST


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logrows", 1 << 70),
        ("logrows", 0),
        ("logrows", "12"),
        ("columns", True),
        ("columns", 0),
        ("calibrated", 1),
        ("link", "none"),
        ("link", None),
        # Digits for more than the field holds: a value could be negative and positive at once.
        ("decomp_legs", 20),
        ("decomp_legs", 0),
        ("decomp_base", 1),
        ("decomp_base", -(1 << 20)),
        ("lookup_min", 1 << 30),
    ],
)
def test_hostile_parameters_are_refused(name: str, value: Json) -> None:
    with pytest.raises(ValueError, match=r"."):
        choice_of({**HONEST, name: value})


def test_missing_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="without 'columns'"):
        choice_of({key: value for key, value in HONEST.items() if key != "columns"})


def _circuit(graph: BlockGraph, logrows: int, folder: Path) -> Circuit:
    return Circuit(graph, {**HONEST, "logrows": logrows}, folder)


def test_blocks_linked_by_polynomial_commitments_have_one_size(tmp_path: Path) -> None:
    graph = blocks.activation("Relu", 1, 4)
    circuits = [_circuit(graph, 12, tmp_path), _circuit(graph, 13, tmp_path)]
    with pytest.raises(LayoutFailed, match=r"it has 2\*\*13 rows, a linked block has 2\*\*12"):
        Keys(Runner(Limits()), tmp_path, None).trust(circuits)
