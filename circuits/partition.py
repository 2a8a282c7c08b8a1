"""Where to cut a model when nobody says where: a dynamic program over topological orders.

A block is a segment of an order, so no block ever needs a later one.  For each order all allowed
segments are priced and the best split is exact (`segments`); several orders are tried, and a small
seeded search looks for better ones (`order_search`).  Cuts through integer tensors (token ids,
masks) are not made, and blocks hang together, unless there is no other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np
import onnx

from zkdps.circuits.dataflow import Dataflow, read_dataflow
from zkdps.circuits.misfit import Budget, misfit
from zkdps.circuits.order_search import improve
from zkdps.circuits.orders import Order, candidate_orders
from zkdps.circuits.pricing import SegmentCost, SegmentPrice
from zkdps.circuits.segments import Costs, Split, least_bottleneck, least_total, least_total_of
from zkdps.core.errors import BadCut, UsageConflict

Group = tuple[int, ...]

MAX_CUT_POINTS = 200
"""Cut points considered in one order; of more, the narrowest are kept."""

MAX_PRICED_SEGMENTS = 200_000
"""Bounds the search over orders, in segments looked at: a count, so that plans are reproducible."""

S_PER_BOUNDARY_ELEMENT = 1e-6
"""What carrying one element over a boundary counts as, beside what the prover's estimate says:
eight bytes at a few MB/s.  It mainly breaks ties in favour of narrow boundaries."""


class Objective(StrEnum):
    """What a good plan is."""

    BOTTLENECK = "bottleneck"
    """The slowest block is fast: blocks are proved by different nodes at the same time."""
    TOTAL = "total"
    """All blocks together are fast: one machine proves them."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A way to cut a model, and why it was chosen."""

    groups: tuple[Group, ...]
    """Node positions of each block, ascending, in the order of the blocks."""
    loose_blocks: int
    """Blocks that do not hang together."""
    bottleneck_s: float
    """Predicted seconds of the slowest block, its boundary included."""
    total_s: float
    """Predicted seconds of all blocks."""


def cut_by_count(
    model: onnx.ModelProto,
    count: int,
    cost: SegmentCost,
    *,
    objective: Objective = Objective.BOTTLENECK,
    evaluations: int = 0,
    max_cut_points: int = MAX_CUT_POINTS,
    kept_inside: frozenset[str] = frozenset(),
) -> Partition:
    """The best partition into exactly `count` blocks that was found.

    Args:
        model: a normal model.
        count: number of blocks, at least 1.
        cost: the price of a candidate block.
        objective: what to minimise; the other breaks ties of `BOTTLENECK`.
        evaluations: orders that the search may try beyond the fixed ones; each prices some new
            blocks, so this is for a `cost` that takes microseconds (`AdditivePricing`).
        max_cut_points: places considered in one order, the narrowest ones.
        kept_inside: tensors that no boundary may carry, besides those that the model says.

    Raises:
        UsageConflict: `count` is below 1.
        BadCut: the model has too few operators for so many blocks.
    """
    if count < 1:
        raise UsageConflict(f"a model is cut into at least 1 block, not {count}")
    flow = _keeping(read_dataflow(model), kept_inside)
    planner = _Planner(flow, cost, Budget(), count, objective, max_cut_points)
    if count > len(planner.flow.live):
        raise BadCut(f"{count} blocks", f"the model has {len(planner.flow.live)} operators")
    found = planner.best(evaluations)
    if found is None:
        raise BadCut(f"{count} blocks", "the model cannot be cut in that many places")
    return found


def cut_by_budget(
    model: onnx.ModelProto,
    cost: SegmentCost,
    *,
    max_ram_bytes: int | None = None,
    max_seconds: float | None = None,
    evaluations: int = 0,
    max_cut_points: int = MAX_CUT_POINTS,
    kept_inside: frozenset[str] = frozenset(),
) -> Partition:
    """The partition of least total cost whose blocks each stay within the budget.

    The number of blocks is free: an operator is isolated exactly where that pays.

    Raises:
        DoesNotFit: no such partition; names the operator that costs most and the cut that helps.
    """
    flow = _keeping(read_dataflow(model), kept_inside)
    budget = Budget(max_ram_bytes, max_seconds)
    planner = _Planner(flow, cost, budget, None, Objective.TOTAL, max_cut_points)
    found = planner.best(evaluations)
    if found is None:
        raise planner.why_not()
    return found


def _keeping(flow: Dataflow, names: frozenset[str]) -> Dataflow:
    kept = names & flow.specs.keys() - set(flow.outputs)
    return replace(flow, uncuttable=flow.uncuttable | kept)


