"""A model of three blocks whose circuits are the smallest that there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WIDTH = 4
CUTS = ("h0", "h1")
SAMPLES = 12


def tiny_model(*, batch: int | str = 1) -> onnx.ModelProto:
    """Two layers with ReLU and one without; `h0` and `h1` lie between them."""
    rng = np.random.default_rng(1)
    nodes, weights, reads = [], [], "x"
    for layer, writes in enumerate(("h0", "h1", "y")):
        matrix = np.abs(rng.normal(size=(WIDTH, WIDTH))) / 2
        weights.append(numpy_helper.from_array(matrix.astype(np.float32), f"w{layer}"))
        if writes == "y":
            nodes.append(helper.make_node("MatMul", [reads, f"w{layer}"], ["y"]))
        else:
            nodes.append(helper.make_node("MatMul", [reads, f"w{layer}"], [f"m{layer}"]))
            nodes.append(helper.make_node("Relu", [f"m{layer}"], [writes]))
        reads = writes
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, WIDTH])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def one_node(
    operator: str, *, makes: int = TensorProto.FLOAT, **attributes: object
) -> onnx.ModelProto:
    """y = operator(x)."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"], name="the_node", **attributes)],
        "one",
        [value("x", TensorProto.FLOAT, [1, WIDTH])],
        [value("y", makes, [1, WIDTH])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def samples() -> NDArray[np.float32]:
    """(samples, 1, width) float32."""
    rng = np.random.default_rng(2)
    return rng.uniform(-1, 1, size=(SAMPLES, 1, WIDTH)).astype(np.float32)


def write_files(folder: Path) -> None:
    """`model.onnx`, `calib.npz` and one input `x.npz`."""
    onnx.save(tiny_model(), folder / "model.onnx")
    np.savez(folder / "calib.npz", x=samples())
    np.savez(folder / "x.npz", x=np.array([[0.5, -0.25, 0.125, 0.75]], dtype=np.float32))
