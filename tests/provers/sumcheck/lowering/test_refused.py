"""What does not lower is refused by operator and node, with something to do."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.provers.sumcheck.lowering.compare import agree, counts, whole_block
from zkdps.core.errors import MalformedModel, UnsupportedOperator
from zkdps.core.plan import Block, TensorSpec
from zkdps.core.prover import BlockGraph
from zkdps.provers.sumcheck.lowering import lower

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
X, M = ("x", FLOAT, (1, 2, 4, 4)), ("m", INT64, (1, 4))


def model(
    nodes: list[onnx.NodeProto],
    inputs: list[tuple[str, int, tuple[int, ...]]],
    **weights: np.ndarray,
) -> onnx.ModelProto:
    """A graph whose last node makes the output `y`."""
    stored = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(*given) for given in inputs],
        [helper.make_empty_tensor_value_info("y")],
        stored,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    made = onnx.shape_inference.infer_shapes(made, strict_mode=True)
    onnx.checker.check_model(made, full_check=True)
    return made


def node(operator: str, *inputs: str, to: str = "y", **attributes: object) -> onnx.NodeProto:
    name = f"the_{operator}" if to == "y" else to
    return helper.make_node(operator, list(inputs), [to], name=name, **attributes)


REFUSED: dict[str, tuple[onnx.ModelProto, str]] = {
    "no rule": (
        model(
            [
                node("ArgMax", "x", axis=1),
            ],
            [X],
        ),
        "the_ArgMax",
    ),
    "division": (
        model([node("Exp", "x", to="e"), node("Softmax", "x", to="s"), node("Div", "e", "s")], [X]),
        "the_Div",
    ),
    "two tensors in one power": (
        model([node("Softmax", "x", to="s"), node("Pow", "x", "s")], [X]),
        "the_Pow",
    ),
    "rounding to integers": (
        model([helper.make_node("Cast", ["x"], ["y"], name="the_Cast", to=INT64)], [X]),
        "the_Cast",
    ),
    "minus infinity as a number": (
        model(
            [
                helper.make_node("Cast", ["m"], ["f"], name="the_Cast", to=FLOAT),
                node("Mul", "f", "low", to="t"),
                node("MatMul", "t", "w"),
            ],
            [M],
            low=np.array(-1e9, dtype=np.float32),
            w=np.ones((4, 2), dtype=np.float32),
        ),
        "the_MatMul",
    ),
    "masked scores outside of an attention": (
        model(
            [
                node("MatMul", "x", "x", to="s"),
                node("Where", "open", "s", "low", to="c"),
                node("Softmax", "c"),
            ],
            [X],
            open=np.tri(4, dtype=bool),
            low=np.array(-1e9, dtype=np.float32),
        ),
        "the_Softmax",
    ),
    "a mask that is neither causal nor over keys": (
        model(
            [
                node("MatMul", "x", "x", to="s"),
                node("Where", "open", "s", "low", to="c"),
                node("Softmax", "c", to="p"),
                node("MatMul", "p", "x"),
            ],
            [X],
            open=np.eye(4, dtype=bool),
            low=np.array(-1e9, dtype=np.float32),
        ),
        "the_MatMul",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_operator_and_node(name: str) -> None:
    made, where = REFUSED[name]
    with pytest.raises(UnsupportedOperator) as caught:
        lower(whole_block(made))
    assert where in caught.value.node
    assert caught.value.operator == where.removeprefix("the_")
    assert caught.value.reason and caught.value.remedy


def test_bytes_that_are_no_block_are_refused() -> None:
    spec = TensorSpec("x", (1,), "float32", 8)
    block = Block(0, "odd", ("x",), ("y",))
    with pytest.raises(MalformedModel, match="protobuf"):
        lower(BlockGraph(block, b"\xff\xff", (spec,), (spec,)))


def test_numbers_meet_in_one_operator() -> None:
    """Factors, shifts and biases around layers take no operator of their own."""
    rng = np.random.default_rng(0)
    made = model(
        [
            node("Mul", "x", "two", to="a"),
            node("Add", "a", "two", to="b"),
            node("Relu", "b", to="c"),
            node("MatMul", "c", "w", to="d"),
            node("Mul", "d", "two", to="e"),
            node("Add", "e", "bias", to="f"),
            node("Neg", "f"),
        ],
        [X],
        two=np.array(2.0, dtype=np.float32),
        w=rng.normal(size=(4, 3)).astype(np.float32),
        bias=rng.normal(size=3).astype(np.float32),
    )
    program = agree(made, {"x": rng.normal(size=X[2]).astype(np.float32)})
    assert counts(program) == {"Table": 1, "Linear": 1, "Addition": 1}


def test_a_mask_may_be_a_number() -> None:
    made = model(
        [
            helper.make_node("Cast", ["m"], ["f"], to=FLOAT),
            node("Sub", "one", "f", to="closed"),
            node("Mul", "closed", "three", to="t"),
            node("Add", "x", "t", to="sum"),
            node("Mul", "sum", "closed"),
        ],
        [X, M],
        one=np.array(1.0, dtype=np.float32),
        three=np.array(3.0, dtype=np.float32),
    )
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=X[2]).astype(np.float32), "m": np.array([[1, 0, 1, 1]])}
    program = agree(made, given)
    assert {"Product"} <= set(counts(program))


def test_programs_do_not_depend_on_the_run() -> None:
    made = REFUSED["two tensors in one power"][0]
    del made.graph.node[-1]
    made.graph.node[0].output[0] = "y"
    graph = whole_block(made)
    first, second = lower(graph), lower(graph)
    assert [str(o.name) for o in first.operations] == [str(o.name) for o in second.operations]


def test_too_many_numbers_are_refused_before_they_are_made() -> None:
    size = np.array([1 << 12, 1 << 12, 1 << 12, 4], dtype=np.int64)
    made = model(
        [node("Expand", "x", "size", to="wide"), node("ReduceMean", "wide")],
        [("x", FLOAT, (4,))],
        size=size,
    )
    spec = TensorSpec("x", (4,), "float32", 8)
    result = TensorSpec("y", (1, 1, 1, 1), "float32", 8)
    graph = BlockGraph(Block(0, "b", ("x",), ("y",)), made.SerializeToString(), (spec,), (result,))
    with pytest.raises(UnsupportedOperator, match="over"):
        lower(graph)
