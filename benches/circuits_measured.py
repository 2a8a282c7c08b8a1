"""The circuits that the cost model is measured on.

Chosen after the model was final, with sizes of their own: no constant was fitted on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from tests.models import zoo
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.export import export
from zkdps.circuits.prepare import prepare
from zkdps.circuits.slice import Sliced, slice_model
from zkdps.workflows.package import at_scale

SEED = 3


@dataclass(frozen=True, slots=True)
class Case:
    """One model, proved as one block."""

    name: str
    build: Callable[[], zoo.Sample]
    logrows: int
    """At least this k, where the parameters that suit the block are smaller."""
    keep_einsums: bool = False
    """Keep Freivalds' columns where zkdps would lay the products out row by row for less."""


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.factor = float(width) ** -0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.query(x) @ self.key(x).transpose(1, 2) * self.factor
        result: torch.Tensor = torch.softmax(scores, dim=-1) @ self.value(x)
        return result


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.relu(x + self.inner(x))
        return result


def _of(build: Callable[[], nn.Module], *shape: int) -> Callable[[], zoo.Sample]:
    """A module with weights by seed, and an input of that shape."""

    def sample() -> zoo.Sample:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return zoo.Sample(build().eval(), (torch.rand(shape) * 2 - 1,))

    return sample


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(196, 48), nn.ReLU(), nn.Linear(48, 10))


def _token_mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 24))


CASES = (
    Case("mlp_196_48_10", _of(_mlp, 1, 196), 12),
    Case("conv_4_8", _of(lambda: nn.Conv2d(4, 8, 3, padding=1), 1, 4, 10, 10), 13),
    Case("relu_3000", _of(nn.ReLU, 1, 3000), 14),
    Case("sigmoid_1500", _of(nn.Sigmoid, 1, 1500), 12),
    Case("softmax_4_6_6", _of(lambda: nn.Softmax(dim=-1), 1, 4, 6, 6), 13),
    Case("layernorm_6_40", _of(lambda: nn.LayerNorm(40), 1, 6, 40), 14),
    Case("attention_16_tokens_6", _of(lambda: _Attention(16), 1, 6, 16), 14),
    Case("attention_16_tokens_6_einsum", _of(lambda: _Attention(16), 1, 6, 16), 14, True),
    Case("matmul_12_72", _of(lambda: nn.Linear(72, 72), 1, 12, 72), 15),
    Case("matmul_12_72_einsum", _of(lambda: nn.Linear(72, 72), 1, 12, 72), 15, True),
    Case("matmul_6_32_einsum", _of(lambda: nn.Linear(32, 48), 1, 6, 32), 13, True),
    Case("mlp_8_24_einsum", _of(_token_mlp, 1, 8, 24), 12, True),
    Case("maxpool_tree_6_12_12", _of(lambda: nn.MaxPool2d(2), 1, 6, 12, 12), 12),
    Case("residual_40", _of(lambda: _Residual(40), 1, 40), 15),
    Case("linear_50_50", _of(lambda: nn.Linear(50, 50), 1, 50), 16),
)
"""Sorted by nothing: k 12 to 16, with and without tables, shuffles and einsum columns."""

SMOKE = (Case("linear_4_3", _of(lambda: nn.Linear(4, 3), 1, 4), 12),)


def block_of(case: Case, scale_bits: int) -> Sliced:
    """A case as a plan of one block at a scale."""
    sample = case.build()
    prepared = prepare(export(sample.module, sample.inputs), {}, scale_bits=scale_bits)
    flow = read_dataflow(prepared.model)
    sliced = slice_model(prepared.model, (flow.live,))
    graphs = tuple(at_scale(graph, scale_bits) for graph in sliced.graphs)
    return replace(sliced, plan=sliced.plan.at_scale(scale_bits), graphs=graphs)
