"""Witnesses: integers in as field elements, so that nothing is rounded; a `Trace` out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from zkdps.core.errors import BoundaryMismatch, LayoutFailed, OutOfRange, ProverFailed
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.prover import INSIDE, BlockEnds, Ranges, Trace
from zkdps.provers.ezkl.felts import felts, tensor_of
from zkdps.provers.ezkl.settings import Choice

# ezkl: "integer <value> is too large to be represented by base <base> and n <legs>"
_OVERFLOW = re.compile(r"integer (-?\d+) is too large")


def input_document(tensors: Sequence[FixedTensor]) -> bytes:
    """The input file.  ezkl reads JSON numbers as floats; strings are taken as scalars, exactly."""
    return json.dumps({"input_data": [felts(tensor) for tensor in tensors]}).encode()


def trace_of(graph: BlockEnds, fed: Sequence[FixedTensor], raw: bytes, has_lookups: bool) -> Trace:
    """The trace in a witness file.

    Raises:
        BoundaryMismatch: the circuit read other integers than it was fed.
        LayoutFailed: it has other outputs than the block.
        OutOfRange: a value is too large to be fixed point.
    """
    witness = json.loads(raw)
    block = graph.block.index
    inputs = _tensors(graph, graph.inputs, witness["inputs"])
    outputs = _tensors(graph, graph.outputs, witness["outputs"])
    for spec, given, read in zip(graph.inputs, fed, inputs, strict=True):
        if not given.equals(read):
            index = int((given.integers != read.integers).ravel().argmax())
            expected, got = int(given.integers.flat[index]), int(read.integers.flat[index])
            raise BoundaryMismatch(spec.name, block, index, expected, got)
    low, high = (
        (witness["min_lookup_inputs"], witness["max_lookup_inputs"]) if has_lookups else (0, 0)
    )
    # Kept whole but for the copies that are for people.
    witness["pretty_elements"] = None
    ranges = Ranges(low, high, max(tensor.max_abs for tensor in inputs + outputs))
    packed = json.dumps(witness, sort_keys=True, separators=(",", ":")).encode()
    return Trace(inputs, outputs, ranges, packed)


def check_ranges(block: int, choice: Choice, ranges: Ranges, has_lookups: bool) -> None:
    """Raise `OutOfRange` beyond what was calibrated.

    Beyond a table proving would hang, for ezkl executes such witnesses silently; beyond the
    boundary's calibrated magnitude it would not, but the key's error bound says nothing there.
    """
    table = (choice.lookup_min, choice.lookup_max)
    if has_lookups and (ranges.lookup_min < table[0] or ranges.lookup_max > table[1]):
        got = (ranges.lookup_min, ranges.lookup_max)
        raise OutOfRange(block, "a table index", table, got)
    if ranges.max_abs > choice.allowed_max_abs:
        limits = (-choice.allowed_max_abs, choice.allowed_max_abs)
        got = (-ranges.max_abs, ranges.max_abs)
        raise OutOfRange(block, "an input or output", limits, got)


def has_lookups(settings: Mapping[str, Any]) -> bool:
    """Whether a circuit has tables that a value can leave."""
    return bool(settings["required_lookups"])


def _tensors(
    graph: BlockEnds, specs: Sequence[Any], columns: Sequence[Sequence[str]]
) -> tuple[FixedTensor, ...]:
    block = graph.block.index
    sizes = [len(column) for column in columns]
    if sizes != [spec.size for spec in specs]:
        names = [spec.name for spec in specs]
        raise LayoutFailed(block, f"the witness has tensors of {sizes} values for {names}")
    return tuple(tensor_of(c, spec, block) for c, spec in zip(columns, specs, strict=True))


def check_inputs(graph: BlockEnds, choice: Choice, sample: Sequence[FixedTensor]) -> None:
    """Raise `OutOfRange` for an input that the circuit cannot hold.

    Raises:
        OutOfRange: an input is too large.
        ValueError: another number of tensors, or another scale, than the block's (a programmer's
            error: tensors are made from the same specifications).
    """
    if len(sample) != len(graph.inputs):
        raise ValueError(f"{len(sample)} tensors for {len(graph.inputs)} inputs")
    for spec, tensor in zip(graph.inputs, sample, strict=True):
        if tensor.scale_bits != spec.scale_bits or tensor.integers.shape != spec.shape:
            raise ValueError(f"tensor {spec.name!r} is not as the block specifies it")
        if tensor.max_abs > choice.max_abs:
            limits = (-choice.max_abs, choice.max_abs)
            got = (int(tensor.integers.min()), int(tensor.integers.max()))
            raise OutOfRange(graph.block.index, f"input {spec.name!r}", limits, got)


def overflow_of(graph: BlockEnds, choice: Choice, error: ProverFailed) -> OutOfRange | None:
    """What a failed execution means, if it means that a value inside the block is too large."""
    found = _OVERFLOW.search(error.reason)
    if found is None:
        return None
    value = int(found.group(1))
    limits = (-choice.max_abs, choice.max_abs)
    return OutOfRange(graph.block.index, INSIDE, limits, (value, value))
