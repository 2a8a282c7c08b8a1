"""What is made of masks alone stays inside blocks; embeddings do not count as masks."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.mask_chains import mask_tensors
from zkdps.circuits.partition import cut_by_count
from zkdps.circuits.pricing import SegmentPrice


def masked() -> onnx.ModelProto:
    """y = relu(embedding + bias of the mask); the mask's own chain is the narrow place."""
    make = helper.make_node
    nodes = [
        make("Gather", ["table", "ids"], ["e"], axis=0),
        make("Cast", ["mask"], ["m"], to=TensorProto.FLOAT),
        make("Sub", ["one", "m"], ["n"]),
        make("Mul", ["n", "far"], ["b"]),
        make("Add", ["e", "b"], ["s"]),
        make("Relu", ["s"], ["y"]),
    ]
    weights = {
        "table": np.ones((9, 4), np.float32),
        "one": np.ones(1, np.float32),
        "far": np.full(1, -1e4, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "masked",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, (64,)),
            helper.make_tensor_value_info("mask", TensorProto.INT64, (1, 1)),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (64, 4))],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return onnx.shape_inference.infer_shapes(model)


def test_masks_and_nothing_else() -> None:
    assert mask_tensors(read_dataflow(masked())) == {"m", "n", "b"}


def test_no_boundary_carries_what_is_kept_inside() -> None:
    model = masked()
    flow = read_dataflow(model)

    def price(nodes: tuple[int, ...]) -> SegmentPrice:
        return SegmentPrice(float(len(nodes)), 0)

    free = cut_by_count(model, 2, price)
    kept = cut_by_count(model, 2, price, kept_inside=mask_tensors(flow))
    crossing = [set(flow.leaving(frozenset(found.groups[0]))) for found in (free, kept)]
    assert crossing[0] & {"m", "n", "b"} and not crossing[1] & {"m", "n", "b"}
