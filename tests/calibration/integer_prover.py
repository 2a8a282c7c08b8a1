"""A back end in exact integers for linear and ReLU layers: the reference twin of the tests.

Its arithmetic is the one that fixed point means: weights at the chain's scale, products at twice
the scale, one rounding to the nearest (halves away from zero) per product.  Its "proof" shows the
integers and verifies by computing them again: sound, and neither short nor secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from zkdps.core.canonical import Json, canonical_json, parse_canonical
from zkdps.core.errors import CheckFailed, LayoutFailed, OutOfRange
from zkdps.core.fixed_point import FixedTensor, from_bytes, round_half_away
from zkdps.core.plan import Cost, TensorSpec
from zkdps.core.prover import BlockEnds, BlockGraph, Circuit, Parameters, Ranges, Trace
from zkdps.core.srs import SrsIdentity
from zkdps.core.statement import Commitment, Link, Proof, Statement, Usage

GENEROUS_LIMIT = 1 << 50
Integers = NDArray[np.int64]


@dataclass
class IntegerProver:
    """Exact; the two fields make it a faulty one."""

    read_shift: dict[int, int] | None = None
    """Block index to bits by which the block misreads its inputs, as with a drifted scale."""
    largest_scale_bits: int = 64
    """Refuse plans beyond this scale."""
    name: str = "integers"
    version: str = "1"
    links: tuple[Link, ...] = (Link.PUBLIC,)
    executed: int = 0
    """Samples executed so far, over all blocks."""

    can_fit: bool = False
    is_fitted: bool = False

    def fit(self) -> None:
        """There is nothing to fit."""

    needs_srs = False
    joint = None
    dialect = "ezkl"
    binds_run = False
    checks_itself = True
    jobs = 1

    def warm(self, circuits: Sequence[Circuit]) -> None:
        """There is nothing to prepare."""

    def check_material(
        self,
        material: Mapping[str, bytes],
        link: Link,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
    ) -> Mapping[str, str]:
        """It makes no keys."""
        return {}

    def is_development(self, trust: Mapping[str, bytes]) -> bool:
        """It needs no SRS."""
        return False

    def close(self) -> None:
        """Nothing is open."""

    def choose(
        self,
        graphs: Sequence[BlockGraph],
        *,
        scale_bits: int,
        link: Link,
        ranges: Sequence[Ranges] | None,
    ) -> tuple[Parameters, ...]:
        if scale_bits > self.largest_scale_bits:
            raise LayoutFailed(0, f"scale_bits {scale_bits} is over {self.largest_scale_bits}")
        limits = [GENEROUS_LIMIT] * len(graphs) if ranges is None else [r.max_abs for r in ranges]
        return tuple({"scale_bits": scale_bits, "limit": limit} for limit in limits)

    def estimate(self, graph: BlockGraph, parameters: Parameters) -> Cost:
        values = sum(spec.size for spec in graph.outputs)
        return Cost(values, 0, 0, 0, 0, 0.0, 0.0, 8 * values)

    def compile(self, graph: BlockGraph, parameters: Parameters, directory: Path) -> Circuit:
        assert not list(directory.iterdir()), "the protocol promises an empty folder"
        (directory / "parameters.json").write_bytes(canonical_json(dict(parameters)))
        (directory / "block.onnx").write_bytes(graph.onnx)
        return Circuit(graph, parameters, directory)

    def open(self, graph: BlockEnds, parameters: Parameters, directory: Path) -> Circuit:
        return Circuit(graph, parameters, directory)

    def setup_inputs(self, parameters: Parameters) -> Json:
        return None

    def setup(self, circuit: Circuit) -> Usage:
        return Usage(0.0, 0.0, 0)

    def material(self, circuit: Circuit, committed: Sequence[TensorSpec]) -> Mapping[str, bytes]:
        return {
            "block.onnx": (circuit.directory / "block.onnx").read_bytes(),
            "parameters.json": canonical_json(dict(circuit.parameters)),
        }

    def trust(self, circuits: Sequence[Circuit]) -> tuple[SrsIdentity | None, Mapping[str, bytes]]:
        return None, {}

    def execute(
        self, circuit: Circuit, samples: Sequence[Sequence[FixedTensor]]
    ) -> tuple[Trace, ...]:
        self.executed += len(samples)
        return tuple(self._execute(circuit, sample) for sample in samples)

    def check_ranges(self, circuit: Circuit, trace: Trace) -> None:
        limit = int(str(circuit.parameters["limit"]))
        if trace.ranges.max_abs > limit:
            got = (-trace.ranges.max_abs, trace.ranges.max_abs)
            index = circuit.graph.block.index
            raise OutOfRange(index, "a boundary value", (-limit, limit), got)

    def statement(self, circuit: Circuit, trace: Trace) -> Statement:
        public = [
            tuple(Commitment(Link.PUBLIC, tensor.to_bytes()) for tensor in side)
            for side in (trace.inputs, trace.outputs)
        ]
        return Statement(circuit.graph.block.index, *public)

    def prove(
        self, circuit: Circuit, trace: Trace, context: bytes = b""
    ) -> tuple[Statement, Proof]:
        self.check_ranges(circuit, trace)
        return self.statement(circuit, trace), Proof(b"")

    def commit(
        self, material: Mapping[str, bytes], link: Link, spec: TensorSpec, tensor: FixedTensor
    ) -> Commitment:
        return Commitment(link, tensor.to_bytes())

    def verify(
        self,
        material: Mapping[str, bytes],
        trust: Mapping[str, bytes],
        statement: Statement,
        proof: Proof,
        context: bytes = b"",
    ) -> None:
        model = onnx.load_from_string(material["block.onnx"])
        parameters = parse_canonical(material["parameters.json"], "parameters.json")
        bits = int(str(parameters["scale_bits"]))
        inputs = {
            value.name: from_bytes(commitment.value, _spec(value, bits)).integers
            for value, commitment in zip(model.graph.input, statement.inputs, strict=True)
        }
        values = run_integers(model, inputs, bits)
        for value, commitment in zip(model.graph.output, statement.outputs, strict=True):
            if FixedTensor(values[value.name], bits).to_bytes() != commitment.value:
                raise CheckFailed(5, "the integers are not the circuit's", statement.block)

    def _execute(self, circuit: Circuit, sample: Sequence[FixedTensor]) -> Trace:
        graph = circuit.graph
        bits = int(str(circuit.parameters["scale_bits"]))
        shift = (self.read_shift or {}).get(graph.block.index, 0)
        read = tuple(FixedTensor(t.integers << shift, t.scale_bits) for t in sample)
        inputs = {spec.name: t.integers for spec, t in zip(graph.inputs, read, strict=True)}
        values = run_integers(onnx.load(circuit.directory / "block.onnx"), inputs, bits)
        outputs = tuple(FixedTensor(values[spec.name], spec.scale_bits) for spec in graph.outputs)
        largest = max(tensor.max_abs for tensor in (*read, *outputs))
        return Trace(read, outputs, Ranges(0, 0, largest), b"")


def run_integers(
    model: onnx.ModelProto, inputs: Mapping[str, Integers], scale_bits: int
) -> dict[str, Integers]:
    """Every value of a graph of MatMul, Gemm (transB), Add, Relu and Identity, as integers."""
    weights = {
        item.name: round_half_away(
            numpy_helper.to_array(item).astype(np.float64) * float(1 << scale_bits)
        ).astype(np.int64)
        for item in model.graph.initializer
    }
    values: dict[str, Integers] = {**weights, **inputs}
    for node in model.graph.node:
        read = [values[name] for name in node.input]
        values[node.output[0]] = _apply(node, read, scale_bits)
    return values


def _apply(node: onnx.NodeProto, read: Sequence[Integers], scale_bits: int) -> Integers:
    if node.op_type == "MatMul":
        return _rebase(read[0] @ read[1], scale_bits)
    if node.op_type == "Gemm":
        weight = read[1].T if any(a.name == "transB" and a.i for a in node.attribute) else read[1]
        return _rebase(read[0] @ weight, scale_bits) + read[2]
    if node.op_type == "Add":
        return read[0] + read[1]
    if node.op_type == "Relu":
        return np.maximum(read[0], 0)
    if node.op_type == "Identity":
        return read[0].copy()
    raise LayoutFailed(0, f"the integer prover has no {node.op_type}")


def _rebase(products: Integers, scale_bits: int) -> Integers:
    rounded = (np.abs(products) + (1 << scale_bits >> 1)) >> scale_bits
    return np.asarray(np.sign(products) * rounded, dtype=np.int64)


def _spec(value: onnx.ValueInfoProto, scale_bits: int) -> TensorSpec:
    shape = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    return TensorSpec(value.name, shape, "float32", scale_bits)
