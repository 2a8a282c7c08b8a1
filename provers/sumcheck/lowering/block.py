"""A block while it is lowered: what its tensors are so far, and the operators made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zkdps.provers.sumcheck.lowering import emit
from zkdps.provers.sumcheck.lowering.nodes import Node
from zkdps.provers.sumcheck.lowering.values import (
    Constant,
    Contraction,
    Masked,
    Normalised,
    Projection,
    Sum,
    Value,
    plain,
)
from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.wires import Wire

MAX_ENTRIES = 1 << 28
"""Of one tensor, or of all windows of one: each takes 8 bytes while it is lowered."""


@dataclass(slots=True)
class Block:
    """Values by tensor name, and the operations so far."""

    readers: Counter[str]
    """How often each tensor is read; leaving the block counts."""
    taken: set[str]
    """Names that no operator may have: the block's inputs and outputs."""
    values: dict[str, Value] = field(default_factory=dict)
    operations: list[Operator] = field(default_factory=list)

    def operands(self, node: Node) -> list[Value | None]:
        """What the node reads; `None` where an input is left out."""
        return [self.values[name] if name else None for name in node.inputs]

    def is_shared(self, tensor: str) -> bool:
        """Whether more than one node reads it."""
        return self.readers[tensor] > 1

    def fresh(self, tensor: str) -> str:
        """A name for the operator that makes a tensor, or a part of it."""
        name, count = tensor, 1
        while name in self.taken:
            name = f"{tensor}/{count}"
            count += 1
        self.taken.add(name)
        return name

    def add(self, operation: Operator) -> None:
        """One more operator."""
        self.operations.append(operation)

    def wire(self, tensor: str, node: Node) -> Wire:
        """A tensor as numbers; whoever reads it later reads the same.

        Raises:
            UnsupportedOperator: it is none that can be committed; `node` is who wants it.
        """
        wire = emit.made(self, self.values[tensor], tensor, node)
        if not isinstance(self.values[tensor], Constant):
            self.values[tensor] = plain(wire)
        return wire

    def sum(self, tensor: str, node: Node) -> Sum:
        """A tensor as an affine combination of wires."""
        value = self.values[tensor]
        if isinstance(value, Sum):
            return value
        if isinstance(value, Constant):
            array = np.asarray(value.array, dtype=np.float64)
            is_one = bool(np.all(array == array.reshape(-1)[0]))
            return Sum(value.shape, (), float(array.reshape(-1)[0]) if is_one else array)
        if isinstance(value, Masked) and not value.is_plain and emit.is_number(value):
            return emit.in_numbers(value)
        return plain(self.wire(tensor, node))

    def settle(self, node: Node, values: Sequence[Value]) -> None:
        """Name a node's results; what several nodes read is made once, not by each."""
        for tensor, value in zip(node.outputs, values, strict=False):
            if not tensor:
                continue
            self.values[tensor] = value
            pending = isinstance(value, Projection | Contraction | Normalised) or (
                isinstance(value, Sum) and value.wire is None and value.line is None
            )
            if pending and self.is_shared(tensor):
                self.wire(tensor, node)
