"""Calibrate a whole plan: one scale, one procedure, no block on its own.

1. Quantise the inputs once, at one scale for every real tensor (given, or searched for a target).
2. Execute block by block with generous parameters; feed each producer's integers to all consumers;
   compare what every circuit read with what was written, for every sample and boundary.
3. Choose parameters for the whole plan from the ranges seen, times a margin.
4. Compile the final circuits and run the held-out samples through them: they must be provable, and
   their error against the original float model is the bound that the model key carries.

Each step is a function over records, so that a workflow can keep every result and resume:
`scale_search.search_scale`, `ranges.measure_ranges`, `ranges.choose_parameters`,
`ranges.compile_blocks`, `measure_accuracy`.  `calibrate` is all of them in a row.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zkdps.calibration.accuracy import (
    AccuracyReport,
    Agreement,
    agreement,
    points,
    tensor_error,
)
from zkdps.calibration.activations import capture
from zkdps.calibration.data import Samples, Split
from zkdps.calibration.execution import Execution, Progress, execute_plan, quantise_samples
from zkdps.calibration.ranges import (
    DEFAULT_MARGIN,
    MeasuredRanges,
    choose_parameters,
    compile_blocks,
    graphs_at_scale,
    measure_ranges,
    wider_inside,
)
from zkdps.calibration.reference import FloatModels, Reference, capture_reference
from zkdps.calibration.scale_search import MAX_SCALE_BITS, ScaleSearch, search_scale
from zkdps.core.errors import AccuracyMissed, OutOfRange, StorageFailed, UsageConflict
from zkdps.core.plan import Plan
from zkdps.core.prover import INSIDE, BlockGraph, Circuit, Parameters, Prover
from zkdps.core.statement import Link

MAX_WIDENINGS = 8
"""Times that a circuit may turn out too small inside: no trace shows those values, so each round
learns one and adds the margin to it."""

LARGEST_SCALE_BITS = 24
"""A given scale beyond this leaves no room for values in 52 bits of exact products."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A plan that is ready for keys."""

    plan: Plan
    """At the chain's scale."""
    circuits: tuple[Circuit, ...]
    """Final, in `directory/blocks/<index>/`."""
    measured: MeasuredRanges
    parameters: tuple[Parameters, ...]
    search: ScaleSearch | None
    """How the scale was found, for a target error."""
    report: AccuracyReport


