"""GELU is found in every spelling, and nowhere else."""

from __future__ import annotations

import itertools
import math

import numpy as np
import onnx
import pytest

from tests.circuits.rewrites import oracle
from tests.circuits.rewrites.case import one, reals
from tests.circuits.rewrites.small import build, node
from zkdps.circuits.rewrites import Rewrite, rewrite
from zkdps.circuits.rewrites.gelu import TANH_BOUND

HALVES = ("x first", "cdf first", "last")


def _erf_form(division: bool, halved: str, swapped: bool) -> onnx.ModelProto:
    inner = node("Div", "h root", "u") if division else node("Mul", "h root", "u")
    factors = {"x first": ("hh", "s"), "cdf first": ("h", "sh"), "last": ("h", "s")}[halved]
    names = " ".join(reversed(factors) if swapped else factors)
    nodes = [node("Relu", "x", "h"), inner, node("Erf", "u", "e"), node("Add", "e one", "s")]
    if halved == "x first":
        nodes += [node("Mul", "h half", "hh"), node("Mul", names, "g")]
    elif halved == "cdf first":
        nodes += [node("Mul", "s half", "sh"), node("Mul", names, "g")]
    else:
        nodes += [node("Mul", names, "t"), node("Mul", "t half", "g")]
    root = math.sqrt(2) if division else math.sqrt(0.5)
    numbers = {"root": one(root), "one": one(1), "half": one(0.5)}
    return build([*nodes, node("Neg", "g", "y")], {"x": (2, 4)}, "y", numbers)


def _gelus(made: tuple[Rewrite, ...]) -> list[Rewrite]:
    return [change for change in made if change.name == "gelu"]


@pytest.mark.parametrize(
    ("division", "halved", "swapped"), list(itertools.product([True, False], HALVES, [True, False]))
)
def test_every_spelling_with_erf(division: bool, halved: str, swapped: bool) -> None:
    model = _erf_form(division, halved, swapped)
    rewritten, made = rewrite(model, scale_bits=8)
    assert [change.exact for change in _gelus(made)] == [True]
    inputs = {"x": reals(2, 4, factor=3.0)}
    (before,), (after,) = (oracle.float_outputs(m, inputs) for m in (model, rewritten))
    np.testing.assert_allclose(after, before, atol=2e-6)


@pytest.mark.parametrize("cubed", ["Pow", "Mul"])
def test_the_tanh_form_is_marked_and_within_its_bound(cubed: str) -> None:
    power = (
        [node("Pow", "x three", "p")]
        if cubed == "Pow"
        else [node("Mul", "x x", "xx"), node("Mul", "xx x", "p")]
    )
    rest = [
        node("Mul", "p cubic", "c"),
        node("Add", "x c", "i"),
        node("Mul", "i slope", "j"),
        node("Tanh", "j", "k"),
        node("Add", "k one", "s"),
        node("Mul", "x s", "t"),
        node("Mul", "t half", "y"),
    ]
    numbers = {
        "three": one(3),
        "cubic": one(0.044715),
        "slope": one(math.sqrt(2 / math.pi)),
        "one": one(1),
        "half": one(0.5),
    }
    model = build([*power, *rest], {"x": (1, 2001)}, "y", numbers)
    rewritten, made = rewrite(model, scale_bits=8)
    assert [change.exact for change in _gelus(made)] == [False]
    assert f"{TANH_BOUND:g}" in _gelus(made)[0].detail
    inputs = {"x": np.linspace(-10, 10, 2001, dtype=np.float32)[None]}
    (before,), (after,) = (oracle.float_outputs(m, inputs) for m in (model, rewritten))
    distance = float(np.abs(before - after).max())
    assert 1e-4 < distance <= TANH_BOUND + 1e-6


@pytest.mark.parametrize("which", ["root", "one", "half"])
def test_other_constants_are_no_gelu(which: str) -> None:
    model = _erf_form(True, "last", False)
    for constant in model.graph.initializer:
        if constant.name == which:
            constant.CopyFrom(onnx.numpy_helper.from_array(one(1.1), which))
    assert _gelus(rewrite(model, scale_bits=8)[1]) == []


def test_a_gelu_whose_inside_is_read_elsewhere_stays() -> None:
    model = _erf_form(True, "last", False)
    model.graph.output.extend(v for v in model.graph.value_info if v.name == "s")
    assert _gelus(rewrite(model, scale_bits=8)[1]) == []


def test_both_factors_go_into_the_weights() -> None:
    nodes = list(_erf_form(True, "last", False).graph.node)[1:-1]
    around = [node("Gemm", "x w b", "h", transB=1), *nodes, node("Gemm", "g v", "y", transB=1)]
    constants = {
        "w": reals(16, 4),
        "b": reals(16),
        "v": reals(3, 16),
        "root": one(math.sqrt(2)),
        "one": one(1),
        "half": one(0.5),
    }
    model = build(around, {"x": (1, 4)}, "y", constants)
    rewritten, _ = rewrite(model, scale_bits=8)
    assert [n.op_type for n in rewritten.graph.node] == ["Gemm", "Erf", "Add", "Mul", "Gemm"]
    names = {value.name for value in rewritten.graph.value_info}
    assert "h" not in names and "g" not in names, "tensors with other values kept their names"
    before, after = (oracle.settings(m, 8).rows for m in (model, rewritten))
    assert after < 0.75 * before, f"{before} rows became {after}"
