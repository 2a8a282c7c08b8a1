"""The parts of lowering: wires cut into segments, functions composed, masks followed."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from zkdps.provers.sumcheck.lowering import masks, segments
from zkdps.provers.sumcheck.lowering.curves import DEFAULTS
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import CLOSED, OPEN, Constant, Contraction, Masked
from zkdps.provers.sumcheck.operators.expressions import (
    FUNCTIONS,
    Expression,
    X,
    scaled,
    substituted,
)
from zkdps.provers.sumcheck.views import affine_indices
from zkdps.provers.sumcheck.wires import Wire, whole

ONE_OPERAND = sorted(
    set(FUNCTIONS)
    - {*("Add", "And", "Clip", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "Where")}
    - {*("LessOrEqual", "Max", "Min", "Mul", "Not", "Or", "Pow", "Sub", "Sum", "Xor")}
)


@pytest.mark.parametrize("operator", ONE_OPERAND)
def test_a_function_is_onnx_own(operator: str) -> None:
    x: NDArray[np.float32] = np.linspace(-0.95, 0.95, 39).astype(np.float32)
    if operator in ("Acosh", "Log", "Sqrt"):
        x = (np.abs(x) + 1.0).astype(np.float32)
    made = helper.make_node(operator, ["x"], ["y"])
    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)
    graph = helper.make_graph([made], "one", [shape], [helper.make_empty_tensor_value_info("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    parameters = tuple(DEFAULTS.get(operator, {}).items())
    got = Expression(operator, (X,), parameters)(x.astype(np.float64))
    np.testing.assert_allclose(got, session.run(None, {"x": x})[0], atol=2e-6)


def test_expressions_compose_and_print() -> None:
    inner = scaled(2.0, -1.0)
    outer = Expression("Mul", (X, Expression("Sigmoid", (X,))))
    composed = substituted(outer, inner)
    x = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(composed(x), (2 * x - 1) / (1 + np.exp(1 - 2 * x)))
    assert str(composed) == "Mul(Add(Mul(x, 2), -1), Sigmoid(Add(Mul(x, 2), -1)))"
    assert scaled(1.0, 0.0) == X and composed == substituted(outer, inner)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(0, 1))
def test_picked_entries_are_affine_parts(picked: list[int], axis: int) -> None:
    """Whatever is picked along an axis, every part is a view, and together they read the same."""
    shape = (6, 6)
    places = np.take(np.arange(36).reshape(shape), picked, axis)
    wire = whole("x", shape).indexed(places)
    cut = segments.split(wire, segments.of_places(places, shape))
    assert cut is not None
    values = {"x": np.arange(1, 37)}
    np.testing.assert_array_equal(cut.read(values), wire.read(values))
    assert all(affine_indices(part.index, shape) is not None for part in cut.parts)


def test_too_many_parts_are_none() -> None:
    places = np.arange(600)[::-1].reshape(600, 1)
    wire = whole("x", (600, 1)).indexed(places)
    assert segments.split(wire, segments.of_places(places, (600, 1))) is None


def node(operator: str, *inputs: str) -> Node:
    return Node(helper.make_node(operator, list(inputs), ["y"]), 18)


def of_mask(zero: object, one: object, index: object) -> Masked:
    return Masked("m", np.array(index), np.array(zero), np.array(one))


def test_masks_are_followed_entry_by_entry() -> None:
    mask = of_mask([0.0, 0.0], [1.0, 1.0], [0, 1])
    opposite = masks.elementwise(node("Sub", "a", "b"), [Constant(np.array(1.0)), mask])
    assert opposite is not None
    np.testing.assert_array_equal(opposite.zero, [1, 1])
    np.testing.assert_array_equal(opposite.one, [0, 0])
    nothing = masks.elementwise(node("Mul", "a", "b"), [Constant(np.array([0.0, 1.0])), mask])
    assert nothing is not None
    np.testing.assert_array_equal(nothing.index, [-1, 1])
    turned = of_mask([0.0, 0.0], [1.0, 1.0], [1, 0])
    assert masks.elementwise(node("Mul", "a", "b"), [mask, turned]) is None


def scores() -> Contraction:
    operand = Wire((2, 3), ())
    return Contraction(operand, operand)


def test_what_makes_a_mask() -> None:
    lowest = -3.4e38
    padding = masks.of_numbers(of_mask([lowest, lowest], [0.0, 0.0], [0, 1]), (2, 2))
    assert padding is not None and padding.source == "m"
    np.testing.assert_array_equal(padding.index, [0, 1])
    causal = masks.of_numbers(Constant(np.array([[0.0, -np.inf], [0.0, 0.0]])), (2, 2))
    assert causal is not None and causal.source is None
    np.testing.assert_array_equal(causal.index, [[OPEN, CLOSED], [OPEN, OPEN]])
    first = masks.both(scores(), padding)
    assert first is not None
    both = masks.both(first, causal)
    assert both is not None and both.mask is not None
    np.testing.assert_array_equal(both.mask.index, [[0, CLOSED], [0, 1]])
    assert masks.of_numbers(Constant(np.array([0.0, -2.0])), (2, 2)) is None
    assert masks.of_truth(of_mask([True], [False], [0]), (2, 2)) is None
