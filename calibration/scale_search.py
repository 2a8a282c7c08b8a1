"""Find the smallest scale at which the chain is as exact as asked.

The error of fixed point halves with each bit (measured: 8 times for 3 bits), so one trial predicts
the scale and the next ones verify the prediction.  Trials run on calibration samples through
circuits with generous parameters; the held-out samples have the last word, in `chain.calibrate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zkdps.calibration.accuracy import largest_error
from zkdps.calibration.array_files import Array
from zkdps.calibration.data import Samples
from zkdps.calibration.execution import Progress
from zkdps.calibration.ranges import execute_generously
from zkdps.core.canonical import Json
from zkdps.core.errors import (
    AccuracyMissed,
    CircuitError,
    LayoutFailed,
    OutOfRange,
    UsageConflict,
)
from zkdps.core.plan import Plan
from zkdps.core.prover import BlockGraph, Prover
from zkdps.core.statement import Link

MIN_SCALE_BITS = 7
"""Below, the weights of trained models round to too few values."""
MAX_SCALE_BITS = 14
"""Above, products of activations leave what a circuit of moderate size can decompose."""
FIRST_SCALE_BITS = 9
SEARCH_SAMPLES = 32
"""Calibration samples of one trial, from the front."""


@dataclass(frozen=True, slots=True)
class ScaleTrial:
    """What one scale gave."""

    scale_bits: int
    error: float | None
    """Largest end-to-end error in real units; `None` where the circuits cannot hold the chain."""
    refusal: str = ""
    """The back end's reason then."""


@dataclass(frozen=True, slots=True)
class ScaleSearch:
    """The scale found, and how."""

    scale_bits: int
    target_error: float
    trials: tuple[ScaleTrial, ...]
    """In the order made."""

    def to_json(self) -> dict[str, Json]:
        """The record as canonical JSON can hold it, reals as decimal strings."""
        return {
            "scale_bits": self.scale_bits,
            "target_error": repr(self.target_error),
            "trials": [
                {
                    "scale_bits": trial.scale_bits,
                    "error": None if trial.error is None else repr(trial.error),
                    "refusal": trial.refusal,
                }
                for trial in self.trials
            ],
        }


def search_scale(
    prover: Prover,
    plan: Plan,
    graphs: Sequence[BlockGraph],
    samples: Samples,
    outputs: Mapping[str, Array],
    *,
    target_error: float,
    link: Link,
    directory: Path,
    progress: Progress | None = None,
) -> ScaleSearch:
    """The smallest scale in `MIN_SCALE_BITS..MAX_SCALE_BITS` whose error is at most the target.

    Args:
        prover: the back end.
        plan: at any scale.
        graphs: one a block, at any scale.
        samples: calibration samples; the first `SEARCH_SAMPLES` are used.
        outputs: model output to the original float model's values on `samples`,
            `(samples, *shape)`.
        target_error: largest absolute difference at any output, in real units.
        link: how boundaries will be committed to.
        directory: existing; for scratch files.
        progress: hears of each batch.

    Raises:
        AccuracyMissed: no scale reaches the target.
        UsageConflict: the target is not a positive number.
        CircuitError: what the back end said, if it refused every scale tried.
    """
    used = samples.first(SEARCH_SAMPLES)
    references = {name: outputs[name][: len(used)] for name in plan.outputs}

    def measure(scale_bits: int) -> float:
        execution = execute_generously(
            prover,
            plan,
            graphs,
            used,
            scale_bits=scale_bits,
            link=link,
            directory=directory,
            progress=progress,
        )
        return largest_error(plan.outputs, references, execution.values)

    return search(measure, target_error)


def search(measure: Callable[[int], float], target_error: float) -> ScaleSearch:
    """The search itself; `measure(scale_bits)` gives the error, or raises what `search_scale` may.

    `low` fails (or lies below all) and `high` reaches the target (or lies above all); the truth is
    taken to be monotone between them.
    """
    if not (math.isfinite(target_error) and target_error > 0):
        raise UsageConflict(f"--target-error {target_error:g} is not a positive number")
    trials: dict[int, ScaleTrial] = {}
    candidate = _first_usable(measure, trials)
    # What was refused before it had too few bits, or, if below the start, too many.
    upwards = candidate >= FIRST_SCALE_BITS
    low = candidate - 1 if upwards and candidate > FIRST_SCALE_BITS else MIN_SCALE_BITS - 1
    high = MAX_SCALE_BITS + 1 if upwards else candidate + 1
    while high - low > 1:
        trial = trials.get(candidate) or _try(measure, candidate)[0]
        trials[candidate] = trial
        reached = trial.error is not None and trial.error <= target_error
        if reached or (trial.error is None and _too_large(candidate, trials)):
            high = candidate
        else:
            low = candidate
        candidate = _predict(trials, target_error, low, high)
    found = trials.get(high)
    if found is None or found.error is None:
        measured = [trial for trial in trials.values() if trial.error is not None]
        best = min(measured, key=lambda trial: trial.error or 0.0)
        raise AccuracyMissed(target_error, best.error or 0.0, best.scale_bits)
    return ScaleSearch(high, target_error, tuple(trials.values()))


def _first_usable(measure: Callable[[int], float], trials: dict[int, ScaleTrial]) -> int:
    """A scale that the circuits can hold, tried upwards from the usual one, then downwards."""
    order: list[int] = [
        *range(FIRST_SCALE_BITS, MAX_SCALE_BITS + 1),
        *range(FIRST_SCALE_BITS - 1, MIN_SCALE_BITS - 1, -1),
    ]
    last: CircuitError | None = None
    for scale_bits in order:
        trials[scale_bits], refusal = _try(measure, scale_bits)
        if refusal is None:
            return scale_bits
        last = refusal
    raise last or LayoutFailed(0, "there is no scale to try")


def _try(
    measure: Callable[[int], float], scale_bits: int
) -> tuple[ScaleTrial, CircuitError | None]:
    try:
        return ScaleTrial(scale_bits, measure(scale_bits)), None
    except (LayoutFailed, OutOfRange) as error:
        # Too few bits can make a reciprocal overflow, too many any product: another may do.
        return ScaleTrial(scale_bits, None, error.message()), error


def _too_large(scale_bits: int, trials: Mapping[int, ScaleTrial]) -> bool:
    # Refused above a scale that works: it was the bits that were too many.
    return any(t.error is not None and t.scale_bits < scale_bits for t in trials.values())


def _predict(trials: Mapping[int, ScaleTrial], target: float, low: int, high: int) -> int:
    measured = [trial for trial in trials.values() if trial.error is not None]
    nearest: ScaleTrial = min(
        measured, key=lambda trial: min(abs(trial.scale_bits - b) for b in (low, high))
    )
    ratio: float = (nearest.error or 0.0) / target
    bits = math.ceil(math.log2(ratio)) if ratio > 0 else -MAX_SCALE_BITS
    return min(max(nearest.scale_bits + bits, low + 1), high - 1)
