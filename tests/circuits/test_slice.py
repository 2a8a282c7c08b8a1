"""Slicing: blocks run one after the other are the model; plans hold; bytes are reproducible."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.circuits.dag_models import chain, dag_models, model_of, random_feeds, residual, value
from tests.circuits.dag_models import run_model as run
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.orders import candidate_orders
from zkdps.circuits.scopes import NAME_SCOPES
from zkdps.circuits.slice import Sliced, slice_model
from zkdps.core.errors import BadCut, MalformedModel, UndeterminedShape
from zkdps.core.plan import MODEL

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run_blocks(sliced: Sliced, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Execute the plan as a node operator would: each block gets its boundary tensors only."""
    tensors = dict(feeds)
    for graph in sliced.graphs:
        assert set(graph.block.inputs) <= set(tensors)
        made = run(graph.onnx, {name: tensors[name] for name in graph.block.inputs})
        assert tuple(made) == graph.block.outputs
        tensors.update(made)
    return {name: tensors[name] for name in sliced.plan.outputs}


@quick
@given(dag_models(), st.data())
def test_any_segments_of_any_order_compute_the_model(
    model: onnx.ModelProto, data: st.DataObject
) -> None:
    flow = read_dataflow(model)
    order = data.draw(st.sampled_from(candidate_orders(flow)))
    points = data.draw(st.sets(st.integers(1, max(1, len(order) - 1))))
    ends = [0, *sorted(point for point in points if point < len(order)), len(order)]
    groups = [order[start:end] for start, end in pairwise(ends)]
    sliced = slice_model(model, groups)

    feeds = random_feeds(model)
    expected = run(model.SerializeToString(), feeds)
    got = run_blocks(sliced, feeds)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)
    for boundary in sliced.plan.boundaries:
        assert boundary.producer < boundary.consumer or boundary.consumer == MODEL
    for graph, nodes in zip(sliced.graphs, groups, strict=True):
        assert flow.between(graph.block.inputs, graph.block.outputs) == tuple(sorted(nodes))
        block = onnx.load_from_string(graph.onnx)
        onnx.checker.check_model(block, full_check=True)
        assert tuple(item.name for item in block.graph.input) == graph.block.inputs
        assert tuple(item.name for item in block.graph.output) == graph.block.outputs


@quick
@given(dag_models(), st.data())
def test_an_arbitrary_assignment_is_sliced_or_refused(
    model: onnx.ModelProto, data: st.DataObject
) -> None:
    live = read_dataflow(model).live
    labels = data.draw(st.lists(st.integers(0, 2), min_size=len(live), max_size=len(live)))
    groups = [
        [index for index, label in zip(live, labels, strict=True) if label == wanted]
        for wanted in sorted(set(labels))
    ]
    try:
        sliced = slice_model(model, groups)
    except BadCut as error:
        assert "wait for the other" in str(error)
        return
    feeds = random_feeds(model)
    expected = run(model.SerializeToString(), feeds)
    for name, array in run_blocks(sliced, feeds).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@quick
