"""Prepare: what an exporter wrote becomes sliceable, and the slices compute what torch does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from tests.circuits.dag_models import chain, run_model
from zkdps.circuits.cuts import cut_at_tensors
from zkdps.circuits.export import Exporter, export
from zkdps.circuits.load import model_digest
from zkdps.circuits.prepare import prepare
from zkdps.circuits.slice import slice_model

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")


class Layer(torch.nn.Module):
    """A pre-norm feed-forward layer with a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(8)
        self.up = torch.nn.Linear(8, 16)
        self.down = torch.nn.Linear(16, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.down(torch.nn.functional.gelu(self.up(self.norm(x))))
        return y


class Stack(torch.nn.Module):
    """Two inputs, two layers, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Layer()
        self.second = Layer()
        self.head = torch.nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(self.second(self.first(x) + bias))
        return y


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_modules_survive_preparation_and_can_be_cut(exporter: Exporter) -> None:
    torch.manual_seed(3)
    module, x, bias = Stack(), torch.randn(1, 4, 8), torch.randn(1, 4, 8)
    source = export(module, [x, bias], exporter=exporter, input_names=["x", "bias"])
    prepared = prepare(source, {}, scale_bits=8)
    sliced = slice_model(prepared.model, cut_at_tensors(prepared.model, ["first", "second"]))
    names = [block.name for block in sliced.plan.blocks]
    assert names[0] == "first", names
    assert "second" in names, names
    assert names[-1] == "head", names

    tensors = {"x": x.numpy(), "bias": bias.numpy()}
    for graph in sliced.graphs:
        tensors.update(run_model(graph.onnx, tensors))
    with torch.no_grad():
        expected = module(x, bias).numpy()
    np.testing.assert_allclose(tensors[sliced.plan.outputs[0]], expected, atol=1e-5)


def test_digests_are_of_the_source_and_of_the_result() -> None:
    source = chain(3)
    prepared = prepare(source, {}, scale_bits=8)
    assert prepared.source_sha256 == model_digest(source)
    assert prepared.circuit_sha256 == model_digest(prepared.model)
    assert prepare(source, {}, scale_bits=8) == prepared
    onnx.checker.check_model(prepared.model, full_check=True)
