"""Topological order of ONNX nodes by the names they read and write."""

from __future__ import annotations

from collections import deque
from collections.abc import MutableSequence
from typing import Any

from onnx import NodeProto

from zkdps.core.errors import MalformedModel


def sort_nodes(nodes: Any, known: set[str], outputs: list[str], path: str) -> None:
    """Put `nodes` (a repeated NodeProto field) into topological order, in place.

    The order is stable: a list that is in order stays as it is.  ONNX demands order of a file, yet
    onnxruntime accepts files without, so they exist.

    Args:
        nodes: The field `node` of a graph or function.
        known: Names that exist before any node runs: inputs and initializers.
        outputs: Names that must exist afterwards.
        path: The file, for messages.

    Raises:
        MalformedModel: a name is made twice, read but never made, or depends on itself.
    """
    makers = _makers(nodes, known, path)
    for name in outputs:
        if name not in makers and name not in known:
            raise MalformedModel(path, f"output {name!r} is made by no node")
    order = _kahn(nodes, makers, known, path)
    if order != list(range(len(nodes))):
        copies = [NodeProto.FromString(nodes[index].SerializeToString()) for index in order]
        del nodes[:]
        nodes.extend(copies)


def _makers(nodes: MutableSequence[NodeProto], known: set[str], path: str) -> dict[str, int]:
    makers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.output):  # an empty name is an optional output left out
            if name in makers or name in known:
                raise MalformedModel(path, f"the name {name!r} is made twice")
            makers[name] = index
    return makers


def _kahn(
    nodes: MutableSequence[NodeProto], makers: dict[str, int], known: set[str], path: str
) -> list[int]:
    waits: list[int] = []
    readers: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        reads = {name for name in node.input if name and name not in known}
        for name in reads:
            if name not in makers:
                raise MalformedModel(path, f"node {node.name!r} reads {name!r}, made by no node")
        sources = {makers[name] for name in reads}
        waits.append(len(sources))
        for source in sources:
            readers.setdefault(source, []).append(index)
    ordered_already = all(
        source < index for source, targets in readers.items() for index in targets
    )
    if ordered_already:
        return list(range(len(nodes)))
    ready = deque(index for index, count in enumerate(waits) if not count)
    order: list[int] = []
    while ready:
        source = ready.popleft()
        order.append(source)
        for index in readers.get(source, ()):
            waits[index] -= 1
            if not waits[index]:
                ready.append(index)
    if len(order) < len(nodes):
        stuck = next(index for index, count in enumerate(waits) if count)
        raise MalformedModel(path, f"node {nodes[stuck].name!r} depends on its own output")
    return order
