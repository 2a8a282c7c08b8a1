"""The whole-plan procedure over an exact back end: equal integers, ranges, bounds, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.calibration.integer_prover import IntegerProver, run_integers
from tests.calibration.small_models import WIDTH, random_samples, residual_chain
from zkdps.calibration.accuracy_json import from_json
from zkdps.calibration.chain import Calibration, calibrate
from zkdps.calibration.data import Samples, Split, split
from zkdps.calibration.execution import execute_plan, quantise_samples
from zkdps.calibration.ranges import (
    MeasuredRanges,
    compile_blocks,
    graphs_at_scale,
    measure_ranges,
    with_margin,
)
from zkdps.core.canonical import canonical_json, parse_canonical
from zkdps.core.errors import (
    AccuracyMissed,
    BoundaryMismatch,
    LayoutFailed,
    MalformedArchive,
    MalformedTensor,
    OutOfRange,
    StorageFailed,
    UsageConflict,
)
from zkdps.core.prover import Ranges
from zkdps.core.statement import Link

SCALE_BITS = 10


def _calibrate(
    directory: Path,
    *,
    prover: IntegerProver | None = None,
    data: Split | None = None,
    scale_bits: int | None = SCALE_BITS,
    target_error: float | None = None,
    margin: float = 2.0,
) -> Calibration:
    plan, graphs, models = residual_chain()
    return calibrate(
        prover or IntegerProver(),
        plan,
        graphs,
        data or split(random_samples(20)),
        models,
        scale_bits=scale_bits,
        target_error=target_error,
        link=Link.PUBLIC,
        margin=margin,
        directory=directory,
    )


def test_integers_are_those_of_the_whole_graph(tmp_path: Path) -> None:
    plan, graphs, models = residual_chain()
    scaled = plan.at_scale(SCALE_BITS)
    samples = random_samples(40)
    prover = IntegerProver()
    placed = graphs_at_scale(graphs, scaled)
    parameters = prover.choose(placed, scale_bits=SCALE_BITS, link=Link.PUBLIC, ranges=None)
    circuits = compile_blocks(prover, placed, parameters, tmp_path)
    inputs = quantise_samples(scaled, samples)
    run = execute_plan(prover, scaled, circuits, inputs, provable=True)
    for index in range(len(samples)):
        whole = run_integers(
            models.original,
            {name: inputs[name][index].integers for name in plan.inputs},
            SCALE_BITS,
        )
        for tensor in plan.tensors:
            np.testing.assert_array_equal(
                run.values[tensor.name][index].integers, whole[tensor.name], tensor.name
            )
    assert run.ranges[0].max_abs == max(
        tensor.max_abs for name in ("x", "h/out") for tensor in run.values[name]
    )
    with pytest.raises(StorageFailed):
        compile_blocks(prover, placed, parameters, tmp_path)


def test_calibration_of_a_residual_chain(tmp_path: Path) -> None:
    data = split(random_samples(20))
    found = _calibrate(tmp_path, data=data)
    assert {t.scale_bits for t in found.plan.tensors} == {SCALE_BITS}
    assert [c.directory for c in found.circuits] == [tmp_path / "blocks" / str(i) for i in range(3)]
    for ranges, parameters in zip(found.measured.blocks, found.parameters, strict=True):
        assert parameters["limit"] == 2 * ranges.max_abs
    report = found.report
    assert report.samples == 5 and report.data_sha256 == data.sha256
    assert [error.tensor for error in report.tensors] == [t.name for t in found.plan.tensors]
    assert 0 < report.max_abs_error < 20 * 2.0**-SCALE_BITS
    inputs = [error for error in report.tensors if error.producer < 0]
    assert all(error.max_abs <= 0.5 * 2.0**-SCALE_BITS for error in inputs), "rounding only"
    bounds = {bound.tensor: bound.max_abs_steps for bound in report.for_key().bounds}
    assert list(bounds) == ["logits", "h/out"]
    assert bounds["logits"] >= 1
    assert {a.tensor: a.decisions for a in report.agreements} == {"logits": 5, "h/out": 5}
    assert not list(tmp_path.glob(".generous-*")), "scratch circuits are gone"


def test_same_inputs_same_report(tmp_path: Path) -> None:
    reports = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        reports.append(_calibrate(tmp_path / name).report)
    assert reports[0].digest == reports[1].digest
    record = canonical_json(reports[0].to_json())
    assert from_json(parse_canonical(record, "accuracy.json"), "accuracy.json") == reports[0]


def test_calibrating_again_in_one_folder(tmp_path: Path) -> None:
    assert _calibrate(tmp_path).report.digest == _calibrate(tmp_path).report.digest


def test_more_bits_less_error(tmp_path: Path) -> None:
    errors = []
    for bits in (7, 10, 13):
        (tmp_path / str(bits)).mkdir()
        errors.append(_calibrate(tmp_path / str(bits), scale_bits=bits).report.max_abs_error)
    assert errors[0] > 3 * errors[1] > 9 * errors[2], "8 times for 3 bits, give or take"


def test_target_error_is_reached_on_held_out_samples(tmp_path: Path) -> None:
    found = _calibrate(tmp_path, scale_bits=None, target_error=0.002)
    assert found.report.max_abs_error <= 0.002
    assert found.search is not None and found.search.scale_bits <= found.measured.scale_bits
    coarser = [t for t in found.search.trials if t.scale_bits == found.search.scale_bits - 1]
    assert coarser and coarser[0].error is not None and coarser[0].error > 0.002, "the smallest"
    canonical_json(found.search.to_json())


def test_target_out_of_reach(tmp_path: Path) -> None:
    with pytest.raises(AccuracyMissed) as caught:
        _calibrate(tmp_path, scale_bits=None, target_error=1e-7)
    assert caught.value.scale_bits == 14 and caught.value.best > 1e-7
    with pytest.raises(AccuracyMissed) as caught:
        limited = IntegerProver(largest_scale_bits=11)
        _calibrate(tmp_path, prover=limited, scale_bits=None, target_error=1e-7)
    assert caught.value.scale_bits == 11, "the back end refuses more"
    with pytest.raises(LayoutFailed):
        refusing = IntegerProver(largest_scale_bits=3)
        _calibrate(tmp_path, prover=refusing, scale_bits=None, target_error=0.1)


@pytest.mark.parametrize(
    ("scale_bits", "target_error"),
    [(None, None), (8, 0.1), (0, None), (25, None), (None, 0.0), (None, float("nan"))],
)
def test_scale_or_target(
    tmp_path: Path, scale_bits: int | None, target_error: float | None
) -> None:
    with pytest.raises(UsageConflict):
        _calibrate(tmp_path, scale_bits=scale_bits, target_error=target_error)


@pytest.mark.parametrize("block", [1, 2])
def test_a_block_that_reads_at_another_scale(tmp_path: Path, block: int) -> None:
    with pytest.raises(BoundaryMismatch) as caught:
        _calibrate(tmp_path, prover=IntegerProver(read_shift={block: 1}))
    error = caught.value
    assert error.block == block and error.got == 2 * error.expected != 0
    assert not (tmp_path / "blocks").exists(), "no final circuit was made"


def test_a_held_out_sample_beyond_the_ranges(tmp_path: Path) -> None:
    data = Split(random_samples(8), random_samples(2, size=9.0))
    with pytest.raises(OutOfRange) as caught:
        _calibrate(tmp_path, data=data)
    assert caught.value.block == 0
    assert _calibrate(tmp_path, data=data, margin=20.0).report.samples == 2


def test_nan_in_a_sample(tmp_path: Path) -> None:
    arrays = {name: array.copy() for name, array in random_samples(4).arrays.items()}
    arrays["side"][2, 0, WIDTH - 1] = np.nan
    with pytest.raises(MalformedTensor, match="side"):
        _calibrate(tmp_path, data=Split(Samples(arrays), random_samples(2)))


def test_float_model_that_overflows(tmp_path: Path) -> None:
    plan, graphs, models = residual_chain()
    broken = onnx.ModelProto()
    broken.CopyFrom(models.original)
    for tensor in broken.graph.initializer:
        if tensor.name == "b2":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(3, np.inf, np.float32), "b2"))
    with pytest.raises(MalformedTensor, match="float model"):
        calibrate(
            IntegerProver(),
            plan,
            graphs,
            split(random_samples(4)),
            type(models)(broken, models.rewritten),
            scale_bits=8,
            link=Link.PUBLIC,
            directory=tmp_path,
        )


def test_ranges_as_json(tmp_path: Path) -> None:
    plan, graphs, _ = residual_chain()
    heard: list[tuple[str, int, int]] = []
    measured = measure_ranges(
        IntegerProver(),
        plan,
        graphs,
        random_samples(20),
        scale_bits=9,
        link=Link.PUBLIC,
        directory=tmp_path,
        progress=lambda what, done, total: heard.append((what, done, total)),
    )
    assert [done for _, done, _ in heard] == [16, 20] * 3 and not list(tmp_path.iterdir())
    record = measured.to_json()
    assert MeasuredRanges.from_json(record, "ranges.json") == measured
    for change in ({"link": "wool"}, {"blocks": 3}, {"samples": 0}, {"more": 1}):
        with pytest.raises(MalformedArchive):
            MeasuredRanges.from_json({**record, **change}, "ranges.json")


def test_margin() -> None:
    assert with_margin(Ranges(-3, 5, 7), 1.5) == Ranges(-5, 8, 11)
    assert with_margin(Ranges(4, 5, 7), 1.0) == Ranges(0, 5, 7)
    assert with_margin(Ranges(0, 0, 7), 2.0) == Ranges(0, 0, 14)
    for bad in (0.99, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageConflict):
            with_margin(Ranges(0, 0, 1), bad)
