"""How far the proven integers lie from the float model, measured on held-out samples.

A statement about data, not a proof.  Reals are kept as decimal strings (the shortest that read back
to the same float64), so that the report has a digest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zkdps.calibration.array_files import Array
from zkdps.calibration.reference import Source
from zkdps.core.canonical import Json, digest_of
from zkdps.core.errors import AccuracyMissed, MalformedTensor, ShapeMismatch
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.model_key import Accuracy, ErrorBound

ACCURACY_FORMAT = "zkdps-accuracy"
ACCURACY_VERSION = 1

MAX_POINTS = 400
"""Points kept of each output for the scatter plot, at equal strides."""


@dataclass(frozen=True, slots=True)
class TensorError:
    """One tensor: float reference against integers, over all held-out samples."""

    tensor: str
    producer: int
    """Block index, or `core.plan.MODEL` for an input: there the error is that of rounding."""
    source: Source
    """Which float model it is compared with."""
    scale_bits: int
    max_abs: float
    """Largest absolute difference, in real units."""
    mean_abs: float
    """Mean absolute difference, in real units."""
    largest: float
    """Largest magnitude of the reference."""

    @property
    def max_abs_steps(self) -> int:
        """`max_abs` in steps of `2**-scale_bits`, rounded up."""
        return math.ceil(math.ldexp(self.max_abs, self.scale_bits))

    @property
    def mean_abs_steps(self) -> float:
        """`mean_abs` in steps of `2**-scale_bits`."""
        return math.ldexp(self.mean_abs, self.scale_bits)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A classifier's output: the class is the argmax over the last axis, the first of equals."""

    tensor: str
    decisions: int
    """Rows compared: one a sample, for an output (1, classes)."""
    agreeing: int
    """Rows where integers and float model choose the same class."""
    correct: int | None
    """Rows where the integers choose the labelled class; `None` without labels."""
    correct_float: int | None
    """Likewise for the float model."""


@dataclass(frozen=True, slots=True)
class Points:
    """Some elements of one output, for the scatter plot."""

    tensor: str
    reference: tuple[float, ...]
    integers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """What calibration ends with; `accuracy.json` of a model package."""

    scale_bits: int
    samples: int
    """Held-out samples measured."""
    data_sha256: str
    """Digest of all data, calibration and held out (`Split.sha256`)."""
    provider: str
    """The onnxruntime provider of the reference."""
    tensors: tuple[TensorError, ...]
    """Every tensor that crosses a boundary, in the plan's order."""
    outputs: tuple[str, ...]
    """The model's outputs: their entries are the end-to-end error, against the original model."""
    agreements: tuple[Agreement, ...]
    """One per classifying output."""
    points: tuple[Points, ...]
    """One per output."""

    @property
    def max_abs_error(self) -> float:
        """End to end: the largest absolute difference at any output, in real units."""
        return max(error.max_abs for error in self.tensors if error.tensor in self.outputs)

    def for_key(self) -> Accuracy:
        """What the model key says of it."""
        errors = {error.tensor: error for error in self.tensors}
        bounds = tuple(ErrorBound(name, errors[name].max_abs_steps) for name in self.outputs)
        return Accuracy(self.samples, self.data_sha256, bounds)

    def require(self, target_error: float) -> None:
        """Raise `AccuracyMissed` unless the end-to-end error is at most `target_error`."""
        if not self.max_abs_error <= target_error:
            raise AccuracyMissed(target_error, self.max_abs_error, self.scale_bits)

    def to_json(self) -> dict[str, Json]:
        """The record as canonical JSON can hold it; `accuracy_json.from_json` is the inverse."""
        return {
            "format": ACCURACY_FORMAT,
            "version": ACCURACY_VERSION,
            "scale_bits": self.scale_bits,
            "samples": self.samples,
            "data_sha256": self.data_sha256,
            "provider": self.provider,
            "tensors": [_error_record(error) for error in self.tensors],
            "outputs": list(self.outputs),
            "agreements": [_agreement_record(agreement) for agreement in self.agreements],
            "points": [
                {
                    "tensor": points.tensor,
                    "reference": [repr(value) for value in points.reference],
                    "integers": list(points.integers),
                }
                for points in self.points
            ],
        }

    @property
    def digest(self) -> str:
        """SHA-256 hex of the canonical JSON."""
        return digest_of(self.to_json())


