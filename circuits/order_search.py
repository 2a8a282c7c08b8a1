"""A search over topological orders: a biased random-key genetic algorithm (BRKGA).

A chromosome holds one key in [0, 1) per node and stands for Kahn's order with those keys as
priorities.  Each generation keeps an elite, crosses elite parents with others (each key comes from
the elite parent with probability 0.7) and adds fresh mutants; see Goncalves and Resende, "Biased
random-key genetic algorithms", J. Heuristics 17 (2011).  Seeded and bounded by a number of
evaluations, so that equal models give equal plans.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from zkdps.circuits.dataflow import Dataflow
from zkdps.circuits.orders import Order, by_keys

Found = TypeVar("Found")
Rank = tuple[float, ...]
Keys = tuple[float, ...]

SEED = 2311_03703
POPULATION = 16
ELITE = 4
MUTANTS = 3
ELITE_BIAS = 0.7


def improve(
    flow: Dataflow,
    orders: Sequence[Order],
    evaluate: Callable[[Order], Found | None],
    rank: Callable[[Found], Rank],
    evaluations: int,
) -> Found | None:
    """The best that `evaluate` gives over `orders` and `evaluations` more that are bred from them.

    Args:
        flow: the graph that the orders sort.
        orders: where the search starts; always evaluated.
        evaluate: the best result for one order, `None` if there is none.
        rank: smaller is better; of equals the first found wins.
        evaluations: how many further orders may be evaluated; 0 for none.
    """
    chance = random.Random(SEED)
    scored: dict[Order, tuple[Rank, Found] | None] = {}

    def score(order: Order) -> Rank:
        if order not in scored:
            found = evaluate(order)
            scored[order] = None if found is None else (rank(found), found)
        entry = scored[order]
        return (float("inf"),) if entry is None else entry[0]

    population = [(score(order), _keys_of(flow, order)) for order in orders]
    tries = 0
    while tries < evaluations:
        for keys in _offspring(flow, sorted(population), chance):
            if tries < evaluations:
                population.append((score(_decode(flow, keys)), keys))
                tries += 1
        population = sorted(population)[:POPULATION]
    best = [entry for entry in scored.values() if entry is not None]
    return min(best, key=_first)[1] if best else None


def _offspring(
    flow: Dataflow, population: Sequence[tuple[Rank, Keys]], chance: random.Random
) -> list[Keys]:
    parents = [keys for _, keys in population]
    elite, others = parents[:ELITE], parents[ELITE:] or parents
    born = [tuple(chance.random() for _ in flow.live) for _ in range(MUTANTS)]
    for _ in range(POPULATION - ELITE - MUTANTS):
        strong, weak = chance.choice(elite), chance.choice(others)
        born.append(
            tuple(
                mine if chance.random() < ELITE_BIAS else other
                for mine, other in zip(strong, weak, strict=True)
            )
        )
    return born


def _keys_of(flow: Dataflow, order: Order) -> Keys:
    """Keys that decode to `order`: each node's rank in it."""
    ranks = {index: rank / len(order) for rank, index in enumerate(order)}
    return tuple(ranks[index] for index in flow.live)


def _decode(flow: Dataflow, keys: Keys) -> Order:
    return by_keys(flow, dict(zip(flow.live, keys, strict=True)))


def _first(entry: tuple[Rank, Any]) -> Rank:
    return entry[0]
