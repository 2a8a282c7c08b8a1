"""This machine's constants of the cost model, from two probe circuits.

Memory is a property of ezkl; seconds are the machine's.  Two circuits of
different size give a base and a slope for setup and for proving.  The result is kept in the cache,
by ezkl version: fitting takes about half a minute, once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zkdps.core.canonical import canonical_json, parse_canonical
from zkdps.core.errors import MalformedArchive, StorageFailed
from zkdps.core.plan import Block, TensorSpec
from zkdps.core.prover import BlockGraph
from zkdps.core.statement import Link, Usage
from zkdps.provers.ezkl.cost import Layout, Machine
from zkdps.provers.ezkl.settings import Choice

PROBE_LOGROWS = (12, 14)
"""The two probes, 19 and 76 MB of proving key."""
PROBE_WIDTH = 32
_SCALE_BITS = 7
_MICRO = 1_000_000

Measure = Callable[[BlockGraph, Choice], tuple[Layout, Usage, Usage]]
"""Builds and proves a circuit: its layout, what setup and what proving took."""


def constants_path(cache: Path, ezkl_version: str) -> Path:
    """Where the fitted constants are kept."""
    return cache / f"machine-ezkl-{ezkl_version}.json"


def machine_constants(cache: Path, ezkl_version: str) -> Machine:
    """The fitted constants, or defaults that say so (`measured` is false)."""
    path = constants_path(cache, ezkl_version)
    try:
        record = parse_canonical(path.read_bytes(), str(path))
        seconds = {name: int(str(record[name])) / _MICRO for name in _SECONDS}
    except FileNotFoundError:
        return Machine()
    except (KeyError, ValueError) as error:
        raise MalformedArchive(str(path), f"not fitted constants: {error}") from error
    return Machine(**seconds, measured=True)


def fit_machine(cache: Path, ezkl_version: str, measure: Measure) -> Machine:
    """Prove the probes and keep what they took.

    Raises:
        StorageFailed: the cache cannot be written.
    """
    (small, *first), (large, *second) = (
        measure(_probe(), _choice(logrows)) for logrows in PROBE_LOGROWS
    )
    setup = _line(small.pk_bytes / 1e9, first[0].cpu_s, large.pk_bytes / 1e9, second[0].cpu_s)
    prove = _line(small.prove_work, first[1].cpu_s, large.prove_work, second[1].cpu_s)
    fitted = dict(zip(_SECONDS, (*setup, *prove), strict=True))
    path = constants_path(cache, ezkl_version)
    record = {name: round(value * _MICRO) for name, value in fitted.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(canonical_json(record))
        part.replace(path)
    except OSError as error:
        raise StorageFailed(str(path), error.strerror or str(error)) from error
    return machine_constants(cache, ezkl_version)


_SECONDS = ("setup_base_s", "setup_s_per_gb", "prove_base_s", "prove_s_per_unit")


def _line(low: float, low_s: float, high: float, high_s: float) -> tuple[float, float]:
    """Base and slope of the line through two measurements, neither below zero."""
    slope = max(0.0, (high_s - low_s) / (high - low))
    return max(0.0, low_s - slope * low), slope


def _choice(logrows: int) -> Choice:
    reach = 1 << (logrows - 2)
    return Choice(
        scale_bits=_SCALE_BITS,
        link=Link.POLYCOMMIT,
        logrows=logrows,
        columns=2,
        decomp_base=1 << (logrows - 1),
        decomp_legs=2,
        lookup_min=-reach,
        lookup_max=reach,
        disable_freivalds=False,
        calibrated=True,
    )


def _probe() -> BlockGraph:
    """A linear layer followed by ReLU: rebases and range checks, what most blocks are made of."""
    from onnx import TensorProto, helper

    shape = [1, PROBE_WIDTH]
    value = helper.make_tensor_value_info
    # A fixed pattern of small weights; what they are does not change the layout.
    weights = [(index * 7 % 13 - 6) / 16 for index in range(PROBE_WIDTH**2)]
    matrix = helper.make_tensor("w", TensorProto.FLOAT, [PROBE_WIDTH, PROBE_WIDTH], weights)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Relu", ["z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "probe",
        [value("x", TensorProto.FLOAT, shape)],
        [value("y", TensorProto.FLOAT, shape)],
        [matrix],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    specs = [TensorSpec(name, (1, PROBE_WIDTH), "float32", _SCALE_BITS) for name in "xy"]
    block = Block(0, "probe", ("x",), ("y",))
    return BlockGraph(block, model.SerializeToString(), (specs[0],), (specs[1],))
