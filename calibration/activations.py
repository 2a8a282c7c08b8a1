"""Float activations at every boundary, by onnxruntime, captured to HDF5 and read back.

The file is byte for byte the same for the same model, samples, machine and versions: no times, a
fixed library version, one dataset per tensor in the order asked for.

    /             attributes: format, version, provider, samples
    /<position>   (samples, *shape), the tensor's dtype; attribute `name`: the ONNX value name,
                  which may hold slashes and so cannot name a dataset
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from zkdps.calibration.array_files import Array
from zkdps.calibration.data import Samples
from zkdps.core.errors import (
    MalformedModel,
    MissingPackage,
    StorageFailed,
    UnknownVersion,
    UnreadableFile,
    UsageConflict,
)

ACTIVATIONS_FORMAT = "zkdps-activations"
ACTIVATIONS_VERSION = 1

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""The fastest first; onnxruntime's other providers are not known to compute the same."""

_LIBVER = ("v110", "v110")


@dataclass(frozen=True, slots=True)
class Activations:
    """A captured file."""

    path: Path
    provider: str
    """The onnxruntime provider that computed it."""
    samples: int
    names: tuple[str, ...]

    def tensor(self, name: str) -> Array:
        """The activations `(samples, *shape)` of one tensor.

        Raises:
            UnreadableFile: the file was damaged since it was opened.
        """
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                return np.asarray(file[str(self.names.index(name))][()])
        except (OSError, KeyError) as error:
            raise UnreadableFile(str(self.path), f"it is damaged: {error}") from error


def choose_provider(requested: str | None) -> str:
    """The provider to use: as asked, else the fastest that this onnxruntime offers.

    Raises:
        MissingPackage: no onnxruntime, or, for CUDA, one without it.
        UsageConflict: a provider that zkdps does not use.
    """
    offered = _onnxruntime().get_available_providers()
    if requested is None:
        return next(provider for provider in PROVIDERS if provider in offered)
    if requested not in PROVIDERS:
        raise UsageConflict(f"provider {requested!r} is none of {list(PROVIDERS)}")
    if requested not in offered:
        raise MissingPackage("onnxruntime-gpu", requested, "gpu")
    return requested


def capture(
    model: onnx.ModelProto,
    names: Sequence[str],
    samples: Samples,
    path: Path,
    *,
    provider: str | None = None,
) -> Activations:
    """Run the float model on every sample and write the tensors `names` to `path`.

    Args:
        model: any model with the inputs of `samples`; weights inside.
        names: values of the model's graph, inputs included; each once.
        samples: the inputs.
        path: the HDF5 file to write, whole or not at all.
        provider: an entry of `PROVIDERS`; `None` for the fastest that starts here.

    Returns:
        The handle, which names the provider that was used.

    Raises:
        MissingPackage: no onnxruntime, or the provider asked for is missing or does not start.
        MalformedModel: onnxruntime refuses the model or its inputs.
        StorageFailed: the disk refused.
    """
    chosen = choose_provider(provider)
    computed = [name for name in names if name not in samples.arrays]
    session = _session(_exposing(model, computed), chosen) if computed else None
    # Where its libraries do not load, onnxruntime goes on with the CPU after a mere warning.
    used = chosen if session is None else str(session.get_providers()[0])
    if provider is not None and used != provider:
        raise MissingPackage("onnxruntime-gpu", f"{provider}, which did not start,", "gpu")
    try:
        handle, temporary = tempfile.mkstemp(prefix=".tmp-", suffix=".h5", dir=path.parent)
        os.close(handle)
        try:
            with _new_file(Path(temporary)) as file:
                file.attrs["provider"] = used
                file.attrs["samples"] = len(samples)
                _fill(file, names, samples, _rows(session, computed, samples))
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(str(path), error.strerror or str(error)) from error
    return Activations(path, used, len(samples), tuple(names))


def open_activations(path: Path) -> Activations:
    """The handle to a file that `capture` wrote on this machine.

    Raises:
        UnreadableFile: missing or damaged.
        UnknownVersion: another format or version.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found = f"{file.attrs.get('format')} {file.attrs.get('version')}"
            wanted = f"{ACTIVATIONS_FORMAT} {ACTIVATIONS_VERSION}"
            if found != wanted:
                raise UnknownVersion(str(path), wanted, found)
            names = tuple(str(file[str(i)].attrs["name"]) for i in range(len(file)))
            return Activations(path, str(file.attrs["provider"]), int(file.attrs["samples"]), names)
    except (OSError, KeyError) as error:
        raise UnreadableFile(str(path), f"it is damaged: {error}") from error


# --- onnxruntime -------------------------------------------------------------------------------


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackage("onnxruntime", "running the float model", "operator") from error
    return onnxruntime


def _exposing(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """The model with exactly the values `names` as outputs."""
    graph = model.graph
    known = {value.name: value for value in (*graph.output, *graph.value_info)}
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    del exposed.graph.output[:]
    for name in names:
        # Without a declared type onnxruntime infers it.
        exposed.graph.output.append(known.get(name, onnx.ValueInfoProto(name=name)))
    return exposed


def _session(model: onnx.ModelProto, provider: str) -> Any:
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    # The reference is the graph as written; fused kernels round differently.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    # One thread adds in one order: the same bytes on every run.
    options.intra_op_num_threads = 1
    with _refusing(model.graph.name or "the float model"):
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=[provider])
    return session


def _rows(session: Any, names: Sequence[str], samples: Samples) -> Iterable[Mapping[str, Array]]:
    """One mapping of tensor name to array per sample, inputs included."""
    wanted = {} if session is None else {i.name: _dtype(i.type) for i in session.get_inputs()}
    for index in range(len(samples)):
        sample = samples.sample(index)
        found = dict(sample)
        if session is not None:
            with _refusing("the float model"):
                feeds = {name: sample[name].astype(dtype) for name, dtype in wanted.items()}
                found.update(zip(names, session.run(list(names), feeds), strict=True))
        yield found


def _dtype(onnx_type: str) -> np.dtype[Any]:
    element = onnx_type.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64"}.get(element, element))


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Turn onnxruntime's own exceptions into `MalformedModel`."""
    state = _onnxruntime().capi.onnxruntime_pybind11_state
    own = (item for item in vars(state).values() if isinstance(item, type))
    foreign: tuple[type[Exception], ...] = (
        *(item for item in own if issubclass(item, Exception)),
        *(ValueError, TypeError, KeyError, RuntimeError),
    )
    try:
        yield
    except foreign as error:
        raise MalformedModel(what, f"onnxruntime says: {error}") from error


# --- HDF5 --------------------------------------------------------------------------------------


def _new_file(path: Path) -> Any:
    import h5py

    file = h5py.File(path, "w", libver=_LIBVER, track_order=False)
    file.attrs["format"] = ACTIVATIONS_FORMAT
    file.attrs["version"] = ACTIVATIONS_VERSION
    return file


def _fill(
    file: Any, names: Sequence[str], samples: Samples, rows: Iterable[Mapping[str, Array]]
) -> None:
    datasets: dict[str, Any] = {}
    for index, row in enumerate(rows):
        for position, name in enumerate(names):
            if name not in datasets:
                datasets[name] = file.create_dataset(
                    str(position),
                    shape=(len(samples), *row[name].shape),
                    dtype=row[name].dtype,
                    track_times=False,
                )
                datasets[name].attrs["name"] = name
            datasets[name][index] = row[name]
