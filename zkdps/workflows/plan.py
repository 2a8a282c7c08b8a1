"""Plan: how a model would be cut, and what each block would cost, before anything is built."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import onnx

from zkdps.circuits.cuts import cut_at_tensors, cuttable_tensors
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.dialect import Dialect
from zkdps.circuits.load import load_model
from zkdps.circuits.mask_chains import mask_tensors
from zkdps.circuits.misfit import Budget, misfit
from zkdps.circuits.partition import cut_by_budget, cut_by_count
from zkdps.circuits.prepare import Prepared, prepare
from zkdps.circuits.pricing import (
    AdditivePricing,
    Floor,
    SegmentCost,
    SegmentPrice,
    price_of,
)
from zkdps.circuits.rewrites import Rewrite
from zkdps.circuits.slice import Groups, Sliced, block_graph, slice_model
from zkdps.core.errors import UnsupportedOperator, UsageConflict
from zkdps.core.plan import Cost, TensorSpec
from zkdps.core.prover import BlockGraph, Prover
from zkdps.core.statement import Link
from zkdps.provers import SECURITY_LEVELS
from zkdps.workflows.back_end import (
    AUTO,
    choose_prover,
    open_prover,
    refuse_foreign,
    settle_link,
)
from zkdps.workflows.memory import total_bytes
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.package import at_scale
from zkdps.workflows.reports import Cuts, Machine, PlannedBlock, PlanReport

MAX_EXACT_OPERATORS = 24
"""Up to so many operators every candidate block is laid out; beyond, operators are summed."""

SEARCHED_ORDERS = 64
"""Topological orders tried beyond the fixed ones, where prices are sums."""

NARROW_CUT_POINTS = 48
"""Places to cut that are considered where cuts through wide places never pay."""

MEMORY_SHARE = 0.85
"""Of the machine's memory, what one block may take."""


def plan(
    model: Path,
    *,
    cuts: Cuts,
    shapes: Mapping[str, tuple[int, ...]],
    scale_bits: int,
    link: Link | None = None,
    prover: str = "ezkl",
    for_contracts: bool = False,
    security: str | None = None,
    machine: Machine,
    fit: bool = True,
    observer: Observer | None = None,
) -> PlanReport:
    """Cut a model and predict the cost of each block on this machine; nothing is written.

    Args:
        model: an ONNX file.
        cuts: how to cut.
        shapes: model input name to static shape, where the file leaves axes open.
        scale_bits: fixed-point scale that the estimate is for.
        link, prover, for_contracts, security: as for `build`.
        machine: where provers run, and what they may take.
        fit: measure this machine with two probe circuits first, unless that was done before.
        observer: hears of the stages.

    Raises:
        UsageConflict: what was asked for contradicts itself, or is not for this back end.
        InputError: the model cannot be used.
        PlanError: it cannot be cut as asked, or does not fit.
        LayoutFailed: the back end cannot lay out a block.
    """
    watch = observer or Silent()
    name, why = choose_prover(prover, link, for_contracts)
    if prover == AUTO:
        watch.note(f"prover {name}: {why}")
    refuse_foreign(name, {"--security": security})
    watch.started("prepare the model", 1, 3)
    source = load_model(model)
    with open_prover(name, machine, security=security or SECURITY_LEVELS[0]) as back_end:
        link = settle_link(back_end, link)
        dialect = Dialect(back_end.dialect)
        prepared = prepare(source, shapes, scale_bits=scale_bits, dialect=dialect)
        if fit and back_end.can_fit and not back_end.is_fitted:
            watch.note("measuring this machine with two probe circuits, once")
            back_end.fit()
        watch.started("cut into blocks", 2, 3)
        sliced = cut(prepared.model, cuts, back_end, scale_bits=scale_bits, link=link)
        watch.started("estimate the blocks", 3, 3)
        costs = estimate(sliced, back_end, scale_bits=scale_bits, link=link)
        refuse_misfits(
            prepared.model, sliced, costs, cuts, back_end, scale_bits=scale_bits, link=link
        )
        is_measured = back_end.is_fitted
    return report(
        prepared, sliced, costs, prover=name, scale_bits=scale_bits, is_measured=is_measured
    )


