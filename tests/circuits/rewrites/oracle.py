"""What ezkl makes of a small model: its settings, and the numbers that its witness holds.

The tests of the rewrites ask two questions of every model: does ezkl lay it out, with how many
rows and at which output scale (`settings`), and what does the circuit compute (`witness`)?
Nothing is proven here: `gen_witness` runs the very layout that `prove` runs.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ezkl
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

DECOMPOSITION_BASE = 1 << 14
"""With two legs, values within 2^28: enough for every model of these tests."""


class EzklRefused(Exception):
    """ezkl raised or panicked; the text is its own."""


@dataclass(frozen=True)
class Settings:
    """What `gen_settings` says of a model that counts for a rewrite."""

    rows: int
    output_scales: tuple[int, ...]
    shuffles: int
    raw: dict[str, Any]


@dataclass(frozen=True)
class Witness:
    """Outputs of the circuit as reals, in graph order, and the range of its lookups."""

    outputs: tuple[NDArray[np.float64], ...]
    lookup_range: tuple[int, int]


def settings(model: onnx.ModelProto, scale_bits: int = 8) -> Settings:
    """Lay the model out at one scale for inputs and weights.

    Raises:
        EzklRefused: ezkl raised or panicked.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _settings(Path(folder), model, scale_bits)


def witness(
    model: onnx.ModelProto, inputs: Mapping[str, NDArray[Any]], scale_bits: int = 8
) -> Witness:
    """Run the circuit of the model on one input per graph input.

    Raises:
        EzklRefused: ezkl raised or panicked.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = _settings(folder, model, scale_bits)
        data = [np.asarray(inputs[i.name]).flatten().tolist() for i in model.graph.input]
        (folder / "input.json").write_text(json.dumps({"input_data": data}))
        paths = [str(folder / p) for p in ("model.onnx", "model.ezkl", "settings.json")]
        _guarded(ezkl.compile_circuit, *paths)
        found = _guarded(
            ezkl.gen_witness, str(folder / "input.json"), paths[1], str(folder / "witness.json")
        )
    outputs = tuple(
        np.array([ezkl.felt_to_float(felt, scale) for felt in felts])
        for felts, scale in zip(found["outputs"], known.output_scales, strict=True)
    )
    return Witness(outputs, (found["min_lookup_inputs"], found["max_lookup_inputs"]))


def float_outputs(
    model: onnx.ModelProto, inputs: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], ...]:
    """What onnxruntime, with its own rewrites off, computes: the reference."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return tuple(np.asarray(output) for output in session.run(None, dict(inputs)))


def circuit_error(
    model: onnx.ModelProto,
    inputs: Mapping[str, NDArray[Any]],
    scale_bits: int = 8,
    reference: onnx.ModelProto | None = None,
) -> float:
    """Largest absolute difference of the circuit's outputs from onnxruntime's on the reference.

    Infinite where the circuit puts out another number of elements.
    """
    expected = float_outputs(reference or model, inputs)
    got = witness(model, inputs, scale_bits).outputs
    return max(
        float(np.abs(e.flatten().astype(np.float64) - g).max()) if e.size == g.size else np.inf
        for e, g in zip(expected, got, strict=True)
    )


def _settings(folder: Path, model: onnx.ModelProto, scale_bits: int) -> Settings:
    args: Any = ezkl.PyRunArgs()
    args.input_scale = args.param_scale = scale_bits
    args.scale_rebase_multiplier = 1
    args.input_visibility, args.output_visibility = "polycommit", "polycommit"
    args.param_visibility = "fixed"
    args.decomp_base, args.decomp_legs = DECOMPOSITION_BASE, 2
    args.num_inner_cols = 2
    args.logrows = 20
    args.lookup_range = (-(1 << 15), 1 << 15)
    onnx.save(model, str(folder / "model.onnx"))
    path = folder / "settings.json"
    _guarded(ezkl.gen_settings, str(folder / "model.onnx"), str(path), py_run_args=args)
    raw: dict[str, Any] = json.loads(path.read_text())
    shuffles = int(raw["total_shuffle_col_size"]) if "total_shuffle_col_size" in raw else 0
    return Settings(int(raw["num_rows"]), tuple(raw["model_output_scales"]), shuffles, raw)


def _guarded(call: Any, *args: Any, **kwargs: Any) -> Any:
    """Run an ezkl call, awaitable or not; its panics are `BaseException`s."""

    async def run() -> Any:
        result = call(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    try:
        return asyncio.run(run())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise EzklRefused(str(error)) from error
