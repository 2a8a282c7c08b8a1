"""Lower a model and compare: the program's float64 against onnxruntime's float32."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.circuits.dag_models import run_model
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.dialect import Dialect
from zkdps.circuits.export import Exporter, export
from zkdps.circuits.prepare import prepare
from zkdps.circuits.slice import slice_model
from zkdps.core.prover import BlockGraph
from zkdps.provers.sumcheck.lowering import lower
from zkdps.provers.sumcheck.program import Program
from zkdps.provers.sumcheck.reals import evaluate

if TYPE_CHECKING:
    import torch

EXPORTERS: tuple[Exporter, ...] = ("torchscript", "dynamo")
TOLERANCE = 1e-5

Arrays = Mapping[str, NDArray[Any]]


def whole_block(model: onnx.ModelProto) -> BlockGraph:
    """The prepared model as one block."""
    prepared = prepare(model, {}, 10, Dialect.SUMCHECK).model
    return slice_model(prepared, [read_dataflow(prepared).live]).graphs[0]


def agree(model: onnx.ModelProto, inputs: Arrays, tolerance: float = TOLERANCE) -> Program:
    """Lower a model as one block; the program must compute what the model does."""
    program = lower(whole_block(model))
    check(program, model, inputs, tolerance)
    return program


def check(
    program: Program, model: onnx.ModelProto, inputs: Arrays, tolerance: float = TOLERANCE
) -> None:
    """The program computes what the model does, on these inputs."""
    expected = run_model(model.SerializeToString(), dict(inputs))
    got = evaluate(program, {name: array.astype(np.float64) for name, array in inputs.items()})
    for output in model.graph.output:
        assert got[output.name].shape == expected[output.name].shape
        scale = max(1.0, float(np.abs(expected[output.name]).max()))
        np.testing.assert_allclose(
            got[output.name] / scale, expected[output.name] / scale, rtol=0, atol=tolerance
        )


def exported(
    module: torch.nn.Module, inputs: Sequence[torch.Tensor], exporter: Exporter, outputs: int = 1
) -> tuple[onnx.ModelProto, Arrays]:
    """A module as ONNX, and its example inputs by name."""
    names = [f"x{place}" for place in range(len(inputs))]
    made = [f"y{place}" for place in range(outputs)]
    model = export(module, inputs, exporter=exporter, input_names=names, output_names=made)
    return model, {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}


def counts(program: Program) -> Counter[str]:
    """How often each operator occurs."""
    return Counter(type(operation).__name__ for operation in program.operations)
