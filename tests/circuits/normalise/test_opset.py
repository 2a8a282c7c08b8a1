"""Stamps: 13 to 22 in, 17 to 20 out, and refused where a stamp would change a meaning."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import defs, helper

from tests.circuits.normalise.compare import model, normal_and_equal
from zkdps.circuits.normalise import normalise, opset
from zkdps.circuits.normalise.refuse import PROVABLE
from zkdps.core.errors import MalformedModel, UnsupportedOperator

KERNEL = np.random.default_rng(2).normal(size=(2, 1, 3, 3)).astype(np.float32)


@pytest.mark.parametrize("version", range(13, 23))
def test_every_accepted_opset_ends_in_17_to_20(version: int) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Softmax", ["f"], ["y"]),
    ]
    proto = model(nodes, {"x": [2, 1, 6, 6]}, {"y": [2, 2]}, {"w": KERNEL}, opset=version)
    after = normal_and_equal(proto, {"x": (2, 1, 6, 6)})
    assert after.opset_import[0].version == min(max(version, 17), 20)


@pytest.mark.parametrize("version", [1, 7, 12, 23, 25])
def test_other_opsets_are_refused_with_the_range(version: int) -> None:
    proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": [2]}, {"y": [2]}, opset=version)
    with pytest.raises(MalformedModel, match=f"opset is {version}; zkdps takes 13 to 22"):
        normalise(proto, {})


def test_two_opsets_of_onnx_are_refused() -> None:
    proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": [2]}, {"y": [2]})
    proto.opset_import.append(helper.make_opsetid("ai.onnx", 18))
    with pytest.raises(MalformedModel, match="opset"):
        normalise(proto, {})


def test_the_long_name_of_the_default_domain_is_the_same_domain() -> None:
    node = helper.make_node("Relu", ["x"], ["y"], domain="ai.onnx")
    proto = model([node], {"x": [2]}, {"y": [2]})
    proto.opset_import[0].domain = "ai.onnx"
    assert normalise(proto, {}).opset_import[0].domain == ""


def test_an_operator_that_changed_is_refused() -> None:
    nodes = [helper.make_node("RoiAlign", ["x", "r", "b"], ["y"], name="roi")]
    weights = {"r": np.array([[0, 0, 2, 2]], np.float32), "b": np.zeros(1, np.int64)}
    proto = model(nodes, {"x": [1, 1, 4, 4]}, {"y": [1, 1, 1, 1]}, weights, opset=13)
    with pytest.raises(UnsupportedOperator, match="'roi'"):
        normalise(proto, {})


@pytest.mark.parametrize("old_and_new", [(13, 17), (20, 22)])
def test_the_tables_speak_of_every_provable_operator_that_changed(
    old_and_new: tuple[int, int],
) -> None:
    """A new release of ONNX cannot slip an operator past the tables, nor leave one idle there."""
    old, new = old_and_new
    table = opset._TYPES_ONLY_TO_17 if old == 13 else opset._TYPES_ONLY_FROM_22

    def since(operator: str, version: int) -> int | None:
        if not defs.has(operator, version, ""):
            return None
        return int(defs.get_schema(operator, version, "").since_version)

    changed = {op for op in PROVABLE if since(op, old) not in (None, since(op, new))}
    assert changed <= table, f"not in the table: {sorted(changed - table)}"
    idle = {op for op in table if since(op, old) == since(op, new)}
    assert not idle, f"nothing changed for {sorted(idle)}"