def list_tensors(
    model: Path,
    *,
    shapes: Mapping[str, tuple[int, ...]],
    scale_bits: int = 8,
    prover: str = "ezkl",
) -> tuple[TensorSpec, ...]:
    """Where the model can be cut as `prover` wants it prepared, in order of computation."""
    # A dialect bears the name of the back end that reads it: none need be opened here.
    dialect = Dialect(choose_prover(prover, None, False)[0])
    prepared = prepare(load_model(model), shapes, scale_bits=scale_bits, dialect=dialect)
    return cuttable_tensors(prepared.model)


def cut(
    model: onnx.ModelProto, cuts: Cuts, prover: Prover, *, scale_bits: int, link: Link
) -> Sliced:
    """Slice a prepared model as asked; without any wish, such that blocks fit in free memory.

    Raises:
        UsageConflict: two ways of cutting were asked for at once.
        PlanError: see `circuits.partition` and `circuits.cuts`.
    """
    by_budget = cuts.max_ram_bytes is not None or cuts.max_s is not None
    if (cuts.blocks is not None) + bool(cuts.tensors) + by_budget > 1:
        raise UsageConflict("give one of --blocks, --cut, or a budget (--max-ram, --max-seconds)")
    return slice_model(model, _groups(model, cuts, prover, scale_bits, link))


def _groups(
    model: onnx.ModelProto, cuts: Cuts, prover: Prover, scale_bits: int, link: Link
) -> Groups:
    if cuts.tensors:
        return cut_at_tensors(model, cuts.tensors)
    price = pricing(model, prover, scale_bits=scale_bits, link=link)
    # Searching over orders prices many more blocks: only where a price is a sum.
    evaluations = SEARCHED_ORDERS if isinstance(price, AdditivePricing) else 0
    asked: _Asked = {"evaluations": evaluations}
    if prover.dialect != Dialect.SUMCHECK:
        return _searched(model, cuts, price, asked)
    # Its operators are whole layers: good cuts are where little crosses, in any order.
    kept = mask_tensors(read_dataflow(model))
    while True:
        asked = {"max_cut_points": NARROW_CUT_POINTS, "kept_inside": kept}
        groups = _searched(model, cuts, price, asked)
        apart = _torn_apart(slice_model(model, groups), prover, scale_bits, link) - kept
        if not apart:
            return groups
        kept |= apart


def _searched(model: onnx.ModelProto, cuts: Cuts, price: SegmentCost, asked: _Asked) -> Groups:
    if cuts.blocks is not None:
        return cut_by_count(model, cuts.blocks, price, **asked).groups
    return _within(model, price, budget_of(cuts), asked)


def _torn_apart(sliced: Sliced, prover: Prover, scale_bits: int, link: Link) -> frozenset[str]:
    """Boundary tensors of the first block that only means something together with others.

    Prices are sums of operators, which do not tell: a block may end in the sum of a masked mean,
    say.  Its outputs, or if it has none but the model's its inputs, are no place to cut.
    """
    plan = sliced.plan
    for graph in sliced.graphs:
        try:
            estimate(Sliced(plan, (graph,)), prover, scale_bits=scale_bits, link=link)
        except UnsupportedOperator:
            outputs = frozenset(graph.block.outputs) - set(plan.outputs)
            return outputs or frozenset(graph.block.inputs) - set(plan.inputs)
    return frozenset()


class _Asked(TypedDict, total=False):
    """How thoroughly to search for cuts, and where not: see `circuits.partition`."""

    evaluations: int
    max_cut_points: int
    kept_inside: frozenset[str]


def budget_of(cuts: Cuts) -> Budget:
    """What a block may take: as asked, and never more than this machine has.

    Not what is free at the moment: the same command should cut the same way tomorrow.
    """
    most_bytes = int(MEMORY_SHARE * total_bytes())
    asked_bytes = cuts.max_ram_bytes
    return Budget(most_bytes if asked_bytes is None else min(asked_bytes, most_bytes), cuts.max_s)


def _within(model: onnx.ModelProto, price: SegmentCost, budget: Budget, asked: _Asked) -> Groups:
    """The fewest blocks that fit: every boundary is a commitment more to make and to check."""
    flow = read_dataflow(model)
    everything = tuple(sorted(flow.live))
    if budget.broken_by(price(everything)) is None:
        return (everything,)
    return cut_by_budget(
        model,
        price,
        max_ram_bytes=budget.max_ram_bytes,
        max_seconds=budget.max_seconds,
        **asked,
    ).groups


