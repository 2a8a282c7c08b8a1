"""What a segment costs: the back end's estimate, made quick and additive.

The planner prices tens of thousands of candidate blocks.  A back end's own estimate lays a circuit
out and takes milliseconds to seconds, so it is asked once per *kind* of operator (same operator,
attributes and shapes) and blocks are priced as a fixed part plus the sum of their operators.  That
is good enough to compare cuts; the chosen blocks are estimated for real afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from zkdps.circuits.dataflow import Dataflow
from zkdps.circuits.slice import block_graph
from zkdps.core.canonical import sha256_hex
from zkdps.core.plan import Cost
from zkdps.core.prover import BlockGraph


@dataclass(frozen=True, slots=True)
class SegmentPrice:
    """What proving a candidate block is expected to take."""

    seconds: float
    """CPU seconds to prove it once."""
    ram_bytes: int
    """Peak of set-up and proving."""


SegmentCost = Callable[[tuple[int, ...]], SegmentPrice]
"""Node positions, ascending, to the price of the block they would form; pure."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What the smallest circuit costs: every block pays it once, whatever it holds."""

    seconds: float
    ram_bytes: int


def price_of(cost: Cost) -> SegmentPrice:
    """The planner's view of a back end's estimate."""
    return SegmentPrice(cost.prove_s, max(cost.setup_rss_bytes, cost.prove_rss_bytes))


@dataclass(slots=True)
class AdditivePricing:
    """A `SegmentCost`: the floor, plus what each operator costs above it when it stands alone.

    An operator's own estimate includes taking its inputs in from outside, so sums are on the safe
    side for operators that end up next to each other.
    """

    flow: Dataflow
    estimate: Callable[[BlockGraph], Cost]
    floor: Floor
    _known: dict[str, SegmentPrice] = field(default_factory=dict)
    _alone: dict[int, SegmentPrice] = field(default_factory=dict)

    def __call__(self, nodes: tuple[int, ...]) -> SegmentPrice:
        """The price of the block that `nodes` would form."""
        alone = [self._node(index) for index in nodes]
        return SegmentPrice(
            self.floor.seconds + sum(price.seconds for price in alone),
            self.floor.ram_bytes + sum(price.ram_bytes for price in alone),
        )

    def _node(self, index: int) -> SegmentPrice:
        if index not in self._alone:
            graph = block_graph(self.flow, frozenset({index}))
            kind = _kind(self.flow, index, graph)
            if kind not in self._known:
                price = price_of(self.estimate(graph))
                self._known[kind] = SegmentPrice(
                    max(0.0, price.seconds - self.floor.seconds),
                    max(0, price.ram_bytes - self.floor.ram_bytes),
                )
            self._alone[index] = self._known[kind]
        return self._alone[index]


def _kind(flow: Dataflow, index: int, graph: BlockGraph) -> str:
    """Equal for operators that differ only in names and in the values of their weights."""
    node = flow.node(index)
    weights = {tensor.name: tensor for tensor in flow.model.graph.initializer}
    operands: list[object] = []
    for name in node.input:
        if name in weights:
            operands.append(("weight", tuple(weights[name].dims), weights[name].data_type))
        elif name in flow.specs:
            spec = flow.specs[name]
            operands.append(("tensor", node.input[:].index(name), spec.shape, spec.dtype))
        else:
            operands.append(("computed weight or none", name))
    attributes = sorted(item.SerializeToString(deterministic=True) for item in node.attribute)
    outputs = [(spec.shape, spec.dtype) for spec in graph.outputs]
    return sha256_hex(repr((node.op_type, operands, attributes, outputs)).encode())
