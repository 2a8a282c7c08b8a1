"""Cuts by name: tensors end blocks, modules are blocks, wrong names get near ones suggested."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.circuits.dag_models import chain, dag_models, model_of, residual, value
from zkdps.circuits.cuts import cut_at_tensors, cuttable_modules, cuttable_tensors
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.partition import cut_points
from zkdps.circuits.slice import slice_model
from zkdps.core.errors import BadCut


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dag_models(), st.data())
def test_every_cut_tensor_leaves_its_block(model: onnx.ModelProto, data: st.DataObject) -> None:
    known = [spec.name for spec in cuttable_tensors(model)]
    if not known:
        return
    names = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
    groups = cut_at_tensors(model, names)
    plan = slice_model(model, groups).plan
    assert sorted(index for group in groups for index in group) == list(read_dataflow(model).live)
    assert set(names) <= {name for block in plan.blocks for name in block.outputs}


def test_a_residual_survives_the_cut() -> None:
    assert cut_at_tensors(residual(), ["b"]) == ((0, 1), (2, 3))
    assert cut_at_tensors(residual(), ["b", "a"]) == ((0,), (1,), (2, 3))
    assert cut_at_tensors(residual(), []) == ((0, 1, 2, 3),)


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        ("x", "a model input"),
        ("w", "a weight"),
        ("y", "nothing would be left after it"),
        ("zzzzz", "no such tensor or module$"),
    ],
)
def test_bad_cuts_say_why(cut: str, reason: str) -> None:
    with pytest.raises(BadCut, match=reason):
        cut_at_tensors(residual(), [cut])


def test_near_names_are_suggested() -> None:
    with pytest.raises(BadCut, match=r"near: .*'/layer1/fc/Gemm_output_0'"):
        cut_at_tensors(scoped(), ["/layer1/fc/Gemm_output"])
    with pytest.raises(BadCut, match=r"near: .*'layer1'"):
        cut_at_tensors(scoped(), ["layer_1"])


def scoped() -> onnx.ModelProto:
    """stem | layer1 (fc, act) | Reshape | head, with torch's names."""
    make = onnx.helper.make_node
    nodes = [
        make("Relu", ["x"], ["s"], "/stem/Relu"),
        make("Sigmoid", ["s"], ["/layer1/fc/Gemm_output_0"], "/layer1/fc/Gemm"),
        make("Relu", ["/layer1/fc/Gemm_output_0"], ["r"], "/layer1/act/Relu"),
        make("Flatten", ["r"], ["f"], "/Flatten"),
        make("Sigmoid", ["f"], ["h"], "/head/Sigmoid"),
        make("Flatten", ["h"], ["y"], "/Flatten_1"),
    ]
    return model_of(nodes, [value("x")], [value("y")])


def test_a_module_is_a_block_and_data_movers_join_it() -> None:
    assert cut_at_tensors(scoped(), ["layer1"]) == ((0,), (1, 2), (3, 4, 5))
    assert cut_at_tensors(scoped(), ["layer1", "head"]) == ((0,), (1, 2), (3, 4, 5))
    assert cut_at_tensors(scoped(), ["head", "stem"]) == ((0,), (1, 2, 3), (4, 5))
    assert cut_at_tensors(scoped(), ["layer1", "layer1.fc"]) == ((0,), (1,), (2,), (3, 4, 5))
    assert cuttable_modules(scoped()) == ("stem", "layer1", "layer1.fc", "layer1.act", "head")


def test_a_module_with_something_in_between_is_refused() -> None:
    model = chain(3)
    for node, name in zip(model.graph.node, ["/a/A", "/b/B", "/a/C"], strict=True):
        node.name = name
    with pytest.raises(BadCut, match="between two parts"):
        cut_at_tensors(model, ["a"])


def test_interleaved_modules_are_refused() -> None:
    model = chain(4)
    for node, name in zip(model.graph.node, ["/a/A", "/b/B", "/a/C", "/b/D"], strict=True):
        node.name = name
    with pytest.raises(BadCut, match="between two parts"):
        cut_at_tensors(model, ["a", "b"])


def raised() -> onnx.ModelProto:
    """a = Relu(x); m = a / 8 (at a higher scale); r = Flatten(m); b = Sigmoid(a); y = r + b."""
    make = onnx.helper.make_node
    nodes = [
        make("Relu", ["x"], ["a"], "relu"),
        make("Mul", ["a", "eighth"], ["m"], "raise"),
        make("Flatten", ["m"], ["r"], "flatten"),
        make("Sigmoid", ["a"], ["b"], "sigmoid"),
        make("Add", ["r", "b"], ["y"], "add"),
    ]
    weights: dict[str, np.ndarray] = {"eighth": np.array(0.125, np.float32)}
    return model_of(nodes, [value("x")], [value("y")], weights)


def test_raised_tensors_never_cross_a_boundary() -> None:
    model = raised()
    assert [spec.name for spec in cuttable_tensors(model)] == ["a", "b"]
    with pytest.raises(BadCut, match="another scale"):
        cut_at_tensors(model, ["r"])
    with pytest.raises(BadCut, match="another scale"):
        slice_model(model, [[0, 1, 2], [3, 4]])
    flow = read_dataflow(model)
    assert cut_points(flow, flow.live, allow_integers=True) == (0, 1, 5)


def test_what_raises_moves_to_its_reader() -> None:
    model = raised()
    names = ["/p/Relu", "/p/Mul", "/p/Flatten", "/q/Sigmoid", "/q/Add"]
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    assert cut_at_tensors(model, ["p", "q"]) == ((0,), (1, 2, 3, 4))