def pricing(model: onnx.ModelProto, prover: Prover, *, scale_bits: int, link: Link) -> SegmentCost:
    """What candidate blocks cost: laid out one by one where the model is small, else summed."""
    flow = read_dataflow(model)

    def laid_out(graph: BlockGraph) -> Cost:
        graph = at_scale(graph, scale_bits)
        (parameters,) = prover.choose([graph], scale_bits=scale_bits, link=link, ranges=None)
        return prover.estimate(graph, parameters)

    def in_parts(graph: BlockGraph) -> Cost:
        # Some operators mean something beside others only, the division of a masked mean say; what
        # is chosen in the end is laid out whole.
        with suppress(UnsupportedOperator):
            return laid_out(graph)
        return Cost(0, 0, 0, 0, 0, 0.0, 0.0, 0)

    if len(flow.live) > MAX_EXACT_OPERATORS:
        found = [price_of(in_parts(block_graph(flow, frozenset({i})))) for i in flow.live]
        alone = [price for price in found if price.seconds] or found
        floor = Floor(min(p.seconds for p in alone), min(p.ram_bytes for p in alone))
        return AdditivePricing(flow, in_parts, floor)
    known: dict[tuple[int, ...], SegmentPrice] = {}

    def exact(nodes: tuple[int, ...]) -> SegmentPrice:
        if nodes not in known:
            try:
                known[nodes] = price_of(laid_out(block_graph(flow, frozenset(nodes))))
            except UnsupportedOperator:
                if len(nodes) == len(flow.live):
                    raise
                known[nodes] = SegmentPrice(math.inf, 0)
        return known[nodes]

    return exact


def estimate(sliced: Sliced, prover: Prover, *, scale_bits: int, link: Link) -> tuple[Cost, ...]:
    """The cost of every block with the parameters that the whole plan would get."""
    graphs = [at_scale(graph, scale_bits) for graph in sliced.graphs]
    parameters = prover.choose(graphs, scale_bits=scale_bits, link=link, ranges=None)
    return tuple(
        prover.estimate(graph, chosen) for graph, chosen in zip(graphs, parameters, strict=True)
    )


def refuse_misfits(
    model: onnx.ModelProto,
    sliced: Sliced,
    costs: tuple[Cost, ...],
    cuts: Cuts,
    prover: Prover,
    *,
    scale_bits: int,
    link: Link,
) -> None:
    """Raise `DoesNotFit` for the first block whose estimate exceeds the budget.

    The search judged by sums or by blocks on their own; this is the last word, whoever cut.
    """
    budget = budget_of(cuts)
    flow = read_dataflow(model)
    for graph, cost in zip(sliced.graphs, costs, strict=True):
        if budget.broken_by(price_of(cost)) is not None:
            nodes = flow.between(graph.block.inputs, graph.block.outputs)
            price = pricing(model, prover, scale_bits=scale_bits, link=link)
            raise misfit(flow, nodes, graph.block.index, price, budget)


def report(
    prepared: Prepared,
    sliced: Sliced,
    costs: tuple[Cost, ...],
    *,
    prover: str,
    scale_bits: int,
    is_measured: bool,
) -> PlanReport:
    """Put the parts of a plan together for rendering."""
    blocks = tuple(
        PlannedBlock(operators(graph.onnx), cost)
        for graph, cost in zip(sliced.graphs, costs, strict=True)
    )
    lines = tuple(line(item).strip() for item in prepared.rewrites)
    plan = sliced.plan.at_scale(scale_bits)
    return PlanReport(plan, blocks, scale_bits, lines, is_measured, prover)


def line(item: Rewrite) -> str:
    """One rewrite for people."""
    word = "" if item.exact else " (approximate)"
    return f"{item.name}{word} at {item.node}: {item.detail}\n"


def operators(graph_onnx: bytes) -> dict[str, int]:
    """Operator name to count in a block, most frequent first."""
    nodes = onnx.load_from_string(graph_onnx).graph.node
    return dict(Counter(str(node.op_type) for node in nodes).most_common())
