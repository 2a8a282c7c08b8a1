"""What a segment costs: the back end's estimate, made quick and additive.

The planner prices tens of thousands of candidate blocks.  A back end's own estimate lays a circuit
out and takes milliseconds to seconds, so it is asked once per *kind* of operator (same operator,
attributes and shapes) and blocks are priced as a fixed part plus the sum of their operators.  That
is good enough to compare cuts; the chosen blocks are estimated for real afterwards.

Some operators make their neighbours dearer: a softmax brings tables that widen every column of the
circuit it is in.  That shows when the estimate of two neighbours exceeds their sum, and is priced
as a factor on all the rest of the block, so that such operators get isolated where that pays.
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


MIN_INFLATION = 1.2
"""Smaller factors are the rounding of circuits to whole columns."""

MAX_INFLATION = 4.0
"""Larger ones are a neighbour that alone needs next to nothing."""

TELLING_SHARE = 0.1
"""A neighbour that costs less than this share of the floor says nothing about inflation."""

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
    side for operators that end up next to each other.  Where an operator `inflates` its neighbours,
    every other operator of the block costs that factor more.
    """

    flow: Dataflow
    estimate: Callable[[BlockGraph], Cost]
    floor: Floor
    _known: dict[str, SegmentPrice] = field(default_factory=dict)
    _alone: dict[int, SegmentPrice] = field(default_factory=dict)
    _kinds: dict[int, str] = field(default_factory=dict)
    _pairs: dict[tuple[str, str, bool], float] = field(default_factory=dict)
    _inflation: dict[int, float] = field(default_factory=dict)

    def __call__(self, nodes: tuple[int, ...]) -> SegmentPrice:
        """The price of the block that `nodes` would form."""
        if len(self._inflation) < len(self.flow.live):
            for index in self.flow.live:
                self.inflates(index)
        inflation, alone = self._inflation, self._alone
        # All pay the largest factor, but who has it: that one pays the largest of the others.
        top = max(nodes, key=inflation.__getitem__)
        highest = inflation[top]
        second = max((inflation[index] for index in nodes if index != top), default=1.0)
        others = [alone[index] for index in nodes if index != top]
        seconds = highest * sum([price.seconds for price in others])
        ram_bytes = highest * sum([price.ram_bytes for price in others])
        return SegmentPrice(
            self.floor.seconds + seconds + second * alone[top].seconds,
            self.floor.ram_bytes + round(ram_bytes + second * alone[top].ram_bytes),
        )

    def inflates(self, index: int) -> float:
        """By what factor an operator makes the others in its block dearer; at least 1.

        The smallest factor over its neighbours: next to a softmax everything looks inflating, but
        only the softmax is so next to all its neighbours.  A neighbour that inflates all *its*
        other neighbours explains what is seen, and is no witness.
        """
        if index not in self._inflation:
            self._node(index)
            factors = self._neighbours(index)
            seen = [
                factor
                for other, factor in factors.items()
                if factor == 1.0 or self._least(other, without=index) == 1.0
            ]
            self._inflation[index] = min(seen, default=1.0)
        return self._inflation[index]

    def _least(self, index: int, without: int) -> float:
        factors = self._neighbours(index)
        return min((f for other, f in factors.items() if other != without), default=1.0)

    def _neighbours(self, index: int) -> dict[int, float]:
        """Neighbours that are large enough to tell, and the factor that each would explain."""
        beside = sorted({*self.flow.needs[index], *self.flow.feeds[index]})
        seen = {other: self._beside(index, other) for other in beside}
        return {other: factor for other, factor in seen.items() if factor is not None}

    def _beside(self, index: int, other: int) -> float | None:
        """The factor on `other` that explains what the two cost together; `None` if it is tiny."""
        mine, theirs = self._node(index), self._node(other)
        if theirs.seconds < TELLING_SHARE * self.floor.seconds or not theirs.seconds:
            return None
        first, second = sorted((index, other))
        key = (self._kinds[first], self._kinds[second], index < other)
        if key not in self._pairs:
            both = price_of(self.estimate(block_graph(self.flow, frozenset({first, second}))))
            factor = (both.seconds - self.floor.seconds - mine.seconds) / theirs.seconds
            self._pairs[key] = min(factor, MAX_INFLATION) if factor > MIN_INFLATION else 1.0
        return self._pairs[key]

    def _node(self, index: int) -> SegmentPrice:
        if index not in self._alone:
            graph = block_graph(self.flow, frozenset({index}))
            kind = self._kinds[index] = _kind(self.flow, index, graph)
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