@dataclass(slots=True)
class _Planner:
    flow: Dataflow
    cost: SegmentCost
    budget: Budget
    count: int | None
    objective: Objective
    max_cut_points: int = MAX_CUT_POINTS
    _priced: dict[frozenset[int], tuple[SegmentPrice, float, bool]] = field(default_factory=dict)

    def best(self, evaluations: int) -> Partition | None:
        """The best over all orders: with integer tensors kept inside blocks, else without."""
        for allow_integers in (False, True):
            found = self._best(evaluations, allow_integers)
            if found is not None:
                return found
        return None

    def _best(self, evaluations: int, allow_integers: bool) -> Partition | None:
        def evaluate(order: Order) -> Partition | None:
            return self.split(order, allow_integers)

        orders = candidate_orders(self.flow)
        points = max(len(self.points(order, allow_integers)) for order in orders)
        affordable = MAX_PRICED_SEGMENTS // max(1, points * points // 2)
        if self.count == 1 or len(orders) == 1:
            affordable = 0
        return improve(self.flow, orders, evaluate, self.rank, min(evaluations, affordable))

    def rank(self, partition: Partition) -> tuple[float, ...]:
        """Smaller is better."""
        main, other = partition.bottleneck_s, partition.total_s
        if self.objective is Objective.TOTAL:
            main, other = other, main
        return (partition.loose_blocks, main, other, len(partition.groups))

    def split(self, order: Order, allow_integers: bool) -> Partition | None:
        """The best split of one order; blocks in pieces only if there is none without."""
        points = self.points(order, allow_integers)
        costs, whole = self._costs(order, points)
        for allowed in (np.where(whole, costs, np.inf), costs):
            found = self._solve(allowed)
            if found is not None:
                return self._partition(order, points, found, whole)
        return None

    def points(self, order: Order, allow_integers: bool) -> tuple[int, ...]:
        """See `cut_points`."""
        return cut_points(self.flow, order, allow_integers, self.max_cut_points)

    def why_not(self) -> Exception:
        """The segment of the model's order that no allowed cut makes small enough."""
        order = self.flow.live
        points = self.points(order, allow_integers=True)
        for start, end in pairwise(points):
            price, _, _ = self._price(frozenset(order[start:end]))
            if self.budget.broken_by(price) is not None:
                nodes = tuple(sorted(order[start:end]))
                block = self._blocks_before(order, points, start)
                return misfit(self.flow, nodes, block, self.cost, self.budget)
        nodes = tuple(sorted(order))
        return misfit(self.flow, nodes, 0, self.cost, self.budget)

    def _blocks_before(self, order: Order, points: Sequence[int], start: int) -> int:
        """How many blocks the part before `start` takes: the position of the block that breaks."""
        before = [point for point in points if point <= start]
        if len(before) < 2:
            return 0
        found = least_total(self._costs(order, before)[0])
        return 0 if found is None else len(found.points) - 1

    def _solve(self, costs: Costs) -> Split | None:
        if self.count is None:
            return least_total(costs)
        if self.objective is Objective.TOTAL:
            return least_total_of(costs, self.count)
        return least_bottleneck(costs, self.count)

    def _costs(
        self, order: Order, points: Sequence[int]
    ) -> tuple[Costs, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
        """Cost of every segment within the budget, and which segments hang together."""
        costs = np.full((len(points), len(points)), np.inf)
        whole = np.zeros((len(points), len(points)), dtype=np.bool_)
        for i, start in enumerate(points):
            for j in range(i + 1, len(points)):
                price, boundary_s, connected = self._price(frozenset(order[start : points[j]]))
                whole[i, j] = connected
                if self.budget.broken_by(price) is None:
                    costs[i, j] = price.seconds + boundary_s
        return costs, whole

    def _price(self, nodes: frozenset[int]) -> tuple[SegmentPrice, float, bool]:
        if nodes not in self._priced:
            crossing = (*self.flow.entering(nodes), *self.flow.leaving(nodes))
            elements = sum(self.flow.specs[name].size for name in crossing)
            self._priced[nodes] = (
                self.cost(tuple(sorted(nodes))),
                elements * S_PER_BOUNDARY_ELEMENT,
                self.flow.components(nodes) == 1,
            )
        return self._priced[nodes]

    def _partition(
        self,
        order: Order,
        points: Sequence[int],
        split: Split,
        whole: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    ) -> Partition:
        pairs = list(pairwise(split.points))
        return Partition(
            groups=tuple(tuple(sorted(order[points[i] : points[j]])) for i, j in pairs),
            loose_blocks=sum(not whole[i, j] for i, j in pairs),
            bottleneck_s=split.bottleneck,
            total_s=split.total,
        )


def cut_points(
    flow: Dataflow, order: Order, allow_integers: bool, at_most: int = MAX_CUT_POINTS
) -> tuple[int, ...]:
    """Positions of `order` where a block may end, both ends of the order included.

    At such a position only real tensors cross (made before it, read after it), unless
    `allow_integers`, and none that is `uncuttable`.  Model inputs may cross anywhere: they are
    nobody's to commit to but the user's.
    """
    alive: dict[str, int] = {}
    free: list[tuple[int, int]] = []
    for position, index in enumerate(order[:-1], start=1):
        for name in flow.reads[index]:
            if name in alive:
                alive[name] -= 1
                if not alive[name]:
                    del alive[name]
        alive.update((name, len(flow.readers[name])) for name in flow.makes[index])
        alive = {name: count for name, count in alive.items() if count}
        if flow.uncuttable & alive.keys():
            continue
        if allow_integers or all(flow.specs[name].is_real for name in alive):
            free.append((sum(flow.specs[name].size for name in alive), position))
    kept = sorted(position for _, position in sorted(free)[: at_most - 2])
    return (0, *kept, len(order))
