"""Chooses parameters for all blocks of a plan at once, so that linked blocks fit each other.

One scale for every tensor, no postponed rebase: then a boundary's two sides read the same integers.
For each k the decomposition base is 2**(k-1) with two digits, so that its table fits one column;
lookup tables fit one column too, because a second one doubles the extended domain and with it the
key.  Within that, the plan with the least sum of proving keys wins: memory and time follow it.
Circuits too wide for a verifying-key artifact are taken only where there is no other way.

Polynomial commitments depend on k, so with `polycommit` all blocks share one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from zkdps.core.errors import OutOfRange
from zkdps.core.prover import BlockGraph, Ranges
from zkdps.core.statement import Link
from zkdps.provers.ezkl.cost import RESERVED_ROWS, layout
from zkdps.provers.ezkl.settings import GENEROUS_LOGROWS, Choice, pinned_assignments

MIN_LOGROWS = 12
"""Below, the process's own start dominates."""
MAX_LOGROWS = 20
"""Above, an SRS and a witness table take longer to make than any block should take to prove."""
MAX_ARTIFACT_PROOF_BYTES = 44_000
"""Wider circuits risk having no verifying-key artifact: its pointers have 16 bits, it is about as
long as the proof, and scratch space comes on top (measured: there is one at 54,336 bytes)."""
LEGS = 2
SMALL_ASSIGNMENTS = 1 << 17
"""Up to here one column to a block may beat two."""

SettingsOf = Callable[[BlockGraph, Choice], Mapping[str, Any]]
"""Runs ezkl's `gen_settings`."""
Draft = tuple[Choice, Mapping[str, Any]]
"""A candidate and its settings."""


def generous(scale_bits: int, link: Link) -> Choice:
    """Before calibration: digits for values up to 2**38, tables of 40 times the unit.

    Execution reads tables as functions, so their range does not bind it.
    """
    reach = 40 << scale_bits
    return Choice(
        scale_bits=scale_bits,
        link=link,
        logrows=GENEROUS_LOGROWS,
        columns=2,
        decomp_base=1 << (GENEROUS_LOGROWS - 1),
        decomp_legs=LEGS,
        lookup_min=-reach,
        lookup_max=reach,
        disable_freivalds=False,
        calibrated=False,
    )


def sketch(
    graphs: Sequence[BlockGraph], scale_bits: int, link: Link, settings_of: SettingsOf
) -> list[Choice]:
    """Before calibration: generous, with the k that `choose` would take if no value were large."""
    start = generous(scale_bits, link)
    options = [[(start, settings_of(graph, start))] for graph in graphs]
    if link is Link.POLYCOMMIT:
        sizes = [_cheapest(options, MIN_LOGROWS)] * len(graphs)
    else:
        sizes = [_cheapest([own], MIN_LOGROWS) for own in options]
    return [replace(start, logrows=k) for k in sizes]


def choose(
    graphs: Sequence[BlockGraph],
    scale_bits: int,
    link: Link,
    ranges: Sequence[Ranges],
    settings_of: SettingsOf,
) -> list[Choice]:
    """Parameters for blocks whose ranges, margins included, are known.

    Raises:
        OutOfRange: a block's values need more than `MAX_LOGROWS`.
    """
    options = [
        [
            (draft, settings_of(graph, draft))
            for draft in _drafts(generous(scale_bits, link), graph, seen, settings_of)
        ]
        for graph, seen in zip(graphs, ranges, strict=True)
    ]
    floors = [
        max(_floor(graph, seen, settings) for _, settings in drafts)
        for graph, seen, drafts in zip(graphs, ranges, options, strict=True)
    ]
    if link is Link.POLYCOMMIT:
        sizes = [_cheapest(options, max(floors))] * len(graphs)
    else:
        sizes = [_cheapest([own], floor) for own, floor in zip(options, floors, strict=True)]
    final = [
        _final(_best(drafts, k)[1], k, seen)
        for drafts, k, seen in zip(options, sizes, ranges, strict=True)
    ]
    return [
        replace(choice, assignments=pinned_assignments(settings_of(graph, choice)))
        for graph, choice in zip(graphs, final, strict=True)
    ]


def _drafts(
    start: Choice, graph: BlockGraph, seen: Ranges, settings_of: SettingsOf
) -> list[Choice]:
    """What is worth comparing for one block; each costs one layout."""
    plain = replace(start, lookup_min=seen.lookup_min, lookup_max=seen.lookup_max, calibrated=True)
    settings = settings_of(graph, plain)
    drafts = [plain]
    if settings["einsum_params"]["total_einsum_col_size"]:
        drafts.append(replace(plain, disable_freivalds=True))
    if settings["total_assignments"] <= SMALL_ASSIGNMENTS:
        drafts += [replace(draft, columns=1) for draft in drafts]
    return drafts


def _cheapest(options: Sequence[Sequence[Draft]], floor: int) -> int:
    """The k that blocks sharing it cost least at, among those that need fewest wide circuits."""
    prices = {k: [_best(drafts, k)[0] for drafts in options] for k in range(floor, MAX_LOGROWS + 1)}
    return min(prices, key=lambda k: tuple(map(sum, zip(*prices[k], strict=True))))


def _best(drafts: Sequence[Draft], logrows: int) -> tuple[tuple[int, int], Choice]:
    """The draft of the lowest price: whether it is too wide, then bytes of proving key."""
    shapes = [(layout(settings, logrows), draft) for draft, settings in drafts]
    prices = [
        ((int(shape.proof_bytes > MAX_ARTIFACT_PROOF_BYTES), shape.pk_bytes), draft)
        for shape, draft in shapes
    ]
    return min(prices, key=lambda price: price[0])


def _floor(graph: BlockGraph, seen: Ranges, settings: Mapping[str, Any]) -> int:
    """The least k at which values, tables, hashes and instances fit."""
    rows: int = max(
        _table_rows(seen) if settings["required_lookups"] else 0,
        settings["max_dynamic_input_len"],
        settings["module_sizes"]["poseidon"][0],
        sum(math.prod(shape) for shape in settings["model_instance_shapes"]),
    )
    largest = max(seen.max_abs, seen.interior_max_abs)
    digits = -(-largest.bit_length() // LEGS) + 1
    needed = max(MIN_LOGROWS, (rows + RESERVED_ROWS).bit_length(), digits)
    if needed > MAX_LOGROWS:
        limit: int = 1 << (LEGS * (MAX_LOGROWS - 1))
        if digits > MAX_LOGROWS:
            got = (-largest, largest)
            raise OutOfRange(graph.block.index, "the block's values", (-limit, limit), got)
        table = (1 << MAX_LOGROWS) - RESERVED_ROWS
        lookups = (seen.lookup_min, seen.lookup_max)
        raise OutOfRange(graph.block.index, "a table index", (-table // 2, table // 2), lookups)
    return needed


def _table_rows(seen: Ranges) -> int:
    return seen.lookup_max - seen.lookup_min + 1


def _final(draft: Choice, logrows: int, seen: Ranges) -> Choice:
    """At its size; the table is filled up evenly, for it costs a full column anyway."""
    spare = max(0, (1 << logrows) - RESERVED_ROWS - _table_rows(seen))
    return replace(
        draft,
        logrows=logrows,
        decomp_base=1 << (logrows - 1),
        calibrated_max_abs=max(1, seen.max_abs),
        lookup_min=seen.lookup_min - spare // 2,
        lookup_max=seen.lookup_max + spare - spare // 2,
    )
