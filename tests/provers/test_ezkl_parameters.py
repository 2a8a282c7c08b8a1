"""The cost model against real keys and proofs, and the choice of parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from tests.provers import blocks
from zkdps.core.errors import OutOfRange
from zkdps.core.prover import BlockGraph, Ranges
from zkdps.core.statement import Link
from zkdps.provers.engine import Limits
from zkdps.provers.ezkl import parameters
from zkdps.provers.ezkl.backend import EzklProver
from zkdps.provers.ezkl.einsums import capacity_cells, output_axes
from zkdps.provers.ezkl.settings import Choice, choice_of


def layer(tokens: int, width: int, out: int) -> BlockGraph:
    """ReLU(x W): with several tokens ezkl checks the product in einsum columns."""
    generator = np.random.default_rng(0)
    matrix = (generator.normal(size=(width, out)) / 4).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Relu", ["m"], ["y"]),
    ]
    tensors = [blocks.spec("x", tokens, width)], [blocks.spec("y", tokens, out)]
    return blocks.block_graph(nodes, *tensors, {"w": matrix})


# Shapes that no constant of the model was fitted on.
@pytest.mark.parametrize(
    ("graph", "tolerance"),
    [
        (layer(1, 24, 40), 0.02),
        (blocks.activation("Tanh", 3, 50), 0.02),
        (layer(5, 40, 24), 0.15),
    ],
    ids=["linear", "table", "einsum"],
)
def test_predictions_hold_on_circuits_not_fitted_on(
    ezkl_prover: EzklProver, tmp_path: Path, graph: BlockGraph, tolerance: float
) -> None:
    choice = parameters.generous(blocks.SCALE_BITS, Link.POLYCOMMIT)
    record = {**choice.record(), "logrows": 12, "decomp_base": 2048, "calibrated": True}
    record.update(lookup_min=-2000, lookup_max=2000)
    circuit = ezkl_prover.compile(graph, record, tmp_path)
    predicted = ezkl_prover.estimate(graph, record)
    setup = ezkl_prover.setup(circuit)
    size = graph.inputs[0].shape
    fed = blocks.tensor(np.random.default_rng(1).integers(-200, 200, size=size))
    (trace,) = ezkl_prover.execute(circuit, [[fed]])
    _, proof = ezkl_prover.prove(circuit, trace)
    assert proof.usage is not None
    pk_bytes = (tmp_path / "pk.key").stat().st_size
    assert predicted.pk_bytes == pytest.approx(pk_bytes, rel=tolerance)
    assert predicted.proof_bytes == pytest.approx(len(proof.data), rel=tolerance)
    assert predicted.setup_rss_bytes == pytest.approx(setup.peak_rss_bytes, rel=0.15)
    assert predicted.prove_rss_bytes == pytest.approx(proof.usage.peak_rss_bytes, rel=0.15)


@given(st.integers(2, 30), st.integers(2, 30), st.integers(2, 30))
def test_a_matrix_product_takes_the_planners_cells(m: int, k: int, n: int) -> None:
    equation = ["mk,nk->mn", {"m": m, "k": k, "n": n}]
    # Fold m in the left, n in the right, then the dot product over k; fold the output mn, then m.
    assert capacity_cells([equation]) == m * k + n * k + k + m * n + m
    assert output_axes([equation]) == 2


def test_trivial_axes_vanish() -> None:
    with_one = ["bmk,nk->bmn", {"b": 1, "m": 4, "k": 5, "n": 6}]
    without = ["mk,nk->mn", {"m": 4, "k": 5, "n": 6}]
    assert capacity_cells([with_one]) == capacity_cells([without])
    assert capacity_cells([with_one, without]) == 2 * capacity_cells([without])


ranges = st.builds(
    lambda low, span, top: Ranges(low, low + span, top),
    st.integers(-(2**17), 0),
    st.integers(0, 2**18),
    st.integers(0, 2**36),
)


def choose(prover: EzklProver, graph: BlockGraph, seen: list[Ranges], link: Link) -> list[Choice]:
    graphs = [graph] * len(seen)
    records = prover.choose(graphs, scale_bits=blocks.SCALE_BITS, link=link, ranges=seen)
    return [choice_of(record) for record in records]


@pytest.mark.parametrize("link", EzklProver.links)
def test_choices_hold_what_was_seen_in_one_column(ezkl_prover: EzklProver, link: Link) -> None:
    graph = blocks.activation("Sigmoid", 1, 4)
    cases = [
        [Ranges(-100, 100, 400), Ranges(-5000, 100, 400)],
        [Ranges(0, 0, 1 << 30)],
        [Ranges(-(1 << 14), 1 << 14, 1 << 12), Ranges(0, 1, 1 << 8), Ranges(-9, 70000, 1)],
    ]
    for seen in cases:
        choices = choose(ezkl_prover, graph, seen, link)
        for choice, range_ in zip(choices, seen, strict=True):
            assert choice.lookup_min <= range_.lookup_min <= range_.lookup_max <= choice.lookup_max
            assert choice.lookup_max - choice.lookup_min + 1 <= (1 << choice.logrows) - 9
            assert choice.max_abs >= range_.max_abs
            assert choice.decomp_base <= 1 << (choice.logrows - 1)
            assert choice.logrows >= parameters.MIN_LOGROWS
            assert choice.calibrated
        if link is Link.POLYCOMMIT:
            assert len({choice.logrows for choice in choices}) == 1


def test_without_tables_their_range_does_not_matter(ezkl_prover: EzklProver) -> None:
    (choice,) = choose(ezkl_prover, blocks.linear(), [Ranges(0, 0, 1 << 10)], Link.POLYCOMMIT)
    assert choice.logrows == parameters.MIN_LOGROWS


@pytest.mark.parametrize("seen", [Ranges(0, 1 << 21, 1), Ranges(0, 0, 1 << 40)])
def test_what_no_size_holds_is_told(ezkl_prover: EzklProver, seen: Ranges) -> None:
    with pytest.raises(OutOfRange):
        choose(ezkl_prover, blocks.activation("Sigmoid", 1, 4), [seen], Link.POLYCOMMIT)


def test_generous_parameters_are_estimated_at_a_fitting_size(ezkl_prover: EzklProver) -> None:
    graph = blocks.linear()
    (rough,) = ezkl_prover.choose(
        [graph], scale_bits=blocks.SCALE_BITS, link=Link.POLYCOMMIT, ranges=None
    )
    assert ezkl_prover.estimate(graph, rough).logrows == parameters.MIN_LOGROWS


@pytest.mark.slow
def test_fitting_the_machine_is_kept(tmp_path: Path) -> None:
    prover = EzklProver(Limits(timeout_s=300), tmp_path)
    try:
        assert not prover.is_fitted
        prover.fit()
        fitted = prover.machine_constants()
        assert fitted.measured
        assert fitted.prove_s_per_unit > 0
        assert EzklProver(Limits(), tmp_path).machine_constants() == fitted
    finally:
        prover.close()
