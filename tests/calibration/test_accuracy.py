"""Errors, steps, agreement and their JSON; the plot; the search for a scale."""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkdps.calibration.accuracy import (
    MAX_POINTS,
    AccuracyReport,
    agreement,
    points,
    tensor_error,
)
from zkdps.calibration.accuracy_json import from_json
from zkdps.calibration.plots import accuracy_svg
from zkdps.calibration.reference import Source
from zkdps.calibration.scale_search import (
    MAX_SCALE_BITS,
    MIN_SCALE_BITS,
    search,
)
from zkdps.core.canonical import canonical_json, parse_canonical
from zkdps.core.errors import (
    AccuracyMissed,
    LayoutFailed,
    MalformedArchive,
    MissingPackage,
    ShapeMismatch,
    UnknownVersion,
)
from zkdps.core.fixed_point import FixedTensor

REFERENCE = np.array([[[1.0, 2.0, 0.5]], [[-1.0, 0.25, 3.0]]], dtype=np.float32)
TENSORS = (
    FixedTensor(np.array([[8, 17, 3]]), 3),
    FixedTensor(np.array([[-8, 26, 25]]), 3),
)


def _report() -> AccuracyReport:
    return AccuracyReport(
        scale_bits=3,
        samples=2,
        data_sha256="ab" * 32,
        provider="CPUExecutionProvider",
        tensors=(
            tensor_error("x", -1, Source.ORIGINAL, REFERENCE, TENSORS),
            tensor_error("$_logits", 0, Source.ORIGINAL, REFERENCE, TENSORS),
        ),
        outputs=("$_logits",),
        agreements=(agreement("$_logits", REFERENCE, TENSORS, np.array([1, 2])),),
        points=(points("$_logits", REFERENCE, TENSORS),),
    )


def test_errors_in_real_units_and_steps() -> None:
    error = tensor_error("t", 4, Source.REWRITTEN, REFERENCE, TENSORS)
    assert (error.max_abs, error.max_abs_steps) == (3.0, 24)
    assert error.mean_abs == pytest.approx((0 + 0.125 + 0.125 + 0 + 3.0 + 0.125) / 6)
    assert error.mean_abs_steps == 8 * error.mean_abs and error.largest == 3.0
    a_bit_more = replace(error, max_abs=math.nextafter(3.0, 4.0))
    assert a_bit_more.max_abs_steps == 25, "rounded up"


def test_agreement_and_labels() -> None:
    found = agreement("logits", REFERENCE, TENSORS, np.array([1, 2]))
    assert (found.decisions, found.agreeing, found.correct, found.correct_float) == (2, 1, 1, 2)
    assert agreement("logits", REFERENCE, TENSORS, None).correct is None
    with pytest.raises(ShapeMismatch):
        agreement("logits", REFERENCE, TENSORS, np.array([1, 2, 0]))


def test_the_float_model_must_compute_the_same_shape() -> None:
    with pytest.raises(ShapeMismatch):
        tensor_error("t", 0, Source.ORIGINAL, REFERENCE[:, 0], TENSORS)


def test_requiring_an_error() -> None:
    _report().require(3.0)
    with pytest.raises(AccuracyMissed):
        _report().require(2.9)


def test_json_there_and_back() -> None:
    report = _report()
    data = canonical_json(report.to_json())
    assert from_json(parse_canonical(data, "accuracy.json"), "accuracy.json") == report
    unlabelled = replace(
        report, agreements=(replace(report.agreements[0], correct=None, correct_float=None),)
    )
    assert from_json(unlabelled.to_json(), "accuracy.json") == unlabelled


def _first(name: str, **change: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda record: {**record, name: [{**record[name][0], **change}, *record[name][1:]]}


@pytest.mark.parametrize(
    "change",
    [
        _first("tensors", max_abs="0.5"),
        _first("tensors", max_abs="nan", max_abs_steps=0),
        _first("tensors", max_abs="1e0"),
        _first("tensors", mean_abs="much"),
        _first("tensors", source="rumour"),
        _first("tensors", more=1),
        _first("agreements", agreeing=3),
        _first("agreements", labelled={"correct": 1}),
        _first("points", integers=[1]),
        lambda record: {**record, "outputs": ["other"]},
        lambda record: {**record, "outputs": []},
        lambda record: {**record, "note": "hello"},
    ],
)
def test_json_that_is_no_report(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    record: dict[str, Any] = dict(_report().to_json())
    with pytest.raises(MalformedArchive):
        from_json(change(record), "accuracy.json")


def test_json_of_a_later_version() -> None:
    with pytest.raises(UnknownVersion):
        from_json({**_report().to_json(), "version": 2}, "accuracy.json")


def test_points_are_bounded() -> None:
    many = np.zeros((3, 1, 1000), np.float32)
    found = points("t", many, [FixedTensor(np.zeros((1, 1000), np.int64), 3)] * 3)
    assert len(found.integers) == len(found.reference) <= MAX_POINTS


def test_plot_is_svg_and_byte_reproducible() -> None:
    drawn = accuracy_svg(_report())
    assert drawn == accuracy_svg(_report())
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert b"dc:date" not in drawn
    assert drawn != accuracy_svg(replace(_report(), samples=3))


def test_plot_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackage, match=r"zkdps\[operator\]"):
        accuracy_svg(_report())


@given(
    st.floats(1e-6, 100),
    st.floats(1e-5, 1),
    st.integers(MIN_SCALE_BITS, MAX_SCALE_BITS),
    st.integers(MIN_SCALE_BITS, MAX_SCALE_BITS),
    st.lists(st.floats(0.75, 1.3), min_size=MAX_SCALE_BITS + 1, max_size=MAX_SCALE_BITS + 1),
)
def test_search_finds_the_smallest_usable_scale(
    size: float, target: float, least: int, most: int, wobble: list[float]
) -> None:
    """Errors that about halve per bit, between scales too small and too large to lay out."""
    tried: list[int] = []

    def error(bits: int) -> float:
        return size * 2.0**-bits * wobble[bits]

    def measure(bits: int) -> float:
        assert MIN_SCALE_BITS <= bits <= MAX_SCALE_BITS and bits not in tried, tried
        tried.append(bits)
        if not least <= bits <= most:
            raise LayoutFailed(0, "no")
        return error(bits)

    usable = range(least, most + 1)
    good = [bits for bits in usable if error(bits) <= target]
    if good:
        found = search(measure, target)
        assert found.scale_bits == good[0]
        assert [trial.scale_bits for trial in found.trials] == tried
    elif usable:
        with pytest.raises(AccuracyMissed) as caught:
            search(measure, target)
        assert caught.value.best == min(error(bits) for bits in tried if bits in usable)
    else:
        with pytest.raises(LayoutFailed):
            search(measure, target)


def test_prediction_saves_trials() -> None:
    tried: list[int] = []

    def measure(bits: int) -> float:
        tried.append(bits)
        return 2.0**-bits

    assert search(measure, 2.0**-13).scale_bits == 13
    assert tried == [9, 13, 12], "one to predict from, the prediction, and the one below it"
