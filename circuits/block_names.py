"""Names of blocks, for people: the torch module they hold, or else their operators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from zkdps.circuits.dataflow import Dataflow
from zkdps.circuits.scopes import common_module

MAX_PARTS = 3
"""How many modules or operators a name lists before it abbreviates."""

DATA_MOVERS = frozenset(
    ("Cast", "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Pad")
    + ("Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze")
)
"""Operators that move values and compute none: not worth naming, nor a block of their own."""


def block_names(flow: Dataflow, blocks: Sequence[frozenset[int]]) -> tuple[str, ...]:
    """One name a block, unique: repeats are numbered."""
    names = [_module_name(flow, nodes) or _operator_name(flow, nodes) for nodes in blocks]
    total = Counter(names)
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(f"{name} ({seen[name]})" if total[name] > 1 else name)
    return tuple(unique)


def _module_name(flow: Dataflow, nodes: frozenset[int]) -> str:
    paths = list(dict.fromkeys(flow.modules[i] for i in sorted(nodes) if flow.modules[i]))
    shared = common_module(paths)
    if all(part.isdigit() for path in paths for part in path.split(".")):
        # The positions of an unnamed nn.Sequential tell nobody anything.
        return ""
    if shared or not paths:
        return shared
    tops = list(dict.fromkeys(path.split(".")[0] for path in paths))
    return "+".join(tops) if len(tops) <= MAX_PARTS else f"{tops[0]}..{tops[-1]}"


def _operator_name(flow: Dataflow, nodes: frozenset[int]) -> str:
    operators = list(dict.fromkeys(flow.node(index).op_type for index in sorted(nodes)))
    telling = [name for name in operators if name not in DATA_MOVERS] or operators
    listed = "+".join(telling[:MAX_PARTS])
    return f"{listed}+.." if len(telling) > MAX_PARTS else listed
