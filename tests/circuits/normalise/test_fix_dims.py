"""Dimensions are fixed by the caller and never guessed."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.circuits.normalise.compare import model, normal_and_equal
from zkdps.circuits.normalise import normalise
from zkdps.core.errors import (
    MalformedModel,
    MalformedTensor,
    ShapeMismatch,
    UndeterminedShape,
    ZkdpsError,
)

ADD = [helper.make_node("Add", ["a", "b"], ["y"])]


def two_inputs() -> dict[str, list[int | str]]:
    return {"a": ["batch_size", 3], "b": ["batch_size", 3]}


def test_one_symbol_is_one_number() -> None:
    proto = model(ADD, two_inputs(), {"y": ["batch_size", 3]})
    after = normalise(proto, {"a": (4, 3)})
    dims = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in after.graph.input]
    assert dims == [[4, 3], [4, 3]]
    normal_and_equal(proto, {"a": (4, 3), "b": (4, 3)})


def test_a_weight_listed_as_input_is_a_weight() -> None:
    proto = model(
        ADD, {"a": [2, 3], "b": [2, 3]}, {"y": [2, 3]}, {"b": np.ones((2, 3), np.float32)}
    )
    assert [value.name for value in normalise(proto, {}).graph.input] == ["a"]


@pytest.mark.parametrize(
    ("shapes", "error"),
    [
        ({}, UndeterminedShape),
        ({"c": (1, 3)}, MalformedTensor),
        ({"a": (4, 5)}, ShapeMismatch),
        ({"a": (4,)}, ShapeMismatch),
        ({"a": (4, 3), "b": (5, 3)}, ShapeMismatch),
        ({"a": (0, 3)}, MalformedModel),
        ({"a": (-2, 3)}, MalformedModel),
        ({"a": (2**61, 3)}, MalformedModel),
    ],
    ids=str,
)
def test_bad_shapes(shapes: dict[str, tuple[int, ...]], error: type[ZkdpsError]) -> None:
    with pytest.raises(error):
        normalise(model(ADD, two_inputs(), {"y": ["batch_size", 3]}), shapes)


def test_the_given_model_is_not_changed() -> None:
    proto = model(ADD, two_inputs(), {"y": ["batch_size", 3]})
    before = proto.SerializeToString()
    normalise(proto, {"a": (4, 3)})
    assert proto.SerializeToString() == before
