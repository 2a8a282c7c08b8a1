"""What no pass can make right is refused, with the node, the reason and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from tests.circuits.rewrites.case import IMAGE, ROWS, conv, ints, one, pool
from tests.circuits.rewrites.small import build, node
from zkdps.circuits.rewrites import rewrite
from zkdps.core.errors import UnsupportedOperator

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def _chain(*nodes: onnx.NodeProto, **constants: NDArray[Any]) -> onnx.ModelProto:
    return build(nodes, ROWS, "y", constants)


def _image(operator: str, outputs: str = "y", **attributes: Any) -> onnx.ModelProto:
    return build([node(operator, "x", outputs, **attributes)], IMAGE, outputs)


REFUSED: Mapping[str, onnx.ModelProto] = {
    "Cast": _chain(node("Cast", "x", "h", to=INT64), node("Cast", "h", "y", to=FLOAT)),
    "Cast to bool": _chain(node("Cast", "x", "h", to=BOOL), node("Cast", "h", "y", to=FLOAT)),
    "ArgMax": _chain(node("ArgMax", "x", "y", axis=1, select_last_index=1)),
    "ArgMin": _chain(node("ArgMin", "x", "y", axis=1, select_last_index=1)),
    "TopK": build([node("TopK", "x k", "v y", axis=1)], ROWS, "y", {"k": ints(2)}),
    "MaxPool": _image("MaxPool", "y z", **pool()),
    "GlobalLpPool": _image("GlobalLpPool"),
    "LpPool": _image("LpPool", **pool()),
    "LRN": _image("LRN", size=3),
    "AveragePool": build(
        [node("AveragePool", "x", "y", **pool(dilations=[2, 2]))], IMAGE, "y", opset=19
    ),
    "Mod": _chain(node("Mod", "x c", "y", fmod=1), c=one(1.5)),
    "IsNaN": _chain(node("IsNaN", "x", "m"), node("Not", "m", "y")),
    "Pow": _chain(node("Pow", "x c", "y"), c=one(0.0)),
    "Pow by a tensor": build([node("Pow", "x z", "y")], ROWS | {"z": (2, 4)}, "y"),
    "Div": _chain(node("Div", "x c", "y"), c=one(0.0)),
    "ReduceProd": _chain(node("ReduceProd", "x", "y", axes=[1])),
    "Equal": build([node("Equal", "x z", "y")], ROWS | {"z": (2, 4)}, "y"),
    "Conv": build(
        [node("Conv", "x w", "y", **conv(dilations=[2, 2]))], IMAGE | {"w": (3, 2, 3, 3)}, "y"
    ),
    "Where": _chain(
        node("Greater", "x c", "m"), node("Where", "m x low", "y"), c=one(0.0), low=one(-np.inf)
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_operator_node_and_remedy(name: str) -> None:
    with pytest.raises(UnsupportedOperator) as raised:
        rewrite(REFUSED[name], scale_bits=8)
    error = raised.value
    assert error.operator == name.split()[0]
    assert error.node in {made.name for made in REFUSED[name].graph.node}
    assert error.reason and error.remedy


def test_cast_of_a_rounded_tensor_passes() -> None:
    model = _chain(node("Floor", "x", "f"), node("Cast", "f", "y", to=INT64))
    rewrite(model, scale_bits=8)


def test_short_products_pass_where_they_fit_the_decomposition() -> None:
    model = _chain(node("ReduceProd", "x", "y", axes=[0]))
    rewrite(model, scale_bits=8)


@pytest.mark.parametrize("low", [-np.inf, -1e9], ids=["infinite", "two numbers"])
def test_a_row_that_masks_everything(low: float) -> None:
    mask = np.array([[0, -1e4, 0, 0], [low, -1e4, low, low]], dtype=np.float32)
    model = _chain(node("Add", "x m", "h"), node("Softmax", "h", "y", axis=-1), m=mask)
    with pytest.raises(UnsupportedOperator, match="hides every position"):
        rewrite(model, scale_bits=8)


def test_an_input_returned_under_its_own_name() -> None:
    model = _chain(node("Relu", "x", "y"))
    model.graph.output.append(model.graph.input[0])
    with pytest.raises(UnsupportedOperator, match="another name"):
        rewrite(model, scale_bits=8)
