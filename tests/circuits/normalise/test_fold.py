"""Constants are computed once, within bounds; Tile, and nodes that do nothing, go."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.circuits.normalise.compare import Array, model, normal_and_equal, operators
from zkdps.circuits.normalise import fold, normalise
from zkdps.core.errors import InputError, MalformedModel, UnsupportedOperator

make = helper.make_node


def integers(*numbers: int) -> Array:
    return np.array(numbers, dtype=np.int64)


def test_a_shape_computation_disappears() -> None:
    nodes = [
        make("Shape", ["x"], ["s"]),
        make("Gather", ["s", "zero"], ["n"]),
        make("Unsqueeze", ["n", "axis"], ["n1"]),
        make("Concat", ["n1", "minus"], ["target"], axis=0),
        make("Reshape", ["x", "target"], ["y"]),
    ]
    weights = {"zero": np.array(0), "axis": integers(0), "minus": integers(-1)}
    proto = model(nodes, {"x": ["n", 3, 4]}, {"y": ["n", 12]}, weights)
    after = normal_and_equal(proto, {"x": (2, 3, 4)})
    assert operators(after) == ["Reshape"]
    (target,) = (onnx.numpy_helper.to_array(tensor) for tensor in after.graph.initializer)
    assert target.tolist() == [2, 12], "the target of a Reshape states every dimension"


def test_constants_of_constants_fold_to_a_scalar() -> None:
    nodes = [
        make("Constant", [], ["two"], value_float=2.0),
        make("Sqrt", ["two"], ["root"]),
        make("Mul", ["x", "root"], ["y"]),
    ]
    after = normal_and_equal(model(nodes, {"x": [3]}, {"y": [3]}), {"x": (3,)})
    assert operators(after) == ["Mul"]
    assert list(after.graph.initializer[0].dims) == [], "a scalar must stay a scalar"


@pytest.mark.parametrize(
    ("node", "weights"),
    [
        (
            make("Range", ["start", "stop", "step"], ["big"]),
            {"start": np.array(0), "stop": np.array(2**50), "step": np.array(1)},
        ),
        (make("Expand", ["one", "to"], ["big"]), {"one": integers(1), "to": integers(2**45)}),
        (make("Tile", ["one", "to"], ["big"]), {"one": integers(1), "to": integers(2**45)}),
        (make("ConstantOfShape", ["to"], ["big"]), {"to": integers(2**20, 2**25)}),
    ],
    ids=lambda value: value.op_type if isinstance(value, onnx.NodeProto) else "",
)
def test_ten_bytes_cannot_ask_for_terabytes(
    node: onnx.NodeProto, weights: dict[str, Array]
) -> None:
    nodes = [node, make("Cast", ["big"], ["f"], to=1), make("ReduceSum", ["f"], ["r"])]
    nodes.append(make("Add", ["x", "r"], ["y"]))
    with pytest.raises(InputError):
        normalise(model(nodes, {"x": [2, 2]}, {"y": [2, 2]}, weights), {})


def test_what_is_too_large_stays_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "MAX_FOLDED_ELEMENTS", 5)
    nodes = [make("Expand", ["one", "to"], ["e"]), make("Add", ["x", "e"], ["y"])]
    weights = {"one": np.ones(1, np.float32), "to": integers(6)}
    with pytest.raises(MalformedModel, match=r"\(8\)"):
        normalise(model(nodes, {"x": [6]}, {"y": [6]}, weights), {})


def test_a_constant_that_fails_at_every_run_is_malformed() -> None:
    nodes = [make("Gather", ["w", "i"], ["g"]), make("Add", ["x", "g"], ["y"])]
    weights = {"w": np.ones(3, np.float32), "i": integers(7)}
    with pytest.raises(MalformedModel, match="Gather"):
        normalise(model(nodes, {"x": [1]}, {"y": [1]}, weights), {})


def test_random_numbers_are_never_folded() -> None:
    nodes = [make("RandomNormal", [], ["r"], shape=[3]), make("Add", ["x", "r"], ["y"])]
    with pytest.raises(UnsupportedOperator, match="RandomNormal"):
        normalise(model(nodes, {"x": [3]}, {"y": [3]}), {})


def test_an_output_without_input_is_refused() -> None:
    nodes = [make("Sqrt", ["w"], ["y"]), make("Neg", ["x"], ["z"])]
    proto = model(nodes, {"x": [3]}, {"y": [3], "z": [3]}, {"w": np.ones(3, np.float32)})
    with pytest.raises(MalformedModel, match="depends on no input"):
        normalise(proto, {})


@pytest.mark.parametrize("repeats", [(1, 2, 1), (3, 1, 2), (1, 1, 1), (2, 2, 2)])
def test_tile_becomes_concat(repeats: tuple[int, ...]) -> None:
    nodes = [make("Tile", ["x", "r"], ["t"], name="tile"), make("Neg", ["t"], ["y"])]
    proto = model(nodes, {"x": [2, 3, 1]}, {"y": ["a", "b", "c"]}, {"r": integers(*repeats)})
    after = operators(normal_and_equal(proto, {"x": (2, 3, 1)}))
    assert after == ["Concat"] * sum(count > 1 for count in repeats) + ["Neg"]


@pytest.mark.parametrize(
    "node",
    [
        make("Identity", ["x"], ["h"]),
        make("Dropout", ["x"], ["h"]),
        make("Cast", ["x"], ["h"], to=1),
        make("Reshape", ["x", "same"], ["h"]),
        make("Expand", ["x", "same"], ["h"]),
        make("Transpose", ["x"], ["h"], perm=[0, 1]),
        make("Concat", ["x"], ["h"], axis=0),
        make("Pad", ["x", "none"], ["h"]),
        make("Slice", ["x", "zeros", "same"], ["h"]),
        make("Sum", ["x"], ["h"]),
    ],
    ids=lambda node: node.op_type,
)
def test_nodes_that_do_nothing_go(node: onnx.NodeProto) -> None:
    weights = {"same": integers(2, 3), "none": integers(0, 0, 0, 0), "zeros": integers(0, 0)}
    proto = model([node, make("Neg", ["h"], ["y"])], {"x": [2, 3]}, {"y": [2, 3]}, weights)
    assert operators(normal_and_equal(proto, {"x": (2, 3)})) == ["Neg"]


def test_a_reversing_slice_does_something() -> None:
    weights = {"s": integers(-1), "e": integers(-9), "a": integers(1), "step": integers(-1)}
    nodes = [make("Slice", ["x", "s", "e", "a", "step"], ["y"])]
    proto = model(nodes, {"x": [2, 3]}, {"y": [2, 3]}, weights)
    assert operators(normal_and_equal(proto, {"x": (2, 3)})) == ["Slice"]


def test_outputs_keep_their_names_and_nodes() -> None:
    nodes = [
        make("Identity", ["x"], ["same"]),
        make("Neg", ["x"], ["n"]),
        make("Identity", ["n"], ["first"]),
        make("Identity", ["n"], ["second"]),
    ]
    outputs = {"same": [2], "first": [2], "second": [2], "n": [2]}
    after = normal_and_equal(model(nodes, {"x": [2]}, outputs), {"x": (2,)})
    assert [value.name for value in after.graph.output] == list(outputs)
    assert sorted(operators(after)) == ["Identity", "Identity", "Identity", "Neg"]


@pytest.mark.parametrize("output", ["mask", "h"])
def test_dropout_in_training_is_refused(output: str) -> None:
    nodes = [make("Dropout", ["x", "ratio", "train"], ["h", "mask"], name="drop")]
    nodes.append(make("Where", ["mask", "x", "h"], ["y"]))
    weights = {"ratio": np.array(0.5, np.float32), "train": np.array(output == "h")}
    with pytest.raises(UnsupportedOperator, match="evaluation mode"):
        normalise(model(nodes, {"x": [2]}, {"y": [2]}, weights), {})
