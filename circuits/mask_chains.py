"""Tensors that are made of masks alone: no place to cut where masks are proved as masks.

A back end that reads the sumcheck dialect turns `(1 - mask) * -10000`, or the count of a masked
mean, into a choice of entries.  As numbers of their own they mean nothing to it.
"""

from __future__ import annotations

from zkdps.circuits.dataflow import Dataflow

_LOOKING_UP = frozenset({"Gather", "GatherElements", "GatherND"})
"""What makes real data of integers: an embedding."""


def mask_tensors(flow: Dataflow) -> frozenset[str]:
    """Tensors computed from integer and boolean inputs without looking anything up."""
    found = {name for name in flow.inputs if not flow.specs[name].is_real}
    for index in flow.live:
        node = flow.node(index)
        reads = flow.reads[index]
        if reads and node.op_type not in _LOOKING_UP and found.issuperset(reads):
            found.update(name for name in node.output if name)
    return frozenset(found - set(flow.inputs))
