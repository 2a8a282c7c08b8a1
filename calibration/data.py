"""Calibration data: one array per graph input, keyed by its name, samples on the first axis.

A file may hold more than the inputs: `label` (the true class of each sample), and under `test_NAME`
for every input, with `test_label`, samples that are held out from calibration.  Without those a
quarter is held out: the samples whose index has the smallest SHA-256.  That is as good as random,
the same on every machine, and not fooled by data sorted in periods.

A model whose inputs have a leading axis of 1 (a batch) takes samples with or without that axis:
`(samples, 1, 8, 8)` is data for an input `(1, 1, 8, 8)`, and so is `(samples, 1, 1, 8, 8)`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkdps.calibration.array_files import Array, read_arrays
from zkdps.core.canonical import digest_of, sha256_hex
from zkdps.core.errors import MalformedTensor, ShapeMismatch
from zkdps.core.plan import TensorSpec

LABEL = "label"
HELD_OUT_PREFIX = "test_"
HELD_OUT_SHARE = 4
"""One sample in so many is held out, at least one."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Inputs of a model, many at once."""

    arrays: Mapping[str, Array]
    """Input name to `(samples, *shape)` of the input's dtype, finite."""
    labels: NDArray[np.int64] | None = None
    """`(samples, ...) int64`: true classes, where known."""

    def __len__(self) -> int:
        return int(next(iter(self.arrays.values())).shape[0])

    def sample(self, index: int) -> dict[str, Array]:
        """Input name to the array of one sample, of the input's shape."""
        return {name: array[index] for name, array in self.arrays.items()}

    def take(self, indices: Sequence[int]) -> Samples:
        """These samples, in this order."""
        chosen = list(indices)
        return Samples(
            {name: array[chosen] for name, array in self.arrays.items()},
            None if self.labels is None else self.labels[chosen],
        )

    def first(self, count: int) -> Samples:
        """At most `count` samples from the front."""
        return self.take(range(min(count, len(self))))

    @property
    def sha256(self) -> str:
        """Digest of names, dtypes, shapes, values and labels, whatever file they came from."""
        tensors = {name: _array_record(array) for name, array in self.arrays.items()}
        labels = None if self.labels is None else _array_record(self.labels)
        return digest_of({"arrays": tensors, "labels": labels})


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The samples that set the circuits' ranges, and those that only measure."""

    calibration: Samples
    held_out: Samples

    @property
    def sha256(self) -> str:
        """Digest of both parts: `core.model_key.Accuracy.data_sha256`."""
        parts = {"calibration": self.calibration.sha256, "held_out": self.held_out.sha256}
        return digest_of(parts)


def load_samples(path: Path, specs: Sequence[TensorSpec]) -> Samples:
    """All samples of a file that holds the inputs `specs`, perhaps `label`, and nothing else.

    Raises:
        UnreadableFile, MissingPackage: as `array_files.read_arrays`.
        MalformedTensor: an array is missing or foreign, of the wrong type, not finite, empty, or
            has more or fewer samples than another.
        ShapeMismatch: samples of another shape than the input.
    """
    arrays = read_arrays(path)
    allowed = {spec.name for spec in specs} | {LABEL}
    _refuse_foreign(arrays, allowed, path)
    return _samples(arrays, specs, "", path)


def load_split(path: Path, specs: Sequence[TensorSpec]) -> Split:
    """Samples to calibrate with and samples held out, as the file gives them or by `split`.

    Raises:
        As `load_samples`; MalformedTensor also if there is one sample only.
    """
    arrays = read_arrays(path)
    names = {spec.name for spec in specs} | {LABEL}
    _refuse_foreign(arrays, names | {HELD_OUT_PREFIX + name for name in names}, path)
    calibration = _samples(arrays, specs, "", path)
    given = {HELD_OUT_PREFIX + name for name in names} - names
    if given.isdisjoint(arrays):
        return split(calibration)
    return Split(calibration, _samples(arrays, specs, HELD_OUT_PREFIX, path))


def load_inputs(path: Path, specs: Sequence[TensorSpec]) -> dict[str, Array]:
    """One input of the model: the same names, no axis of samples.

    Raises:
        As `load_samples`.
    """
    arrays = read_arrays(path)
    _refuse_foreign(arrays, {spec.name for spec in specs}, path)
    found = {}
    for spec in specs:
        array = _present(arrays, spec.name, path)
        if array.shape not in _sample_shapes(spec):
            raise ShapeMismatch(spec.name, spec.shape, array.shape)
        found[spec.name] = _typed(array.reshape(spec.shape), spec, spec.name)
    return found


