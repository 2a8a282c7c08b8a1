"""Partitions: the dynamic program is exact, constraints hold, budgets name what breaks them."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.circuits.dag_models import chain, dag_models, model_of, residual, value
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.order_search import improve
from zkdps.circuits.orders import Order, candidate_orders
from zkdps.circuits.partition import (
    MAX_CUT_POINTS,
    S_PER_BOUNDARY_ELEMENT,
    Objective,
    Partition,
    cut_by_budget,
    cut_by_count,
    cut_points,
)
from zkdps.circuits.pricing import SegmentCost, SegmentPrice
from zkdps.circuits.segments import least_bottleneck, least_total, least_total_of
from zkdps.circuits.slice import slice_model
from zkdps.core.errors import BadCut, DoesNotFit, UsageConflict

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def additive(weights: dict[int, float], floor: float = 1.0) -> SegmentCost:
    """A pure price: a floor per block and a weight per node, in seconds and in MiB."""

    def cost(nodes: tuple[int, ...]) -> SegmentPrice:
        seconds = floor + sum(weights.get(node, 1.0) for node in nodes)
        return SegmentPrice(seconds, int(seconds * (1 << 20)))

    return cost


@quick
@given(st.integers(2, 7), st.integers(0, 2**16), st.data())
def test_programs_agree_with_brute_force(size: int, seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.integers(1, 9, (size, size)).astype(np.float64)
    costs[rng.random((size, size)) < 0.3] = np.inf
    count = data.draw(st.integers(1, size - 1))
    splits = {
        inner: [costs[pair] for pair in pairwise((0, *inner, size - 1))]
        for length in range(size - 1)
        for inner in combinations(range(1, size - 1), length)
    }
    possible = {inner: paid for inner, paid in splits.items() if np.isfinite(sum(paid))}
    counted = {inner: paid for inner, paid in possible.items() if len(paid) == count}

    free = least_total(costs)
    assert (free and free.total) == min((sum(paid) for paid in possible.values()), default=None)
    exact = least_total_of(costs, count)
    assert (exact and exact.total) == min((sum(paid) for paid in counted.values()), default=None)
    even = least_bottleneck(costs, count)
    best = min(((max(paid), sum(paid)) for paid in counted.values()), default=None)
    assert (even and (even.bottleneck, even.total)) == best
    for split in (free, exact, even):
        if split is not None:
            assert split.total == sum(costs[pair] for pair in pairwise(split.points))


@quick
@given(dag_models())
def test_candidate_orders_are_topological(model: onnx.ModelProto) -> None:
    flow = read_dataflow(model)
    for order in candidate_orders(flow):
        assert sorted(order) == list(flow.live)
        for place, index in enumerate(order):
            assert set(flow.needs[index]) <= set(order[:place]), order


@quick
@given(dag_models(max_nodes=7), st.integers(1, 4), st.data())
def test_count_gives_that_many_sliceable_blocks(
    model: onnx.ModelProto, count: int, data: st.DataObject
) -> None:
    live = read_dataflow(model).live
    weights = {index: data.draw(st.integers(1, 9)) / 2 for index in live}
    cost = additive(weights)
    if count > len(live):
        with pytest.raises(BadCut, match="operators"):
            cut_by_count(model, count, cost, evaluations=4)
        return
    found = cut_by_count(model, count, cost, evaluations=4)
    assert found == cut_by_count(model, count, cost, evaluations=4)
    assert len(slice_model(model, found.groups).plan.blocks) == count


@quick
@given(st.lists(st.integers(1, 9), min_size=2, max_size=7), st.data())
def test_a_chain_is_cut_as_brute_force_would(works: list[int], data: st.DataObject) -> None:
    model, count = chain(len(works)), data.draw(st.integers(1, len(works)))
    cost = additive(dict(enumerate(map(float, works))))
    best = min(
        max(sum(works[i:j]) for i, j in pairwise((0, *inner, len(works))))
        for inner in combinations(range(1, len(works)), count - 1)
    )
    found = cut_by_count(model, count, cost)
    crossing_s = 16 * S_PER_BOUNDARY_ELEMENT
    assert found.bottleneck_s == pytest.approx(best + 1.0 + crossing_s)
    assert found.loose_blocks == 0


def test_objectives_differ() -> None:
    def cost(nodes: tuple[int, ...]) -> SegmentPrice:
        # Cutting after node 0 is cheap in all but uneven; after node 1 even but dear.
        seconds = {(0,): 1.0, (1, 2): 5.0, (0, 1): 4.0, (2,): 4.0}.get(nodes, 9.0)
        return SegmentPrice(seconds, 0)

    even = cut_by_count(chain(3), 2, cost)
    cheap = cut_by_count(chain(3), 2, cost, objective=Objective.TOTAL)
    assert even.groups == ((0, 1), (2,))
    assert cheap.groups == ((0,), (1, 2))


def test_parallel_branches_are_kept_whole() -> None:
    """Two long branches listed in turn: the model's own order would mix them in every block."""
    make = onnx.helper.make_node
    nodes = []
    for step in range(4):
        for branch in "ab":
            source = f"{branch}{step - 1}" if step else f"x_{branch}"
            nodes.append(make("Sigmoid", [source], [f"{branch}{step}"], f"{branch}{step}"))
    nodes.append(make("Add", ["a3", "b3"], ["y"], "join"))
    model = model_of(nodes, [value("x_a"), value("x_b")], [value("y")])
    found = cut_by_count(model, 3, additive({}))
    assert found.loose_blocks == 0
    assert sorted(len(group) for group in found.groups) in ([1, 4, 4], [2, 3, 4], [3, 3, 3])


