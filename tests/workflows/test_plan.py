"""Plans: budgets are kept or refused with the operator and the cut that would help."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkdps.core.errors import BadCut, DoesNotFit, UsageConflict
from zkdps.core.statement import Link
from zkdps.workflows.demo import RECIPES, write_files
from zkdps.workflows.plan import list_tensors, plan
from zkdps.workflows.reports import Cuts, Machine, PlanReport


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    write_files("digits", folder)
    return folder / "model.onnx"


def _plan(model: Path, machine: Machine, cuts: Cuts) -> PlanReport:
    return plan(
        model,
        cuts=cuts,
        shapes={},
        scale_bits=8,
        link=Link.POLYCOMMIT,
        prover="ezkl",
        machine=machine,
        fit=False,
    )


def test_without_any_wish_a_small_model_is_one_block(digits: Path, machine: Machine) -> None:
    report = _plan(digits, machine, Cuts())
    assert len(report.blocks) == 1
    assert not report.is_measured
    assert report.blocks[0].operators["Conv"] == 3


@pytest.mark.parametrize("count", [2, 4])
def test_a_count_is_kept_and_blocks_are_balanced(
    count: int, digits: Path, machine: Machine
) -> None:
    whole = _plan(digits, machine, Cuts()).blocks[0].cost
    report = _plan(digits, machine, Cuts(blocks=count))
    assert len(report.blocks) == count
    assert max(block.cost.pk_bytes for block in report.blocks) < whole.pk_bytes


def test_a_memory_budget_is_kept(digits: Path, machine: Machine) -> None:
    whole = _plan(digits, machine, Cuts()).blocks[0].cost
    budget_bytes = int(0.6 * whole.prove_rss_bytes)
    report = _plan(digits, machine, Cuts(max_ram_bytes=budget_bytes))
    assert len(report.blocks) >= 2
    assert all(block.cost.prove_rss_bytes <= budget_bytes for block in report.blocks)


@pytest.mark.parametrize(
    "cuts", [Cuts(max_ram_bytes=60_000_000), Cuts(max_s=0.05)], ids=["memory", "time"]
)
def test_what_cannot_fit_is_refused_by_name(cuts: Cuts, digits: Path, machine: Machine) -> None:
    with pytest.raises(DoesNotFit) as caught:
        _plan(digits, machine, cuts)
    assert caught.value.operator.split()[0] in {"Conv", "Gemm", "Relu"}
    assert caught.value.hint


def test_named_cuts_and_their_errors(digits: Path, machine: Machine) -> None:
    report = _plan(digits, machine, Cuts(tensors=RECIPES["digits"].cuts))
    assert [block.outputs for block in report.plan.blocks[:3]] == [
        (name,) for name in RECIPES["digits"].cuts
    ]
    with pytest.raises(BadCut, match="near"):
        _plan(digits, machine, Cuts(tensors=("/1/Relu_output",)))
    with pytest.raises(UsageConflict):
        _plan(digits, machine, Cuts(blocks=2, max_s=1.0))
    assert set(RECIPES["digits"].cuts) <= {spec.name for spec in list_tensors(digits, shapes={})}