def split(samples: Samples) -> Split:
    """Hold out a quarter, at least one, chosen by the SHA-256 of the index.

    Raises:
        MalformedTensor: fewer than two samples.
    """
    count = len(samples)
    if count < 2:
        name = next(iter(samples.arrays))
        raise MalformedTensor(name, "has one sample; one to calibrate and one to hold out is least")
    ranked = sorted(range(count), key=lambda i: hashlib.sha256(b"zkdps split %d" % i).digest())
    held_out = sorted(ranked[: max(1, count // HELD_OUT_SHARE)])
    kept = sorted(set(range(count)) - set(held_out))
    return Split(samples.take(kept), samples.take(held_out))


# --- checks ------------------------------------------------------------------------------------


def _refuse_foreign(arrays: Mapping[str, Array], allowed: set[str], path: Path) -> None:
    for name in sorted(set(arrays) - allowed):
        raise MalformedTensor(name, f"stands in {path}, which may hold {sorted(allowed)}")


def _present(arrays: Mapping[str, Array], name: str, path: Path) -> Array:
    if name not in arrays:
        raise MalformedTensor(name, f"is missing in {path}, which holds {sorted(arrays)}")
    return arrays[name]


def _samples(
    arrays: Mapping[str, Array], specs: Sequence[TensorSpec], prefix: str, path: Path
) -> Samples:
    stacked = {
        spec.name: _stacked(_present(arrays, prefix + spec.name, path), spec, prefix + spec.name)
        for spec in specs
    }
    counts = {name: array.shape[0] for name, array in stacked.items()}
    first, count = next(iter(counts.items()))
    for name, other in counts.items():
        if other != count:
            raise MalformedTensor(
                prefix + name, f"has {other} samples, {prefix + first!r} has {count}"
            )
    # A model may have an input that is itself called `label`.
    is_input = prefix + LABEL in {spec.name for spec in specs} or LABEL in counts
    given = None if is_input else arrays.get(prefix + LABEL)
    return Samples(stacked, None if given is None else _labels(given, count, prefix + LABEL))


def _sample_shapes(spec: TensorSpec) -> tuple[tuple[int, ...], ...]:
    return (spec.shape, spec.shape[1:]) if spec.shape[:1] == (1,) else (spec.shape,)


def _stacked(array: Array, spec: TensorSpec, name: str) -> Array:
    if array.ndim == 0 or array.shape[1:] not in _sample_shapes(spec):
        raise ShapeMismatch(name, (max(array.shape[:1], default=1), *spec.shape), array.shape)
    if array.shape[0] == 0:
        raise MalformedTensor(name, "has no samples")
    return _typed(array.reshape(array.shape[0], *spec.shape), spec, name)


def _typed(array: Array, spec: TensorSpec, name: str) -> Array:
    wanted = np.dtype(spec.dtype)
    if wanted.kind in "biu" and array.dtype.kind not in "biu":
        raise MalformedTensor(name, f"must hold {wanted}, holds {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise MalformedTensor(name, "holds NaN or infinity")
    with np.errstate(over="ignore"):
        typed = array.astype(wanted)
    if wanted.kind in "biu" and not _holds(wanted, array):
        raise MalformedTensor(name, f"holds integers that {wanted} cannot")
    if wanted.kind == "f" and not np.isfinite(typed).all():
        raise MalformedTensor(name, f"holds values too large for {wanted}")
    return typed


def _holds(wanted: np.dtype[Any], array: Array) -> bool:
    low, high = (0, 1) if wanted.kind == "b" else (np.iinfo(wanted).min, np.iinfo(wanted).max)
    # Python integers: int64 and uint64 have no common type that numpy could compare them in.
    return array.size == 0 or (low <= int(array.min()) and int(array.max()) <= high)


def _labels(array: Array, count: int, name: str) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise MalformedTensor(name, f"holds {array.dtype}, not classes")
    if array.ndim == 0 or array.shape[0] != count:
        raise ShapeMismatch(name, (count,), array.shape)
    return array.astype(np.int64)


def _array_record(array: Array) -> dict[str, str | list[int]]:
    portable = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "sha256": sha256_hex(portable.tobytes()),
    }