@given(dag_models())
def test_equal_models_give_equal_bytes(model: onnx.ModelProto) -> None:
    live = read_dataflow(model).live
    groups = [live[: len(live) // 2], live[len(live) // 2 :]] if len(live) > 1 else [live]
    again = onnx.ModelProto()
    again.CopyFrom(model)
    again.producer_name, again.doc_string = "somebody", "else"
    for node in again.graph.node:
        node.doc_string = "File /home/me/model.py"
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="/home/me/model.py")
    assert slice_model(model, groups) == slice_model(again, groups)


def test_a_residual_crosses_several_blocks() -> None:
    sliced = slice_model(residual(), [[0], [1], [2], [3]])
    assert [block.inputs for block in sliced.plan.blocks] == [("x",), ("a",), ("b",), ("a", "c")]
    assert (0, 3) in {(b.producer, b.consumer) for b in sliced.plan.boundaries}
    assert sliced.plan.specs["a"].shape == (2, 4)
    assert sliced.plan.specs["a"].dtype == "float32"


def test_shared_weights_are_copied_and_unused_ones_stay_out() -> None:
    make = onnx.helper.make_node
    nodes = [
        make("Add", ["x", "w"], ["a"], "one"),
        make("Mul", ["a", "w"], ["b"], "two"),
        make("Sub", ["b", "v"], ["y"], "three"),
    ]
    weights: dict[str, np.ndarray] = {
        "w": np.ones(4, np.float32),
        "v": np.full(4, 2, np.float32),
    }
    sliced = slice_model(model_of(nodes, [value("x")], [value("y")], weights), [[0], [1], [2]])
    held = [
        [tensor.name for tensor in onnx.load_from_string(graph.onnx).graph.initializer]
        for graph in sliced.graphs
    ]
    assert held == [["w"], ["w"], ["v"]]


def test_groups_are_put_into_an_order_that_runs() -> None:
    sliced = slice_model(chain(4), [[2, 3], [0, 1]])
    assert [block.outputs for block in sliced.plan.blocks] == [("t1",), ("t3",)]


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([[0, 3], [1, 2]], "wait for the other"),
        ([[0, 1, 2, 3], []], "holds no operator"),
        ([[0, 1], [1, 2, 3]], "in two blocks"),
        ([[0, 1], [3]], "in no block"),
    ],
)
def test_bad_groups_are_refused(groups: list[list[int]], reason: str) -> None:
    with pytest.raises(BadCut, match=reason):
        slice_model(residual(), groups)


def test_a_cycle_names_a_tensor_of_it() -> None:
    with pytest.raises(BadCut) as caught:
        slice_model(residual(), [[0, 3], [1, 2]])
    assert caught.value.cut in {"a", "c"}


def test_models_that_are_not_normal_are_refused() -> None:
    make = onnx.helper.make_node
    passed_through = model_of(
        [make("Relu", ["x"], ["y"])], [value("x"), value("z")], [value("y"), value("z")]
    )
    with pytest.raises(MalformedModel, match="'z' is a model input"):
        read_dataflow(passed_through)
    unread = model_of([make("Relu", ["x"], ["y"])], [value("x"), value("z")], [value("y")])
    with pytest.raises(MalformedModel, match="'z' is read by no node"):
        read_dataflow(unread)
    constant = model_of(
        [make("Relu", ["x"], ["y"]), make("Neg", ["w"], ["v"])],
        [value("x")],
        [value("y"), value("v", (4,))],
        {"w": np.ones(4, np.float32)},
    )
    with pytest.raises(MalformedModel, match="depends on no model input"):
        read_dataflow(constant)
    shapeless = chain(3)
    del shapeless.graph.value_info[:]
    with pytest.raises(UndeterminedShape, match="t0"):
        read_dataflow(shapeless)
    disordered = chain(2)
    disordered.graph.node.reverse()
    with pytest.raises(MalformedModel, match="which nothing before makes"):
        read_dataflow(disordered)


def test_blocks_are_named_after_modules_or_operators() -> None:
    plain = slice_model(residual(), [[0, 1], [2, 3]])
    assert [block.name for block in plain.plan.blocks] == ["Relu+MatMul", "Sigmoid+Add"]
    scripted = chain(4)
    for node, name in zip(
        scripted.graph.node,
        ["/seq/seq.0/fc/A", "/seq/seq.0/B", "/seq/seq.1/C", "/head/D"],
        strict=True,
    ):
        node.name = name
    named = slice_model(scripted, [[0, 1], [2], [3]])
    assert [block.name for block in named.plan.blocks] == ["seq.0", "seq.1", "head"]
    repeated = slice_model(scripted, [[0], [1, 2, 3]])
    assert [block.name for block in repeated.plan.blocks] == ["seq.0.fc", "seq+head"]
    dynamo = chain(2)
    for node, scopes in zip(
        dynamo.graph.node, ["['', 'a', 'a.b', 'op']", "not a list"], strict=True
    ):
        node.metadata_props.add(key=NAME_SCOPES, value=scopes)
    assert [b.name for b in slice_model(dynamo, [[0], [1]]).plan.blocks] == ["a.b", "Sigmoid"]


def test_equal_names_are_numbered() -> None:
    names = [block.name for block in slice_model(chain(4), [[0], [1], [2], [3]]).plan.blocks]
    assert names == ["Relu (1)", "Sigmoid (1)", "Relu (2)", "Sigmoid (2)"]
