"""Run samples through the circuits of a plan, block by block, as a run will.

Each tensor is written once, by its producer, and those very integers are fed to every consumer.
What the consumer's circuit says it read is compared with them, for every sample and boundary: two
sides that disagree about a scale would link perfectly and mean nothing (design §6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from zkdps.calibration.data import Samples
from zkdps.core.errors import BoundaryMismatch, ProverFailed, ScaleDrift
from zkdps.core.fixed_point import FixedTensor, quantise
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.core.prover import Circuit, Prover, Ranges, Trace

BATCH_SAMPLES = 16
"""Samples per call of the back end: bounds the witnesses that are in memory at once."""


class Progress(Protocol):
    """Hears how far a long piece of work is."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """`done` of `total` units of `what` are done."""


@dataclass(frozen=True, slots=True, eq=False)
class Execution:
    """What the circuits made of the samples."""

    values: Mapping[str, tuple[FixedTensor, ...]]
    """Tensor name to its integers, one entry a sample; every tensor of the plan."""
    ranges: tuple[Ranges, ...]
    """One entry a block: the hull over all samples."""


def quantise_samples(plan: Plan, samples: Samples) -> dict[str, tuple[FixedTensor, ...]]:
    """The model's inputs as integers, once for the whole chain; `plan` is at the chain's scale.

    Raises:
        ShapeMismatch, MalformedTensor: as `core.fixed_point.quantise`.
    """
    return {
        name: tuple(
            quantise(samples.arrays[name][index], plan.specs[name]) for index in range(len(samples))
        )
        for name in plan.inputs
    }


def execute_plan(
    prover: Prover,
    plan: Plan,
    circuits: Sequence[Circuit],
    inputs: Mapping[str, Sequence[FixedTensor]],
    *,
    provable: bool,
    progress: Progress | None = None,
) -> Execution:
    """Run every block on every sample.

    Args:
        prover: the back end of the circuits.
        plan: at the chain's scale.
        circuits: one a block, in the plan's order.
        inputs: model input to integers, one entry a sample.
        provable: also refuse traces that could not be proved; for final circuits.
        progress: hears of each batch.

    Raises:
        BoundaryMismatch: a block read other integers than its producer wrote.
        ScaleDrift: a tensor is at another scale than the plan's.
        OutOfRange: a value leaves what a circuit can hold.
        ProverFailed: the back end returned other tensors than the block has.
    """
    values: dict[str, list[FixedTensor]] = {name: list(inputs[name]) for name in plan.inputs}
    count = len(values[plan.inputs[0]])
    hulls = []
    for block, circuit in zip(plan.blocks, circuits, strict=True):
        made: list[Trace] = []
        for start in range(0, count, BATCH_SAMPLES):
            stop = min(start + BATCH_SAMPLES, count)
            fed = [tuple(values[name][i] for name in block.inputs) for i in range(start, stop)]
            traces = prover.execute(circuit, fed)
            _check_traces(block, plan, fed, traces)
            if provable:
                for trace in traces:
                    prover.check_ranges(circuit, trace)
            made.extend(_without_witness(trace) for trace in traces)
            if progress is not None:
                progress(f"block {block.index}: samples", stop, count)
        for position, name in enumerate(block.outputs):
            values[name] = [trace.outputs[position] for trace in made]
        hulls.append(reduce(Ranges.hull, (trace.ranges for trace in made)))
    return Execution({name: tuple(tensors) for name, tensors in values.items()}, tuple(hulls))


def _without_witness(trace: Trace) -> Trace:
    return Trace(trace.inputs, trace.outputs, trace.ranges, b"")


def _check_traces(
    block: Block,
    plan: Plan,
    fed: Sequence[tuple[FixedTensor, ...]],
    traces: Sequence[Trace],
) -> None:
    if len(traces) != len(fed):
        reason = f"{len(traces)} traces of {len(fed)} samples"
        raise ProverFailed(block.index, "execute", reason)
    for written, trace in zip(fed, traces, strict=True):
        if len(trace.inputs) != len(block.inputs) or len(trace.outputs) != len(block.outputs):
            raise ProverFailed(block.index, "execute", "it returned other tensors than the block's")
        for name, expected, got in zip(block.inputs, written, trace.inputs, strict=True):
            _check_form(block, plan.specs[name], got)
            _check_equal(block, name, expected, got)
        for name, made in zip(block.outputs, trace.outputs, strict=True):
            _check_form(block, plan.specs[name], made)
            if made.scale_bits != plan.specs[name].scale_bits:
                raise ScaleDrift(block.index, name, plan.specs[name].scale_bits, made.scale_bits)


def _check_form(block: Block, spec: TensorSpec, tensor: FixedTensor) -> None:
    if tensor.integers.shape != spec.shape:
        reason = f"{spec.name!r} has shape {list(tensor.integers.shape)}, not {list(spec.shape)}"
        raise ProverFailed(block.index, "execute", reason)


def _check_equal(block: Block, name: str, expected: FixedTensor, got: FixedTensor) -> None:
    differs = (expected.integers != got.integers).ravel()
    if differs.any():
        index = int(differs.argmax())
        raise BoundaryMismatch(
            tensor=name,
            block=block.index,
            index=index,
            expected=int(expected.integers.ravel()[index]),
            got=int(got.integers.ravel()[index]),
        )
    if expected.scale_bits != got.scale_bits:
        raise ScaleDrift(block.index, name, expected.scale_bits, got.scale_bits)
