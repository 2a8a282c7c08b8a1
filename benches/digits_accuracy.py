"""Are the proven integers as good at reading digits as the float model?

The shipped network, cut as in the demo, is calibrated on training images; then all 450 held-out
images run through the final circuits, the very integers that a proof would be about, and each
trace must be provable.  The class is the largest output.

Expected, before measuring: the float model reads 98.67 % (444); one image is 0.22 points, so
within 0.1 point means not one image fewer.  A network of the same shape lost none at 7 and at 10
bits in an earlier study, so none is expected to be lost here at 8 and at 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from benches.outcome import Bench, Line, Outcome, Place, talk
from zkdps.calibration.accuracy import AccuracyReport
from zkdps.calibration.chain import calibrate
from zkdps.calibration.data import Split, load_split
from zkdps.calibration.reference import FloatModels
from zkdps.circuits.cuts import cut_at_tensors
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.load import load_model
from zkdps.circuits.prepare import prepare
from zkdps.circuits.slice import slice_model
from zkdps.core.statement import Link
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.demo import RECIPES

SCALES_BITS = (8, 10)
LIMIT_POINTS = 0.1
SMOKE_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class Files:
    """The shipped model and images."""

    model: Path
    data: Path


def run(place: Place) -> Outcome:
    """Every scale, on all held-out images."""
    folder = resources.files("zkdps.workflows") / "data"
    with (
        resources.as_file(folder / "digits.onnx") as model,
        resources.as_file(folder / "digits.npz") as data,
    ):
        files = Files(model, data)
        scales = SCALES_BITS[:1] if place.smoke else SCALES_BITS
        reports = [_at_scale(files, scale_bits, place) for scale_bits in scales]
    return Outcome(
        tuple(map(_line, reports)),
        {f"scale_bits_{report.scale_bits}": _facts(report) for report in reports},
    )


BENCH = Bench(
    "digits_accuracy",
    "Are the proven integers as good at reading digits as the float model?",
    run,
)


def _at_scale(files: Files, scale_bits: int, place: Place) -> AccuracyReport:
    source = load_model(files.model)
    prepared = prepare(source, {}, scale_bits=scale_bits)
    sliced = slice_model(prepared.model, cut_at_tensors(prepared.model, RECIPES["digits"].cuts))
    flow = read_dataflow(prepared.model)
    data = load_split(files.data, [flow.specs[name] for name in flow.inputs])
    if place.smoke:
        data = Split(data.calibration.first(SMOKE_SAMPLES), data.held_out.first(SMOKE_SAMPLES))
    folder = place.scratch / str(scale_bits)
    folder.mkdir()
    with open_prover("ezkl", place.machine) as prover:
        found = calibrate(
            prover,
            sliced.plan,
            sliced.graphs,
            data,
            FloatModels(source, prepared.model),
            scale_bits=scale_bits,
            link=Link.POLYCOMMIT,
            directory=folder,
        )
    talk(f"{scale_bits} bits: {found.report.agreements}")
    return found.report


def _line(report: AccuracyReport) -> Line:
    proven, floats = _percent(report)
    claim = f"points of accuracy between float and proven integers, at {report.scale_bits} bits"
    return Line(claim, abs(floats - proven), LIMIT_POINTS)


def _percent(report: AccuracyReport) -> tuple[float, float]:
    """Accuracy of the integers and of the float model, in points of a hundred."""
    (found,) = report.agreements
    assert found.correct is not None and found.correct_float is not None, "labels are given"
    return 100 * found.correct / found.decisions, 100 * found.correct_float / found.decisions


def _facts(report: AccuracyReport) -> dict[str, object]:
    (found,) = report.agreements
    (end,) = [error for error in report.tensors if error.tensor in report.outputs]
    proven, floats = _percent(report)
    return {
        "images": found.decisions,
        "correct": found.correct,
        "correct_float": found.correct_float,
        "agreeing": found.agreeing,
        "accuracy_percent": round(proven, 3),
        "accuracy_float_percent": round(floats, 3),
        "largest_logit": end.largest,
        "max_abs_logit_error": end.max_abs,
        "mean_abs_logit_error": end.mean_abs,
        "data_sha256": report.data_sha256,
    }
