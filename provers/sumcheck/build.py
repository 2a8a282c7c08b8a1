"""From an operator program to a constraint system that can be executed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from zkdps.core.errors import LayoutFailed
from zkdps.provers.sumcheck.bounds import BoundsTable
from zkdps.provers.sumcheck.builder import Builder, Step
from zkdps.provers.sumcheck.coverage import check_coverage
from zkdps.provers.sumcheck.operands import Integers, operand_of
from zkdps.provers.sumcheck.operators.output import Output
from zkdps.provers.sumcheck.program import InputSpec, Kind, Program, Width, Widths
from zkdps.provers.sumcheck.ranges import settle_ranges
from zkdps.provers.sumcheck.storage import storage_shapes
from zkdps.provers.sumcheck.system import Bound, Holder, Int32s, Int64s, Preset, System
from zkdps.provers.sumcheck.wires import whole


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A block as a constraint system."""

    block: int
    system: System
    """Without `weights_root`."""
    steps: tuple[Step, ...]
    """Functions that compute the committed integers, in order."""
    weights: dict[str, Int32s | Int64s]
    """Integers of the weight tensors, by name."""
    bounds: BoundsTable
    """What `system.bounds_sha256` is the digest of."""
    widths: dict[str, Width]
    """Scale and range of every tensor."""
    positions: dict[str, int]
    """Of every tensor in the system, by the names that steps use."""


def build(program: Program, widths: Widths, preset: Preset, columns_log: int, block: int) -> Built:
    """Build a block's constraint system and check that every entry is bounded.

    Args:
        program: operators in an order in which they can run.
        widths: scale and range of inputs, results and outputs.
        preset: parameters of the argument.
        columns_log: lg of the columns of its commitments.
        block: index, for errors.

    Raises:
        LayoutFailed: a wire cannot be expressed, a static bound does not hold, or an entry has no
            bound.
    """
    outputs = tuple(Output(name, wire) for name, wire in program.outputs)
    fixed = {spec.name: _stored(spec) for spec in program.inputs}
    for output in outputs:
        if output.name in fixed:
            raise LayoutFailed(block, f"boundary tensor {output.name!r} stands twice")
        fixed[output.name] = output.shape or (1,)
    bounds = BoundsTable(block)
    storage = storage_shapes(program, fixed, _publishable(program, outputs, widths))
    builder = Builder(block, widths, storage, bounds)
    for spec in program.inputs:
        _declare_input(builder, spec)
    for operation in program.operations:
        operation.define(builder)
        if operation.name not in builder.positions:
            raise ValueError(f"operator {operation.name!r} committed no result")
    for output in outputs:
        if output.name not in builder.positions:
            output.define(builder)
    settle_ranges(builder)
    system = System(
        preset=preset,
        columns_log=columns_log,
        labels=tuple(builder.labels_made),
        tensors=tuple(builder.tensors),
        forms=tuple(builder.forms),
        relations=tuple(builder.relations),
        lookups=tuple(builder.lookups),
        tables=tuple(builder.tables),
        inputs=tuple(builder.positions[spec.name] for spec in program.inputs),
        outputs=tuple(builder.positions[output.name] for output in outputs),
        public=tuple(
            builder.positions[spec.name] for spec in program.inputs if spec.kind is not Kind.REAL
        ),
        bounds_sha256=bounds.sha256(),
        weights_root="",
    )
    check_coverage(system, block)
    return Built(
        block,
        system,
        tuple(builder.steps),
        builder.weights,
        bounds,
        dict(builder.known),
        builder.positions,
    )


def _declare_input(builder: Builder, spec: InputSpec) -> None:
    """Commit an input and bound it here: no block relies on its producer for that."""
    width = builder.widths(spec.name)
    public = spec.kind is not Kind.REAL
    bound = Bound.PUBLIC if public else Bound.LOOKUP
    builder.commit(spec.name, _stored(spec), width, bound, holder=Holder.BOUNDARY)
    if not public:
        builder.range_check(spec.name)
    copy = builder.storage.copies.get(spec.name)
    if copy is None:
        return

    def compute(values: Integers) -> Int64s:
        return values[spec.name]

    storage = builder.storage.shapes[copy]
    builder.commit(copy, storage, width, Bound.LOOKUP, compute)
    source, target = whole(spec.name, _stored(spec)), whole(copy, _stored(spec))
    letters = "".join(chr(ord("a") + i) for i in range(len(source.shape)))
    axes = builder.axes((target, letters))
    labels = tuple(label for letter in letters for label in axes[letter])
    with_copy = builder.operand(target, axes, letters)
    without = operand_of(builder, source, [axes[letter] for letter in letters], {})
    form = builder.form((1, with_copy), (-1, without), labels=labels)
    builder.relation(copy, labels, [(1, (form,))])
    builder.prove_bounds(
        copy, count=width.count, shift=0, magnitude=width.magnitude, decomposed=width.magnitude
    )
    builder.range_check(copy)


def _publishable(program: Program, outputs: tuple[Output, ...], widths: Widths) -> dict[str, str]:
    """Results that an output is, entry by entry and in the same width."""
    shapes = {operation.name: operation.shape for operation in program.operations}
    found: dict[str, str] = {}
    for output in outputs:
        if len(output.wire.parts) != 1:
            continue
        (part,) = output.wire.parts
        if part.value not in shapes or part.value in found:
            continue
        complete = np.array_equal(part.index.reshape(-1), np.arange(math.prod(shapes[part.value])))
        if complete and widths(part.value) == widths(output.name):
            found[part.value] = output.name
    return found


def _stored(spec: InputSpec) -> tuple[int, ...]:
    """Storage of an input: its own shape; a public one is flat, as its reader needs it."""
    if spec.kind is Kind.REAL:
        return spec.shape or (1,)
    return (math.prod(spec.shape),)
