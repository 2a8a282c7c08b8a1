"""Why a block does not fit a budget, and which cut inside it would help most."""

from __future__ import annotations

from dataclasses import dataclass

from zkdps.circuits.dataflow import Dataflow
from zkdps.circuits.pricing import SegmentCost, SegmentPrice
from zkdps.core.errors import DoesNotFit


@dataclass(frozen=True, slots=True)
class Budget:
    """What one block may take; `None` for no bound."""

    max_ram_bytes: int | None = None
    max_seconds: float | None = None

    def broken_by(self, price: SegmentPrice) -> str | None:
        """The resource that a block of this price exceeds, `None` if it fits."""
        if self.max_ram_bytes is not None and price.ram_bytes > self.max_ram_bytes:
            return "memory"
        if self.max_seconds is not None and price.seconds > self.max_seconds:
            return "proving time"
        return None


def misfit(
    flow: Dataflow, nodes: tuple[int, ...], block: int, cost: SegmentCost, budget: Budget
) -> DoesNotFit:
    """The error for a block that exceeds the budget.

    Args:
        flow: the graph that the block is of.
        nodes: the block's nodes, ascending.
        block: its position in the plan.
        cost: the price of candidate blocks.
        budget: what it exceeds; if it does not (the workflow's exact estimate said otherwise), the
            budget's first bound is reported.
    """
    price = cost(nodes)
    in_memory = budget.max_ram_bytes is not None and (
        budget.broken_by(price) == "memory" or budget.max_seconds is None
    )
    worst = max(nodes, key=lambda node: (_amount(cost((node,)), in_memory), -node))
    if in_memory:
        needed, allowed = _gib(price.ram_bytes), _gib(budget.max_ram_bytes or 0)
    else:
        needed, allowed = f"{price.seconds:.1f} s", f"{budget.max_seconds or 0.0:.1f} s"
    return DoesNotFit(
        block=block,
        resource="memory" if in_memory else "proving time",
        needed=needed,
        budget=allowed,
        operator=f"{flow.node(worst).op_type} (node {flow.node(worst).name!r})",
        cut=helpful_cut(flow, nodes, cost, in_memory=in_memory),
    )


def helpful_cut(
    flow: Dataflow, nodes: tuple[int, ...], cost: SegmentCost, *, in_memory: bool
) -> str | None:
    """The tensor that cuts the block into the two most even halves; `None` if nothing shrinks it.

    Every tensor that is made and read inside is tried as `--cut` would cut it: what it needs inside
    the block on one side, the rest on the other.
    """
    inside = frozenset(nodes)
    best = (_amount(cost(nodes), in_memory), 0, "")
    for name, maker in flow.makers.items():
        if name in flow.uncuttable or maker not in inside:
            continue
        if not any(reader in inside for reader in flow.readers[name]):
            continue
        first = flow.ancestors({maker}) & inside
        halves = (first, inside - first)
        larger = max(_amount(cost(tuple(sorted(half))), in_memory) for half in halves)
        best = min(best, (larger, flow.specs[name].size, name))
    return best[2] or None


def _amount(price: SegmentPrice, in_memory: bool) -> float:
    return float(price.ram_bytes) if in_memory else price.seconds


def _gib(count_bytes: int) -> str:
    return f"{count_bytes / (1 << 30):.2f} GiB"
