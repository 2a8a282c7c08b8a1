"""The one small model of the vectors: three blocks, a residual over a cut, two inputs.

    a, b ─ concat ─ matmul ─ relu ─ split ─┬─ h ─ block 1 ─ g ─ block 2 ─ y
           block 0                         └─ r ──┴────────────┘

`h` and `r` have one shape and cross the same boundary; `a` and `b` have one shape too: whatever can
be swapped for something of its own kind is here.  Every number is a fixed small fraction.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

WIDTH = 4
SCALE_BITS = 7
CUTS = ("h", "g")
Arrays = Mapping[str, NDArray[np.float32]]


def weights(seed: int, rows: int, columns: int) -> NDArray[np.float32]:
    """`(rows, columns)` float32, multiples of 1/16 within ±1/2."""
    found = np.random.default_rng(seed).integers(-8, 9, (rows, columns)) / 16
    return found.astype(np.float32)


def chain(body_seed: int) -> onnx.ModelProto:
    """The model; models of different `body_seed` differ in the weights of block 1 alone."""
    matrices = {
        "stem": weights(1, 2 * WIDTH, 2 * WIDTH),
        "body": weights(body_seed, WIDTH, WIDTH),
        "head": weights(3, WIDTH, WIDTH),
    }
    nodes = [
        helper.make_node("Concat", ["a", "b"], ["ab"], axis=1),
        helper.make_node("MatMul", ["ab", "stem"], ["s"]),
        helper.make_node("Relu", ["s"], ["hr"]),
        helper.make_node("Split", ["hr"], ["h", "r"], axis=1),
        helper.make_node("MatMul", ["h", "body"], ["t"]),
        helper.make_node("Add", ["t", "r"], ["u"]),
        helper.make_node("Relu", ["u"], ["g"]),
        helper.make_node("Add", ["g", "r"], ["v"]),
        helper.make_node("MatMul", ["v", "head"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [_row("a"), _row("b")],
        [_row("y")],
        [
            helper.make_tensor(name, TensorProto.FLOAT, matrix.shape, matrix.ravel().tolist())
            for name, matrix in matrices.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def _row(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, WIDTH])


def samples(seed: int, count: int) -> Arrays:
    """`count` inputs: `a` and `b`, each `(count, WIDTH)` float32, exact at the scale."""
    rng = np.random.default_rng(seed)
    step = 1 << SCALE_BITS
    return {
        name: (rng.integers(-step, step + 1, (count, WIDTH)) / step).astype(np.float32)
        for name in ("a", "b")
    }


def calibration() -> Arrays:
    """A calibration set with held-out samples."""
    held_out = {f"test_{name}": rows for name, rows in samples(12, 8).items()}
    return {**samples(11, 16), **held_out}
