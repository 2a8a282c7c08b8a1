"""The circuits behind `vectors/`: small, and each reaching another part of the verifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class CircuitCase:
    """One circuit: what is proven and how ezkl lays it out."""

    name: str
    claim: str
    """What of the verifier only this circuit exercises."""
    module: Callable[[], nn.Module]
    input_shape: tuple[int, ...]
    """Axes as the module takes them, float32."""
    visibility: str
    """Of input and output alike: public, hashed or polycommit."""
    logrows: int = 12
    columns: int = 2
    scale_bits: int = 7
    lookup_range: tuple[int, int] = (-1000, 1000)


class Attention(nn.Module):
    """One head over (tokens, features) with a layer norm before it."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.query = nn.Linear(features, features, bias=False)
        self.key = nn.Linear(features, features, bias=False)
        self.value = nn.Linear(features, features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # (batch, tokens, features) float32 to the same
        y = self.norm(x)
        scores = self.query(y) @ self.key(y).transpose(-1, -2)
        mixed: Tensor = torch.softmax(scores, -1) @ self.value(y)
        return x + mixed


def _mlp(activation: type[nn.Module]) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(8, 16), activation(), nn.Linear(16, 4))


CASES = (
    CircuitCase("mlp_public", "instances", _mlp(nn.ReLU), (1, 8), "public"),
    CircuitCase("mlp_hashed", "Poseidon gates", _mlp(nn.ReLU), (1, 8), "hashed"),
    CircuitCase("mlp_polycommit", "leading commitments", _mlp(nn.ReLU), (1, 8), "polycommit"),
    CircuitCase("mlp_sigmoid", "a static lookup table", _mlp(nn.Sigmoid), (1, 8), "public"),
    CircuitCase("mlp_k15", "k = 15", _mlp(nn.ReLU), (1, 8), "polycommit", logrows=15),
    CircuitCase(
        "attention", "shuffles, many lookups", lambda: Attention(8), (1, 4, 8), "public", logrows=13
    ),
    CircuitCase(
        "attention_wide",
        "many columns, sets of permutations",
        lambda: Attention(8),
        (1, 4, 8),
        "polycommit",
        logrows=13,
        columns=8,
    ),
    CircuitCase(
        "matmul_freivalds",
        "a second phase with challenges in gates",
        lambda: nn.Linear(16, 16, bias=False),
        (1, 4, 16),
        "polycommit",
    ),
    CircuitCase(
        "maxpool",
        "shuffle arguments",
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2)),
        (1, 1, 6, 6),
        "public",
        logrows=13,
    ),
)
