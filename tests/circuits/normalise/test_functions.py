"""Local functions, and ONNX's own, expanded; what the prover knows stays whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from tests.circuits.normalise.compare import model, normal_and_equal, operators


@pytest.mark.parametrize(
    ("operator", "opset", "attributes"),
    [
        ("Gelu", 20, {}),
        ("Gelu", 22, {"approximate": "tanh"}),
        ("Mish", 18, {}),
        ("MeanVarianceNormalization", 17, {}),
        ("GroupNormalization", 18, {"num_groups": 2}),
        ("GroupNormalization", 22, {"num_groups": 2}),
    ],
)
def test_standard_functions_are_expanded(
    operator: str, opset: int, attributes: dict[str, Any]
) -> None:
    weights = {}
    if operator == "GroupNormalization":
        # Opset 21 gave it one scale per channel in place of one per group.
        count = 2 if opset < 21 else 4
        weights = {n: np.linspace(0.5, 1.5, count, dtype=np.float32) for n in ("s", "b")}
    node = helper.make_node(operator, ["x", *weights], ["y"], name="f", **attributes)
    shape = (2, 4, 3, 3)
    proto = model([node], {"x": ["n", 4, 3, 3]}, {"y": ["n", 4, 3, 3]}, weights, opset=opset)
    after = normal_and_equal(proto, {"x": shape}, atol=5e-5)
    assert operator not in operators(after)


@pytest.mark.parametrize("operator", ["Softmax", "HardSwish", "Elu", "LeakyRelu", "Softplus"])
def test_functions_that_the_prover_knows_stay(operator: str) -> None:
    proto = model([helper.make_node(operator, ["x"], ["y"])], {"x": [2, 5]}, {"y": [2, 5]})
    assert operators(normal_and_equal(proto, {"x": (2, 5)})) == [operator]


def test_local_functions_are_inlined_through_several_levels() -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    inner = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], opsets
    )
    body = [
        helper.make_node("Twice", ["a"], ["t"], domain="mine"),
        helper.make_node("Twice", ["t"], ["b"], domain="mine"),
    ]
    outer = helper.make_function("mine", "FourTimes", ["a"], ["b"], body, opsets)
    nodes = [
        helper.make_node("FourTimes", ["x"], ["h"], domain="mine"),
        helper.make_node("FourTimes", ["h"], ["y"], domain="mine"),
    ]
    proto = model(nodes, {"x": [2, 3]}, {"y": [2, 3]}, domains=["mine"])
    proto.functions.extend([inner, outer])
    assert operators(normal_and_equal(proto, {"x": (2, 3)}, atol=1e-4)) == ["Add"] * 4
