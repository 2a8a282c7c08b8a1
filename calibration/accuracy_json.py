"""Read `accuracy.json` back: strict, as everything that comes from a file."""

from __future__ import annotations

import math

from zkdps.calibration.accuracy import (
    ACCURACY_FORMAT,
    ACCURACY_VERSION,
    AccuracyReport,
    Agreement,
    Points,
    TensorError,
)
from zkdps.calibration.reference import Source
from zkdps.core.canonical import Json
from zkdps.core.errors import UnknownVersion
from zkdps.core.fields import Fields
from zkdps.core.fixed_point import MAX_ABS_INTEGER
from zkdps.core.plan import MODEL

_MAX_COUNT = 1 << 40
_MAX_SCALE_BITS = 64


def from_json(value: Json, path: str) -> AccuracyReport:
    """The report that `AccuracyReport.to_json` wrote into `path`.

    Raises:
        MalformedArchive: it is none.
        UnknownVersion: of another format or version.
    """
    fields = Fields(value, path, "the accuracy report")
    found = f"{fields.text('format')} {fields.integer('version', 0, 1 << 30)}"
    wanted = f"{ACCURACY_FORMAT} {ACCURACY_VERSION}"
    if found != wanted:
        raise UnknownVersion(path, wanted, found)
    report = AccuracyReport(
        scale_bits=fields.integer("scale_bits", 0, _MAX_SCALE_BITS),
        samples=fields.integer("samples", 1, _MAX_COUNT),
        data_sha256=fields.digest("data_sha256"),
        provider=fields.text("provider"),
        tensors=tuple(_tensor_error(item) for item in fields.objects("tensors")),
        outputs=fields.texts("outputs"),
        agreements=tuple(_agreement(item) for item in fields.objects("agreements")),
        points=tuple(_points(item) for item in fields.objects("points")),
    )
    fields.done()
    if not report.outputs or not set(report.outputs) <= {e.tensor for e in report.tensors}:
        raise fields.refuse("an output has no entry")
    return report


def _tensor_error(fields: Fields) -> TensorError:
    source = fields.text("source")
    if source not in {known.value for known in Source}:
        raise fields.refuse(f"source {source!r} is unknown")
    error = TensorError(
        tensor=fields.text("tensor"),
        producer=fields.integer("producer", MODEL, 1 << 30),
        source=Source(source),
        scale_bits=fields.integer("scale_bits", 0, _MAX_SCALE_BITS),
        max_abs=_real(fields, "max_abs", fields.text("max_abs")),
        mean_abs=_real(fields, "mean_abs", fields.text("mean_abs")),
        largest=_real(fields, "largest", fields.text("largest")),
    )
    steps = fields.integer("max_abs_steps", 0, 1 << 120)
    if steps != error.max_abs_steps or fields.text("mean_abs_steps") != repr(error.mean_abs_steps):
        raise fields.refuse("the error in steps is not the error in real units")
    fields.done()
    return error


def _agreement(fields: Fields) -> Agreement:
    decisions = fields.integer("decisions", 0, _MAX_COUNT)
    labelled = fields.optional_object("labelled")
    record = Agreement(
        tensor=fields.text("tensor"),
        decisions=decisions,
        agreeing=fields.integer("agreeing", 0, decisions),
        correct=None if labelled is None else labelled.integer("correct", 0, decisions),
        correct_float=None if labelled is None else labelled.integer("correct_float", 0, decisions),
    )
    if labelled is not None:
        labelled.done()
    fields.done()
    return record


def _points(fields: Fields) -> Points:
    record = Points(
        tensor=fields.text("tensor"),
        reference=tuple(_real(fields, "reference", t) for t in fields.texts("reference")),
        integers=fields.integers("integers", -MAX_ABS_INTEGER, MAX_ABS_INTEGER),
    )
    fields.done()
    if len(record.reference) != len(record.integers):
        raise fields.refuse("as many integers as reals are needed")
    return record


def _real(fields: Fields, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise fields.refuse(f"{name!r} holds {text[:40]!r}, not a number") from error
    if not math.isfinite(value) or repr(value) != text:
        raise fields.refuse(f"{name!r} holds {text[:40]!r}, not a finite number as zkdps writes it")
    return value