def integer_middle() -> onnx.ModelProto:
    """Relu -> ArgMax (int64) -> Cast -> Relu: cutting between ArgMax and Cast is unwanted."""
    make = onnx.helper.make_node
    nodes = [
        make("Relu", ["x"], ["a"], "relu"),
        make("ArgMax", ["a"], ["i"], "argmax", axis=1, keepdims=1),
        make("Cast", ["i"], ["f"], "cast", to=onnx.TensorProto.FLOAT),
        make("Relu", ["f"], ["y"], "last"),
    ]
    return model_of(nodes, [value("x")], [value("y", (2, 1))])


def test_integer_boundaries_are_made_only_if_nothing_else_is_possible() -> None:
    flow = read_dataflow(integer_middle())
    assert cut_points(flow, flow.live, allow_integers=False) == (0, 1, 3, 4)
    even = cut_by_count(integer_middle(), 2, additive({0: 2.0, 1: 2.0, 2: 2.0, 3: 2.0}))
    assert (0, 1) not in even.groups
    assert len(cut_by_count(integer_middle(), 4, additive({})).groups) == 4


def test_many_cut_points_are_thinned_to_the_narrowest() -> None:
    flow = read_dataflow(chain(MAX_CUT_POINTS + 50))
    points = cut_points(flow, flow.live, allow_integers=False)
    assert len(points) == MAX_CUT_POINTS
    assert (points[0], points[-1]) == (0, MAX_CUT_POINTS + 50)


def test_a_budget_uses_as_few_blocks_as_it_can() -> None:
    # The floor makes each block dear, so the least total has the fewest blocks that fit.
    found = cut_by_budget(chain(6), additive({}, floor=10.0), max_seconds=13.0)
    assert [len(group) for group in found.groups] == [3, 3]
    assert cut_by_budget(chain(6), additive({}, floor=10.0)).groups == ((0, 1, 2, 3, 4, 5),)


def test_an_operator_is_isolated_where_that_pays() -> None:
    def cost(nodes: tuple[int, ...]) -> SegmentPrice:
        doubled = 2.0 if 2 in nodes else 1.0
        return SegmentPrice(1.0 + doubled * 3.0 * len(nodes), 0)

    assert cut_by_budget(chain(5), cost).groups == ((0, 1), (2,), (3, 4))


def test_what_cannot_fit_is_named() -> None:
    with pytest.raises(DoesNotFit) as caught:
        cut_by_budget(chain(4), additive({2: 50.0}), max_ram_bytes=10 << 20)
    error = caught.value
    assert error.block == 1
    assert error.resource == "memory"
    assert "n2" in error.operator
    assert error.cut is None


def test_misfit_names_the_cut_that_helps() -> None:
    from zkdps.circuits.misfit import Budget, misfit

    flow = read_dataflow(chain(6))
    cost = additive({3: 5.0})
    error = misfit(flow, flow.live, 0, cost, Budget(max_seconds=8.0))
    assert "n3" in error.operator
    assert error.resource == "proving time"
    assert error.cut == "t2", str(error)


def test_counts_below_one_are_refused() -> None:
    with pytest.raises(UsageConflict):
        cut_by_count(residual(), 0, additive({}))


def test_the_search_finds_what_fixed_orders_miss() -> None:
    flow = read_dataflow(_fan(6))

    def evaluate(order: Order) -> int:
        # A needle: how far the order is from one that no fixed rule makes.
        wanted = [0, 3, 1, 5, 2, 4, 6]
        return sum(abs(order.index(node) - place) for place, node in enumerate(wanted))

    orders = candidate_orders(flow)
    start = min(map(evaluate, orders))
    found = improve(flow, orders, evaluate, lambda score: (float(score),), 200)
    assert found is not None and found < start
    assert found == improve(flow, orders, evaluate, lambda score: (float(score),), 200)
    assert improve(flow, orders, evaluate, lambda score: (float(score),), 0) == start


def test_the_search_stays_within_its_evaluations() -> None:
    flow, seen = read_dataflow(_fan(6)), set()

    def evaluate(order: Order) -> Partition | None:
        seen.add(order)
        return None

    orders = candidate_orders(flow)
    assert improve(flow, orders, evaluate, lambda _: (0.0,), 25) is None
    assert len(orders) <= len(seen) <= len(orders) + 25


def _fan(width: int) -> onnx.ModelProto:
    """`width` independent branches and a Sum."""
    make = onnx.helper.make_node
    nodes = [make("Sigmoid", ["x"], [f"t{i}"], f"n{i}") for i in range(width)]
    nodes.append(make("Sum", [f"t{i}" for i in range(width)], ["y"], "sum"))
    return model_of(nodes, [value("x")], [value("y")])
