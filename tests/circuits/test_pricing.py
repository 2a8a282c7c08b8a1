"""Pricing: a few estimates stand for all blocks, and inflating operators are found."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

from tests.circuits.dag_models import chain, model_of, value
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.partition import cut_by_budget
from zkdps.circuits.pricing import AdditivePricing, Floor, price_of
from zkdps.circuits.slice import block_graph
from zkdps.core.plan import Cost
from zkdps.core.prover import BlockGraph

FLOOR = Floor(1.0, 1 << 20)
WORK_S = {"Relu": 1.0, "Sigmoid": 3.0, "MatMul": 10.0, "Softmax": 4.0, "Add": 2.0}


class Estimator:
    """A back end whose circuits pay a floor, their work, and twice all with a Softmax inside."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, graph: BlockGraph) -> Cost:
        nodes = onnx.load_from_string(graph.onnx).graph.node
        operators = tuple(node.op_type for node in nodes)
        self.asked.append(operators)
        work_s = sum(WORK_S[name] for name in operators) * (2 if "Softmax" in operators else 1)
        ram_bytes = FLOOR.ram_bytes + int(work_s * (1 << 20))
        return Cost(0, 12, 0, ram_bytes // 2, ram_bytes, 0.0, FLOOR.seconds + work_s, 0)


def attention() -> onnx.ModelProto:
    make = onnx.helper.make_node
    nodes = [
        make("MatMul", ["x", "w"], ["a"], "first"),
        make("MatMul", ["a", "w"], ["b"], "second"),
        make("Softmax", ["b"], ["s"], "softmax", axis=-1),
        make("MatMul", ["s", "w"], ["c"], "third"),
        make("Add", ["c", "x"], ["y"], "residual"),
    ]
    weights: dict[str, np.ndarray] = {"w": np.eye(4, dtype=np.float32)}
    return model_of(nodes, [value("x")], [value("y")], weights)


def test_operators_of_a_kind_are_estimated_once() -> None:
    estimate = Estimator()
    flow = read_dataflow(chain(8))
    price = AdditivePricing(flow, estimate, FLOOR)
    assert price(flow.live).seconds == pytest.approx(1.0 + 4 * 1.0 + 4 * 3.0)
    assert price(flow.live) == price(flow.live)
    assert max(Counter(tuple(sorted(asked)) for asked in estimate.asked).values()) <= 4
    assert len(estimate.asked) <= 6


def test_sums_are_exact_where_nothing_inflates() -> None:
    flow = read_dataflow(chain(5))
    estimate = Estimator()
    price = AdditivePricing(flow, estimate, FLOOR)
    for nodes in [(0,), (1, 2), (0, 1, 2, 3, 4)]:
        assert price(nodes) == price_of(estimate(block_graph(flow, frozenset(nodes))))


def test_only_the_softmax_inflates() -> None:
    price = AdditivePricing(read_dataflow(attention()), Estimator(), FLOOR)
    assert [price.inflates(index) for index in range(5)] == [1.0, 1.0, 2.0, 1.0, 1.0]
    assert price((1, 2, 3)).seconds == pytest.approx(1.0 + 2 * 10.0 + 8.0 + 2 * 10.0)


def test_a_neighbour_with_no_other_witness_is_not_blamed() -> None:
    """The first MatMul has the softmax as its only neighbour, which the second one convicts."""
    make = onnx.helper.make_node
    nodes = [
        make("MatMul", ["x", "w"], ["a"], "first"),
        make("Softmax", ["a"], ["s"], "softmax", axis=-1),
        make("MatMul", ["s", "w"], ["b"], "second"),
        make("MatMul", ["b", "w"], ["y"], "third"),
    ]
    weights: dict[str, np.ndarray] = {"w": np.eye(4, dtype=np.float32)}
    flow = read_dataflow(model_of(nodes, [value("x")], [value("y")], weights))
    price = AdditivePricing(flow, Estimator(), FLOOR)
    assert [price.inflates(index) for index in range(4)] == [1.0, 2.0, 1.0, 1.0]


def test_the_softmax_is_isolated_where_that_pays() -> None:
    model = attention()
    price = AdditivePricing(read_dataflow(model), Estimator(), FLOOR)
    assert cut_by_budget(model, price).groups == ((0, 1), (2,), (3, 4))
    # The same operators in circuits whose floor hides all work: every block more is a loss.
    dear = AdditivePricing(read_dataflow(model), Estimator(), Floor(60.0, 0))
    assert len(cut_by_budget(model, dear).groups) == 1