def calibrate(
    prover: Prover,
    plan: Plan,
    graphs: Sequence[BlockGraph],
    data: Split,
    models: FloatModels,
    *,
    scale_bits: int | None = None,
    target_error: float | None = None,
    link: Link,
    margin: float = DEFAULT_MARGIN,
    directory: Path,
    classifier: bool | None = None,
    provider: str | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Calibrate a plan and compile its final circuits.

    Args:
        prover: the back end.
        plan: at any scale.
        graphs: one a block, at any scale.
        data: samples that set the ranges, and held-out ones that only measure.
        models: the float models to measure against.
        scale_bits: of every real tensor; or
        target_error: the end-to-end error, in real units, that the scale is searched for.
        link: how boundaries will be committed to.
        margin: room beyond the ranges seen, at least 1.
        directory: existing; gets `blocks/<index>/`, `original.h5` and `rewritten.h5` (held-out
            activations), and for a search `search.h5`.
        classifier: as for `measure_accuracy`.
        provider: as for `activations.capture`.
        progress: hears of each batch.

    Raises:
        UsageConflict: not exactly one of scale and target, or one out of bounds.
        AccuracyMissed: no scale reaches the target.
        BoundaryMismatch, ScaleDrift: the circuits of the plan do not fit each other.
        OutOfRange: a held-out sample leaves the calibrated ranges.
        And what data, onnxruntime, disk and back end raise.
    """
    _check_request(scale_bits, target_error)
    first = last = scale_bits or MAX_SCALE_BITS
    search = None
    if target_error is not None:
        floats = capture(
            models.original,
            plan.outputs,
            data.calibration,
            directory / "search.h5",
            provider=provider,
        )
        search = search_scale(
            prover,
            plan,
            graphs,
            data.calibration,
            {name: floats.tensor(name) for name in plan.outputs},
            target_error=target_error,
            link=link,
            directory=directory,
            progress=progress,
        )
        first, last = search.scale_bits, MAX_SCALE_BITS
    reference = capture_reference(models, plan, data.held_out, directory, provider=provider)
    work = _Work(prover, plan, graphs, data, reference, link, margin, directory, classifier)
    reports = []
    for bits in range(first, last + 1):
        found = work.at(bits, search, progress)
        if target_error is None or found.report.max_abs_error <= target_error:
            return found
        # Held-out samples may lie a little further off than those of the search: one bit more.
        reports.append(found.report)
    best = min(reports, key=lambda report: report.max_abs_error)
    raise AccuracyMissed(target_error or 0.0, best.max_abs_error, best.scale_bits)


def measure_accuracy(
    prover: Prover,
    plan: Plan,
    circuits: Sequence[Circuit],
    data: Split,
    reference: Reference,
    *,
    classifier: bool | None = None,
    progress: Progress | None = None,
) -> AccuracyReport:
    """Run the held-out samples through final circuits and compare with the float model.

    Args:
        prover: the back end.
        plan: at the chain's scale.
        circuits: final ones.
        data: its held-out part is measured, with its labels if it has any.
        reference: float activations of the held-out samples.
        classifier: whether outputs choose classes; `None` takes every real output (rows, classes)
            with two classes or more to do so.
        progress: hears of each batch.

    Raises:
        OutOfRange: a sample that could not be proved.
        As `execution.execute_plan`, `accuracy.tensor_error` and `accuracy.agreement`.
    """
    inputs = quantise_samples(plan, data.held_out)
    run = execute_plan(prover, plan, circuits, inputs, provable=True, progress=progress)
    producers = plan.producers
    return AccuracyReport(
        scale_bits=max(tensor.scale_bits for tensor in plan.tensors),
        samples=len(data.held_out),
        data_sha256=data.sha256,
        provider=reference.provider,
        tensors=tuple(
            tensor_error(
                spec.name,
                producers[spec.name],
                reference.sources[spec.name],
                reference.tensor(spec.name),
                run.values[spec.name],
            )
            for spec in plan.tensors
        ),
        outputs=plan.outputs,
        agreements=_agreements(plan, run, reference, data.held_out, classifier),
        points=tuple(
            points(name, reference.tensor(name), run.values[name]) for name in plan.outputs
        ),
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """What stays the same from one scale to the next; fields as in `calibrate`."""

    prover: Prover
    plan: Plan
    graphs: Sequence[BlockGraph]
    data: Split
    reference: Reference
    link: Link
    margin: float
    directory: Path
    classifier: bool | None

    def at(
        self, scale_bits: int, search: ScaleSearch | None, progress: Progress | None
    ) -> Calibration:
        """Calibrate at one scale."""
        measured = measure_ranges(
            self.prover,
            self.plan,
            self.graphs,
            self.data.calibration,
            scale_bits=scale_bits,
            link=self.link,
            directory=self.directory,
            progress=progress,
        )
        for _ in range(MAX_WIDENINGS):
            try:
                return self._finished(measured, search, progress)
            except OutOfRange as error:
                if error.what != INSIDE:
                    raise
                measured = wider_inside(measured, error)
        return self._finished(measured, search, progress)

    def _finished(
        self, measured: MeasuredRanges, search: ScaleSearch | None, progress: Progress | None
    ) -> Calibration:
        """Final circuits for these ranges, and the held-out samples through them."""
        scaled = self.plan.at_scale(measured.scale_bits)
        parameters = choose_parameters(
            self.prover, self.graphs, measured, self.plan, margin=self.margin
        )
        blocks = self.directory / "blocks"
        _clear(blocks)
        placed = graphs_at_scale(self.graphs, scaled)
        circuits = compile_blocks(self.prover, placed, parameters, blocks)
        report = measure_accuracy(
            self.prover,
            scaled,
            circuits,
            self.data,
            self.reference,
            classifier=self.classifier,
            progress=progress,
        )
        return Calibration(scaled, circuits, measured, parameters, search, report)


def _clear(folder: Path) -> None:
    # What an earlier, killed calibration left, or the one a bit coarser.
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise StorageFailed(str(folder), error.strerror or str(error)) from error


def _check_request(scale_bits: int | None, target_error: float | None) -> None:
    if (scale_bits is None) == (target_error is None):
        raise UsageConflict("give either --scale or --target-error, one of them")
    if scale_bits is not None and not 1 <= scale_bits <= LARGEST_SCALE_BITS:
        raise UsageConflict(f"--scale {scale_bits} is not in 1..{LARGEST_SCALE_BITS}")


def _agreements(
    plan: Plan, run: Execution, reference: Reference, samples: Samples, classifier: bool | None
) -> tuple[Agreement, ...]:
    names = [name for name in plan.outputs if _chooses(plan, name, classifier)]
    labels: list[NDArray[np.int64] | None] = [None] * len(names)
    if names:
        # Labels are of one decision: with several heads, of the first.
        labels[0] = samples.labels
    return tuple(
        agreement(name, reference.tensor(name), run.values[name], given)
        for name, given in zip(names, labels, strict=True)
    )


def _chooses(plan: Plan, name: str, classifier: bool | None) -> bool:
    spec = plan.specs[name]
    several = bool(spec.shape) and spec.shape[-1] >= 2
    if classifier is None:
        return spec.is_real and len(spec.shape) == 2 and several
    return classifier and several
