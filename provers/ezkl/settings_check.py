"""Settings from a stranger's key: are they about the plan's tensors, and within bounds?

ezkl lays a verifier's circuit out from its settings, so hostile numbers there cost memory and time;
and the scales there are the only place where a proof's integers get their meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zkdps.core.plan import TensorSpec
from zkdps.core.statement import Link
from zkdps.provers.ezkl.settings import MAX_VALUE_BITS, link_of, parse_settings

MAX_LOGROWS = 26
"""Ceremony files end near here."""
MAX_COLUMNS = 16
MAX_CELLS = 1 << 32
"""Of any one counter; a circuit of this size fits no machine that we know."""
MAX_BLOCKS = 4096
"""Column blocks: cells over cells of one block."""
MAX_LIST_ITEMS = 1 << 16
MAX_TABLE_COLUMNS = 16
"""Columns that one table may take; ours take one."""

_COUNTERS = (
    "num_rows",
    "total_assignments",
    "total_const_size",
    "total_dynamic_col_size",
    "max_dynamic_input_len",
    "num_dynamic_lookups",
    "num_shuffles",
    "total_shuffle_col_size",
)


def check_settings(
    data: bytes, link: Link, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> int:
    """logrows, if the settings are canonical, bounded, and about these tensors.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: they are not.
    """
    settings = parse_settings(data)
    if json.dumps(settings, sort_keys=True, separators=(",", ":")).encode() != data:
        raise ValueError("they are not in canonical form")
    if link_of(settings) is not link:
        raise ValueError(f"they link by {link_of(settings)}, the key by {link}")
    for side, specs in (("input", inputs), ("output", outputs)):
        scales = [spec.scale_bits for spec in specs]
        if settings[f"model_{side}_scales"] != scales:
            raise ValueError(f"{side} scales {settings[f'model_{side}_scales']}, expected {scales}")
    _check_sizes(settings, link, [spec.size for spec in (*inputs, *outputs)])
    _check_bounds(settings)
    return int(settings["run_args"]["logrows"])


def _check_sizes(settings: Mapping[str, Any], link: Link, sizes: Sequence[int]) -> None:
    if link is Link.POLYCOMMIT and settings["module_sizes"]["polycommit"] != list(sizes):
        raise ValueError(f"tensors of {settings['module_sizes']['polycommit']} values, not {sizes}")
    if link is Link.PUBLIC:
        found = [_product(shape) for shape in settings["model_instance_shapes"]]
        if found != list(sizes):
            raise ValueError(f"tensors of {found} values, not {list(sizes)}")


def _check_bounds(settings: Mapping[str, Any]) -> None:
    args = settings["run_args"]
    logrows = _integer(args["logrows"], 1, MAX_LOGROWS)
    columns = _integer(args["num_inner_cols"], 1, MAX_COLUMNS)
    base, legs = _integer(args["decomp_base"], 2, 1 << logrows), _integer(args["decomp_legs"], 1, 8)
    if legs * base.bit_length() > MAX_VALUE_BITS:
        raise ValueError(f"{legs} digits in base {base} hold one value in two ways")
    for name in _COUNTERS:
        _integer(settings[name], 0, MAX_CELLS)
    if settings["total_assignments"] > MAX_BLOCKS * columns << logrows:
        raise ValueError(f"{settings['total_assignments']} cells in 2**{logrows} rows")
    einsums = settings["einsum_params"]
    _integer(einsums["total_einsum_col_size"], 0, MAX_BLOCKS * columns << logrows)
    lookups, checks = settings["required_lookups"], settings["required_range_checks"]
    for items in (lookups, checks, args["variables"]):
        if len(items) > MAX_LIST_ITEMS:
            raise ValueError(f"a list of {len(items)} items")
    for low, high in (args["lookup_range"], *checks):
        rows = _integer(high, -MAX_CELLS, MAX_CELLS) - _integer(low, -MAX_CELLS, MAX_CELLS)
        if not 0 <= rows < MAX_TABLE_COLUMNS << logrows:
            raise ValueError(f"a table from {low} to {high} in 2**{logrows} rows")


def _integer(value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{str(value)[:40]} is not an integer in {low}..{high}")
    return value


def _product(shape: Sequence[int]) -> int:
    total = 1
    for axis in shape:
        total *= _integer(axis, 0, MAX_CELLS)
    return total
