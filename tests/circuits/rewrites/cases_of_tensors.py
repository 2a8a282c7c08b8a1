"""Cases with masks, numbers at scale 0, indices and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from tests.circuits.rewrites.case import ROWS, Case, case, ints, one
from tests.circuits.rewrites.small import node


def masks() -> list[Case]:
    seen = np.tril(np.ones((4, 4), dtype=bool))
    square = {"x": (4, 4)}

    def added(name: str, low: float, before: str) -> Case:
        nodes = [node("Add", "x m", "h"), node("Softmax", "h", "y", axis=-1)]
        mask = np.where(seen, 0.0, low).astype(np.float32)
        return case(name, "masks", nodes, square, {"m": mask}, before=before)

    chosen = [node("Where", "m x low", "h"), node("Softmax", "h", "y", axis=-1)]
    hidden = [node("Where", "m low x", "h"), node("Softmax", "h", "y", axis=-1)]
    low = {"low": one(-np.inf)}
    return [
        added("mask -1e4", -1e4, "right"),
        added("mask -inf", -np.inf, "fails"),
        added("mask -3.4e38", float(np.finfo(np.float32).min), "fails"),
        case("Where(mask, x, -inf)", "masks", chosen, square, {"m": seen} | low, before="fails"),
        case("Where(mask, -inf, x)", "masks", hidden, square, {"m": ~seen} | low, before="fails"),
        case(
            "Where(mask input, x, -1e9)",
            "masks",
            chosen,
            square | {"m": (4, 4)},
            {"low": one(-1e9)},
            input_types={"m": TensorProto.BOOL},
            integers={"m": seen},
            before="fails",
        ),
    ]


def integral() -> list[Case]:
    truth = [node("Greater", "x z", "m"), node("Cast", "m", "h", to=TensorProto.FLOAT)]
    pair = ROWS | {"z": (2, 4)}
    counted: dict[str, Any] = {
        "input_types": {"i": TensorProto.INT64},
        "integers": {"i": ints(0, 3, 1)},
    }
    number = [node("Cast", "i", "h", to=TensorProto.FLOAT), node("Sigmoid", "h", "y")]
    back = [
        node("Cast", "m", "n", to=TensorProto.INT64),
        node("Cast", "n", "h", to=TensorProto.FLOAT),
    ]
    right_scale = "the tensor gets the scale of the model"
    return [
        case(
            "Cast bool, Sigmoid",
            "casts",
            [*truth, node("Sigmoid", "h", "y")],
            pair,
            before="wrong",
            dearer=right_scale,
        ),
        case(
            "Cast bool to int to float",
            "casts",
            [truth[0], *back, node("Sigmoid", "h", "y")],
            pair,
            before="wrong",
            dearer=right_scale,
        ),
        case(
            "Cast int, Sigmoid",
            "casts",
            number,
            {"i": (3,)},
            before="wrong",
            dearer=right_scale,
            **counted,
        ),
        case(
            "Equal as a number",
            "casts",
            [node("Equal", "x x", "m"), node("Cast", "m", "y", to=TensorProto.FLOAT)],
            ROWS,
            before="wrong",
            dearer=right_scale,
        ),
        case(
            "OneHot with values",
            "choices",
            [node("OneHot", "i d v", "y")],
            {"i": (3,)},
            {"d": np.array(4), "v": np.array([0.5, 2], dtype=np.float32)},
            before="wrong",
            dearer=right_scale,
            **counted,
        ),
        case(
            "Hardmax, Sigmoid",
            "choices",
            [node("Hardmax", "x", "h", axis=-1), node("Sigmoid", "h", "y")],
            ROWS,
            before="wrong",
            dearer=right_scale,
        ),
        case(
            "Sign, Sigmoid",
            "choices",
            [node("Sign", "x", "h"), node("Sigmoid", "h", "y")],
            ROWS,
            before="wrong",
            dearer=right_scale,
        ),
    ]


def shapes() -> list[Case]:
    pairs = ints(0, -2, 1, -1).reshape(2, 2)
    wide = {"x": (2, 3)}
    twice = [node("Relu", "x", "y"), node("Identity", "y", "z")]
    return [
        case(
            "Trilu",
            "choices",
            [node("Trilu", "x k", "y", upper=0)],
            {"x": (4, 4)},
            {"k": np.array(0)},
            before="wrong",
            dearer="the choice",
        ),
        case(
            "Gather at -2",
            "indices",
            [node("Gather", "x i", "y", axis=1)],
            wide,
            {"i": ints(-2, 1)},
            before="wrong",
        ),
        case(
            "GatherElements at -2",
            "indices",
            [node("GatherElements", "x i", "y", axis=1)],
            wide,
            {"i": pairs},
            before="wrong",
        ),
        case(
            "GatherND at -2",
            "indices",
            [node("GatherND", "x i", "y")],
            wide,
            {"i": pairs},
            before="wrong",
        ),
        case(
            "Expand by a dimension",
            "broadcasts",
            [node("Expand", "x s", "y")],
            {"x": (4,)},
            {"s": ints(3, 4)},
            before="wrong",
        ),
        case(
            "Tile",
            "broadcasts",
            [node("Tile", "x r", "y")],
            ROWS,
            {"r": ints(2, 3)},
            before="fails",
        ),
        case(
            "MatMul, stacks 2 and 1",
            "broadcasts",
            [node("MatMul", "x z", "y")],
            {"x": (2, 3, 4), "z": (1, 4, 5)},
            before="fails",
        ),
        case("one tensor, two outputs", "identities", twice, ROWS, outputs="y z", before="fails"),
        case(
            "input, two outputs",
            "identities",
            [node("Identity", "x", "y"), node("Identity", "x", "z")],
            ROWS,
            outputs="y z",
            before="fails",
        ),
    ]
