"""Cases with scales, means, normalisations and activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.circuits.rewrites.case import (
    IMAGE,
    ROWS,
    SAME_SCALE,
    Array,
    Case,
    case,
    conv,
    ints,
    one,
    reals,
)
from tests.circuits.rewrites.small import node


def scalings() -> list[Case]:
    def times(
        name: str, factor: Array, before: str, why: str = "", operator: str = "Mul", **claims: Any
    ) -> Case:
        return case(
            name,
            "scales",
            [node(operator, "x c", "y")],
            ROWS,
            {"c": factor},
            before=before,
            dearer=why,
            **claims,
        )

    raised = "a relabelling of half a row per element"
    attention = [node("MatMul", "x z", "h"), node("Mul", "h c", "y")]
    return [
        times("x 0.5", one(0.5), "drift", SAME_SCALE),
        times("x 0.125", one(0.125), "drift", SAME_SCALE),
        times("/ 4", one(4.0), "drift", SAME_SCALE, operator="Div"),
        times("x 0.0007 of large values", one(0.0007), "wrong", raised, low=-1000, high=1000),
        times("/ 27.7", one(27.7), "wrong", raised, operator="Div", low=-200, high=200),
        times(
            "x small vector",
            np.array([0.01, 0.02, 0.04, 0.003], dtype=np.float32),
            "wrong",
            raised,
            low=-200,
            high=200,
        ),
        case(
            "x 0.5 of one element",
            "scales",
            [node("Mul", "x c", "y")],
            {"x": (1, 1)},
            {"c": one(0.5)},
            before="drift",
            dearer=SAME_SCALE,
        ),
        case(
            "x 0.125, Reshape, MatMul",
            "scales",
            [node("Mul", "x c", "h"), node("Reshape", "h s", "r"), node("MatMul", "r z", "y")],
            {"x": (1, 2, 4), "z": (4, 3)},
            {"c": one(0.125), "s": ints(2, 4)},
        ),
        case(
            "MatMul, then x 0.125",
            "scales",
            attention,
            {"x": (2, 4), "z": (4, 3)},
            {"c": one(0.125)},
            before="drift",
            dearer=raised,
        ),
        case(
            "Gemm, then x 1.5",
            "folds",
            [node("Gemm", "x w b", "h", transB=1), node("Mul", "h c", "y")],
            ROWS,
            {"w": reals(3, 4), "b": reals(3), "c": one(1.5)},
        ),
        case(
            "x -0.7, then Conv",
            "folds",
            [node("Mul", "x c", "h"), node("Conv", "h w", "y", **conv())],
            IMAGE,
            {"w": reals(3, 2, 3, 3), "c": one(-0.7)},
        ),
        case(
            "Gemm alpha and beta",
            "gemm_factors",
            [node("Gemm", "x w b", "y", alpha=0.5, beta=2.0)],
            ROWS,
            {"w": reals(4, 3), "b": reals(3)},
        ),
    ]


def means() -> list[Case]:
    def mean(name: str, count: int, before: str) -> Case:
        return case(
            name,
            "means scales",
            [node("ReduceMean", "x", "y", axes=[1])],
            {"x": (2, count)},
            low=0.0,
            high=4.0,
            before=before,
            dearer=SAME_SCALE,
        )

    gain = {"g": reals(8, seed=6) + 1, "b": reals(8, seed=7)}
    wide = {"g": reals(96, seed=6) + 1, "b": reals(96, seed=7)}
    layer = node("LayerNormalization", "x g b", "y", axis=-1, epsilon=1e-5)
    instance = node("InstanceNormalization", "x g b", "y", epsilon=1e-5)
    return [
        mean("ReduceMean over 16", 16, "drift"),
        mean("ReduceMean over 96", 96, "wrong"),
        case(
            "GlobalAveragePool 4x4",
            "means scales",
            [node("GlobalAveragePool", "x", "y")],
            {"x": (1, 2, 4, 4)},
            before="drift",
            dearer=SAME_SCALE,
        ),
        case(
            "Mean of two",
            "means scales",
            [node("Mean", "x z", "y")],
            ROWS | {"z": (2, 4)},
            before="drift",
            dearer=SAME_SCALE,
        ),
        case("LayerNormalization 8x8", "norms scales", [layer], {"x": (8, 8)}, gain),
        case(
            "LayerNormalization 2x96",
            "norms scales",
            [layer],
            {"x": (2, 96)},
            wide,
            low=-1.0,
            high=3.0,
            before="wrong",
            dearer="one row more: the precise mean",
            tolerance=0.06,
        ),
        case("InstanceNormalization", "norms scales", [instance], {"x": (1, 8, 4, 4)}, gain),
    ]


def activations() -> list[Case]:
    root, half = one(2**0.5), one(0.5)
    erf = [
        node("Div", "h root", "u"),
        node("Erf", "u", "e"),
        node("Add", "e one", "s"),
        node("Mul", "h s", "t"),
        node("Mul", "t half", "g"),
    ]
    tanh = [
        node("Mul", "h h", "h2"),
        node("Mul", "h2 h", "h3"),
        node("Mul", "h3 cubic", "c"),
        node("Add", "h c", "i"),
        node("Mul", "i slope", "j"),
        node("Tanh", "j", "k"),
        node("Add", "k one", "s"),
        node("Mul", "h half", "hh"),
        node("Mul", "hh s", "g"),
    ]
    numbers = {"root": root, "one": one(1), "half": half}
    curve = {"one": one(1), "half": half, "cubic": one(0.044715), "slope": one((2 / np.pi) ** 0.5)}
    layers = {"w": reals(8, 4), "b": reals(8), "v": reals(3, 8)}
    before, after = node("Gemm", "x w b", "h", transB=1), node("Gemm", "g v", "y", transB=1)
    alone = [node("Relu", "x", "h"), *erf, node("Relu", "g", "y")]
    return [
        case("Gemm, GELU, Gemm", "gelu folds", [before, *erf, after], ROWS, layers | numbers),
        case("Gemm, GELU (tanh), Gemm", "gelu folds", [before, *tanh, after], ROWS, layers | curve),
        case("GELU alone", "gelu", alone, ROWS, numbers, dearer=SAME_SCALE),
        case(
            "LogSoftmax",
            "log_softmax",
            [node("LogSoftmax", "x", "y", axis=-1)],
            ROWS,
            low=-6,
            high=6,
            before="wrong",
        ),
        case(
            "Max with a vector",
            "extrema",
            [node("Max", "x c", "y")],
            ROWS,
            {"c": reals(4)},
            before="fails",
        ),
        case(
            "Pow -2",
            "powers",
            [node("Pow", "x c", "y")],
            ROWS,
            {"c": one(-2.0)},
            low=0.7,
            before="wrong",
            dearer="the reciprocal that was not taken",
        ),
        case(
            "Pow 5",
            "powers",
            [node("Pow", "x c", "y")],
            ROWS,
            {"c": one(5.0)},
            low=-1.2,
            high=1.2,
            before="fails",
        ),
        case(
            "CumSum exclusive",
            "cumulative",
            [node("CumSum", "x a", "y", exclusive=1)],
            ROWS,
            {"a": np.array(1)},
            before="wrong",
            dearer="the difference",
        ),
        case(
            "CumSum reverse",
            "cumulative",
            [node("CumSum", "x a", "y", reverse=1)],
            ROWS,
            {"a": np.array(1)},
            before="fails",
        ),
        case(
            "CumSum exclusive, reverse",
            "cumulative",
            [node("CumSum", "x a", "y", exclusive=1, reverse=1)],
            ROWS,
            {"a": np.array(1)},
            before="fails",
        ),
    ]