def tensor_error(
    name: str,
    producer: int,
    source: Source,
    reference: Array,
    tensors: Sequence[FixedTensor],
) -> TensorError:
    """Compare one tensor over all samples.

    Args:
        name: of the tensor.
        producer: block index or `MODEL`.
        source: which float model `reference` is of.
        reference: `(samples, *shape)`.
        tensors: one entry a sample.

    Raises:
        ShapeMismatch: the float model computes another shape.
        MalformedTensor: the float model computes NaN or infinity.
    """
    proven = reals(tensors)
    if proven.shape != reference.shape:
        raise ShapeMismatch(name, proven.shape, reference.shape)
    expected = reference.astype(np.float64)
    if not np.isfinite(expected).all():
        raise MalformedTensor(name, "is NaN or infinite in the float model on these samples")
    error = np.abs(expected - proven)
    return TensorError(
        tensor=name,
        producer=producer,
        source=source,
        scale_bits=tensors[0].scale_bits,
        max_abs=float(error.max(initial=0)),
        mean_abs=float(error.mean()) if error.size else 0.0,
        largest=float(np.abs(expected).max(initial=0)),
    )


def agreement(
    name: str,
    reference: Array,
    tensors: Sequence[FixedTensor],
    labels: NDArray[np.int64] | None,
) -> Agreement:
    """Compare the classes that the float model and the integers choose.

    Args:
        name: of the output.
        reference: `(samples, ..., classes)`.
        tensors: one entry a sample.
        labels: `(samples,)` or `(samples, ...)`, as many entries as there are rows.

    Raises:
        ShapeMismatch: labels of another number than rows.
    """
    expected = reference.argmax(axis=-1).ravel()
    chosen = np.stack([tensor.integers for tensor in tensors]).argmax(axis=-1).ravel()
    if labels is not None and labels.size != expected.size:
        raise ShapeMismatch("label", reference.shape[:-1], labels.shape)
    flat = None if labels is None else labels.ravel()
    return Agreement(
        tensor=name,
        decisions=int(expected.size),
        agreeing=int((expected == chosen).sum()),
        correct=None if flat is None else int((chosen == flat).sum()),
        correct_float=None if flat is None else int((expected == flat).sum()),
    )


def points(name: str, reference: Array, tensors: Sequence[FixedTensor]) -> Points:
    """At most `MAX_POINTS` elements of an output, the first one and then at equal strides."""
    integers = np.stack([tensor.integers for tensor in tensors]).ravel()
    stride = max(1, math.ceil(integers.size / MAX_POINTS))
    expected = reference.astype(np.float64).ravel()[::stride]
    return Points(
        name,
        tuple(float(value) for value in expected),
        tuple(int(value) for value in integers[::stride]),
    )


def reals(tensors: Sequence[FixedTensor]) -> NDArray[np.float64]:
    """The real values of one tensor over all samples, `(samples, *shape)`."""
    return np.stack([tensor.reals for tensor in tensors])


def largest_error(
    outputs: Sequence[str],
    references: Mapping[str, Array],
    values: Mapping[str, Sequence[FixedTensor]],
) -> float:
    """The end-to-end error: the largest absolute difference at any of the model's outputs.

    Raises:
        ShapeMismatch, MalformedTensor: as `tensor_error`.
    """
    return max(
        tensor_error(name, 0, Source.ORIGINAL, references[name], values[name]).max_abs
        for name in outputs
    )


def _error_record(error: TensorError) -> dict[str, Json]:
    return {
        "tensor": error.tensor,
        "producer": error.producer,
        "source": error.source.value,
        "scale_bits": error.scale_bits,
        "max_abs": repr(error.max_abs),
        "mean_abs": repr(error.mean_abs),
        "largest": repr(error.largest),
        "max_abs_steps": error.max_abs_steps,
        "mean_abs_steps": repr(error.mean_abs_steps),
    }


def _agreement_record(agreement: Agreement) -> dict[str, Json]:
    labelled = agreement.correct is not None
    return {
        "tensor": agreement.tensor,
        "decisions": agreement.decisions,
        "agreeing": agreement.agreeing,
        "labelled": {"correct": agreement.correct, "correct_float": agreement.correct_float}
        if labelled
        else None,
    }
