"""Operators of onnxruntime's own domain, against onnxruntime itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from tests.circuits.normalise.compare import Array, model, normal_and_equal, operators
from zkdps.circuits.normalise import normalise
from zkdps.core.errors import MalformedModel, UnsupportedOperator

RANDOM = np.random.default_rng(3)


def weight(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("operator", "weights", "attributes"),
    [
        ("Gelu", {}, {}),
        ("BiasGelu", {"b": weight(4)}, {}),
        ("FastGelu", {}, {}),
        ("FastGelu", {"b": weight(4)}, {}),
        ("QuickGelu", {}, {"alpha": 1.3}),
        ("FusedMatMul", {"b": weight(4, 5)}, {}),
        ("FusedMatMul", {"b": weight(5, 4)}, {"transB": 1, "alpha": 0.25}),
        ("FusedMatMul", {"b": weight(2, 3, 5)}, {"transA": 1}),
        ("SkipLayerNormalization", {"s": weight(2, 3, 4), "g": weight(4)}, {"epsilon": 1e-5}),
        (
            "SkipLayerNormalization",
            {"s": weight(2, 3, 4), "g": weight(4), "b": weight(4), "c": weight(4)},
            {},
        ),
        ("SkipSimplifiedLayerNormalization", {"s": weight(2, 3, 4), "g": weight(4)}, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("opset", [14, 18])
def test_expansion_equals_onnxruntime(
    operator: str, weights: dict[str, Array], attributes: dict[str, Any], opset: int
) -> None:
    node = helper.make_node(
        operator, ["x", *weights], ["h"], name="n", domain="com.microsoft", **attributes
    )
    after = normal_and_equal(
        model(
            [node, helper.make_node("Neg", ["h"], ["y"])],
            {"x": [2, 3, 4]},
            {"y": ["a", "b", "c"]},
            weights,
            opset=opset,
            domains=["com.microsoft"],
        ),
        {"x": (2, 3, 4)},
        atol=2e-5,
    )
    assert operator not in operators(after) or operator == "LayerNormalization"


def test_the_sum_of_a_skip_normalisation_is_kept() -> None:
    node = helper.make_node(
        "SkipLayerNormalization", ["x", "s", "g"], ["h", "", "", "t"], domain="com.microsoft"
    )
    proto = model(
        [node, helper.make_node("Mul", ["h", "t"], ["y"])],
        {"x": [2, 3, 4]},
        {"y": [2, 3, 4]},
        {"s": weight(2, 3, 4), "g": weight(4)},
        domains=["com.microsoft"],
    )
    normal_and_equal(proto, {"x": (2, 3, 4)}, atol=2e-5)


def test_chained_fused_products_learn_their_ranks() -> None:
    nodes = [
        helper.make_node("FusedMatMul", ["x", "w"], ["a"], domain="com.microsoft", transB=1),
        helper.make_node("FusedMatMul", ["a", "a"], ["b"], domain="com.microsoft", transB=1),
        helper.make_node("FusedMatMul", ["b", "b"], ["y"], domain="com.microsoft", transA=1),
    ]
    proto = model(
        nodes, {"x": [3, 4]}, {"y": [3, 3]}, {"w": weight(5, 4)}, domains=["com.microsoft"]
    )
    normal_and_equal(proto, {"x": (3, 4)}, atol=1e-2)


def test_unknown_runtime_operators_are_refused_by_name() -> None:
    nodes = [helper.make_node("Attention", ["x"], ["y"], name="att", domain="com.microsoft")]
    proto = model(nodes, {"x": [2, 4]}, {"y": [2, 4]}, domains=["com.microsoft"])
    with pytest.raises(UnsupportedOperator, match=r"com\.microsoft::Attention \(node 'att'\)"):
        normalise(proto, {})


@pytest.mark.parametrize(
    ("inputs", "attributes"), [([], {}), (["", ""], {}), (["x", "x"], {"transA": 1.5})]
)
def test_nonsense_in_the_runtimes_domain(inputs: list[str], attributes: dict[str, Any]) -> None:
    nodes = [
        helper.make_node("FusedMatMul", inputs, ["h"], domain="com.microsoft", **attributes),
        helper.make_node("Add", ["h", "x"], ["y"]),
    ]
    proto = model(nodes, {"x": [2, 2]}, {"y": [2, 2]}, domains=["com.microsoft"])
    with pytest.raises(MalformedModel):
        normalise(proto, {})
