"""What a case of the rewrites is: a small model, what must fire on it, and what that may cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.circuits.rewrites.small import Shape, build

Array = NDArray[Any]
SCALE_BITS = 8


@dataclass(frozen=True)
class Case:
    """A model before rewriting.

    Attributes:
        name: what it shows.
        model: a normal model.
        passes: names of the passes that must fire, exactly these.
        low, high: range of random float inputs.
        before: what ezkl makes of it unrewritten: "right", "wrong", "drift" or "fails".
        dearer: why the rewritten model takes more rows, where it does.
        tolerance: largest error of the rewritten circuit at 8 bits.
    """

    name: str
    model: onnx.ModelProto
    passes: frozenset[str]
    low: float = -2.0
    high: float = 2.0
    before: str = "right"
    dearer: str = ""
    tolerance: float = 0.04
    integers: Mapping[str, Array] = field(default_factory=dict)

    def inputs(self, seed: int = 0) -> dict[str, Array]:
        """Random inputs by seed; integer and boolean ones as the case gives them."""
        random = np.random.default_rng(seed)
        made: dict[str, Array] = {}
        for value in self.model.graph.input:
            shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
            made[value.name] = random.uniform(self.low, self.high, shape).astype(np.float32)
        return made | dict(self.integers)


def ints(*values: int) -> Array:
    return np.array(values, dtype=np.int64)


def reals(*shape: int, seed: int = 1, factor: float = 0.5) -> Array:
    return (np.random.default_rng(seed).standard_normal(shape) * factor).astype(np.float32)


def one(value: float) -> Array:
    return np.array(value, dtype=np.float32)


def case(
    name: str,
    passes: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    constants: Mapping[str, Array] | None = None,
    outputs: str = "y",
    *,
    input_types: Mapping[str, int] | None = None,
    **claims: Any,
) -> Case:
    model = build(nodes, inputs, outputs, constants, input_types=input_types)
    return Case(name, model, frozenset(passes.split()), **claims)


def conv(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "kernel_shape": [3, 3],
        "strides": [1, 1],
        "pads": [0, 0, 0, 0],
        "dilations": [1, 1],
        "group": 1,
    }
    return plain | changes


def pool(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0]}
    return plain | changes


IMAGE = {"x": (1, 2, 5, 5)}
ROWS = {"x": (2, 4)}
SAME_SCALE = "the product that keeps the scale costs a rebase"
