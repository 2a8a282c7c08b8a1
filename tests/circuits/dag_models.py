"""Small normal models: random DAGs for property tests, and a few fixed shapes of graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[np.float32]

SHAPE = (2, 4)
_F32 = onnx.TensorProto.FLOAT


def value(
    name: str, shape: Sequence[int] = SHAPE, kind: int = onnx.TensorProto.FLOAT
) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Mapping[str, NDArray[np.generic]] | None = None,
) -> onnx.ModelProto:
    """A checked model with every shape inferred."""
    graph = onnx.helper.make_graph(
        nodes,
        "small",
        inputs,
        outputs,
        [onnx.numpy_helper.from_array(data, name) for name, data in (weights or {}).items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def chain(length: int, *, prefix: str = "") -> onnx.ModelProto:
    """x -> Relu -> Sigmoid -> Relu ...; tensors t0, t1, ..."""
    names = ["x", *(f"t{i}" for i in range(length))]
    nodes = [
        onnx.helper.make_node(
            ("Relu", "Sigmoid")[i % 2], [names[i]], [names[i + 1]], f"{prefix}n{i}"
        )
        for i in range(length)
    ]
    return model_of(nodes, [value("x")], [value(names[-1])])


def residual() -> onnx.ModelProto:
    """a = Relu(x); b = MatMul(a, w); c = Sigmoid(b); y = Add(a, c): `a` skips over two nodes."""
    nodes = [
        onnx.helper.make_node("Relu", ["x"], ["a"], "relu"),
        onnx.helper.make_node("MatMul", ["a", "w"], ["b"], "matmul"),
        onnx.helper.make_node("Sigmoid", ["b"], ["c"], "sigmoid"),
        onnx.helper.make_node("Add", ["a", "c"], ["y"], "add"),
    ]
    weights: dict[str, NDArray[np.generic]] = {"w": np.eye(4, dtype=np.float32) * np.float32(0.5)}
    return model_of(nodes, [value("x")], [value("y")], weights)


@st.composite
def dag_models(draw: st.DrawFn, max_nodes: int = 9) -> onnx.ModelProto:
    """Elementwise operators, residuals, shared and computed weights, Split, several ends."""
    inputs = [f"x{i}" for i in range(draw(st.integers(1, 3)))]
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    weights: dict[str, NDArray[np.generic]] = {
        "w": rng.normal(size=(4, 4)).astype(np.float32),
        "b": rng.normal(size=(4,)).astype(np.float32),
    }
    # A weight computed from a weight: whoever reads it needs a copy of the node.
    nodes = [onnx.helper.make_node("Neg", ["b"], ["minus_b"], "constant_neg")]
    pool, unread = list(inputs), list(inputs)
    while len(nodes) <= draw(st.integers(1, max_nodes)) or len(set(unread) & set(inputs)):
        name = f"t{len(nodes)}"
        operator = draw(st.sampled_from(["Relu", "Add", "Mul", "MatMul", "Bias", "Split"]))
        # Every input must be read, so unread ones come first.
        waiting = [tensor for tensor in unread if tensor in inputs]
        first = waiting[0] if waiting else draw(st.sampled_from(pool))
        reads = [first]
        if operator in ("Add", "Mul"):
            reads.append(draw(st.sampled_from(pool)))
        nodes.extend(_nodes(operator, name, reads))
        unread = [tensor for tensor in unread if tensor not in reads] + [name]
        pool.append(name)
    extra = draw(st.lists(st.sampled_from(pool[len(inputs) :]), max_size=2))
    outputs = list(dict.fromkeys([*unread, *extra]))
    return model_of(
        nodes, [value(name) for name in inputs], [value(name) for name in outputs], weights
    )


def _nodes(operator: str, name: str, reads: list[str]) -> list[onnx.NodeProto]:
    make = onnx.helper.make_node
    if operator == "Split":
        return [
            make("Split", reads, [f"{name}_l", f"{name}_r"], f"{name}_split", axis=1),
            make("Concat", [f"{name}_r", f"{name}_l"], [name], f"{name}_concat", axis=1),
        ]
    if operator == "Bias":
        return [make("Add", [*reads, "minus_b"], [name], f"{name}_bias")]
    if operator == "MatMul":
        return [make("MatMul", [*reads, "w"], [name], f"{name}_matmul")]
    return [make(operator, reads, [name], f"{name}_{operator.lower()}")]


def run_model(data: bytes, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Outputs of a serialised model by name; unoptimised, so that no fusion changes a bit."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    wanted = {item.name: feeds[item.name] for item in session.get_inputs()}
    return dict(zip(names, session.run(names, wanted), strict=True))


def random_feeds(model: onnx.ModelProto, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        item.name: rng.normal(
            size=[dim.dim_value for dim in item.type.tensor_type.shape.dim]
        ).astype(np.float32)
        for item in model.graph.input
    }
