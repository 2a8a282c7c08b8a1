"""Topological orders of a model: the axis along which it is cut.

Segments of a topological order always form an acyclic quotient, and every acyclic partition is the
segments of some order; so the search for a good partition is a search over orders (MTPP: Archer,
Fahrbach, Liu, Prabhu, ICML 2024, arXiv 2311.03703).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

from zkdps.circuits.dataflow import Dataflow

Order = tuple[int, ...]
"""Live nodes, each after all that feed it."""


def candidate_orders(flow: Dataflow) -> tuple[Order, ...]:
    """A few orders of different character, distinct, the model's own first."""
    found = (
        flow.live,
        kahn(flow, lambda index: index),
        kahn(flow, lambda index: -index),
        depth_first(flow),
        narrowest(flow),
    )
    return tuple(dict.fromkeys(found))


def kahn(flow: Dataflow, key: Callable[[int], float]) -> Order:
    """Kahn's algorithm; among the ready nodes the one with the smallest key, then position."""
    missing = {index: len(sources) for index, sources in flow.needs.items()}
    ready = [(key(index), index) for index, count in missing.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        _, index = heapq.heappop(ready)
        order.append(index)
        for target in flow.feeds[index]:
            missing[target] -= 1
            if not missing[target]:
                heapq.heappush(ready, (key(target), target))
    return tuple(order)


def by_keys(flow: Dataflow, keys: Mapping[int, float]) -> Order:
    """The order that a chromosome of random keys stands for."""
    return kahn(flow, keys.__getitem__)


def depth_first(flow: Dataflow) -> Order:
    """Follow one branch to its end before the next: what an output needs, just before it."""
    order: dict[int, None] = {}
    for name in flow.outputs:
        waiting = [flow.makers[name]]
        while waiting:
            index = waiting[-1]
            missing = [source for source in flow.needs[index] if source not in order]
            if missing:
                waiting.append(missing[0])
                continue
            waiting.pop()
            order[index] = None
    return tuple(order)


def narrowest(flow: Dataflow) -> Order:
    """Greedy: always the ready node that leaves the fewest elements alive behind it."""
    missing = {index: len(sources) for index, sources in flow.needs.items()}
    unread = {name: len(flow.readers[name]) for name in flow.makers}
    ready = {index for index, count in missing.items() if not count}
    order = []
    while ready:
        index = min(ready, key=lambda node: (_growth(flow, unread, node), node))
        ready.remove(index)
        order.append(index)
        for name in flow.reads[index]:
            if name in unread:
                unread[name] -= 1
        for target in flow.feeds[index]:
            missing[target] -= 1
            if not missing[target]:
                ready.add(target)
    return tuple(order)


def _growth(flow: Dataflow, unread: Mapping[str, int], index: int) -> int:
    born = sum(flow.specs[name].size for name in flow.makes[index] if flow.readers[name])
    freed = sum(flow.specs[name].size for name in flow.reads[index] if unread.get(name) == 1)
    return born - freed
