"""Small torch modules, each with one trait that slicing, rewriting or proving must survive.

Weights are random by seed and never trained. torch is imported inside the functions, so that a
suite may import this file without it; the caller's random state is left as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import nn

SEED = 0


class Sample(NamedTuple):
    """A module in eval mode and one set of its inputs, in the order of `forward`'s arguments."""

    module: nn.Module
    inputs: tuple[torch.Tensor, ...]


def _seeded(build: Callable[[], Sample], seed: int) -> Sample:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sample = build()
    sample.module.eval()
    return sample


def two_inputs(seed: int = SEED) -> Sample:
    """`left` (1, 6) and `right` (1, 4) float32 to (1, 3): two branches, concatenated."""
    import torch
    from torch import nn

    class TwoInputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.of_left = nn.Linear(6, 5)
            self.of_right = nn.Linear(4, 5)
            self.head = nn.Linear(10, 3)

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            both = torch.cat([torch.relu(self.of_left(left)), self.of_right(right)], dim=1)
            result: torch.Tensor = self.head(torch.relu(both))
            return result

    return _seeded(lambda: Sample(TwoInputs(), (torch.randn(1, 6), torch.randn(1, 4))), seed)


def residual_mlp(seed: int = SEED) -> Sample:
    """`x` (1, 8) float32 to (1, 4): `first`'s output skips over `middle` and is added in `last`.

    Cut between the three parts, the residual crosses two boundaries and one whole block.
    """
    import torch
    from torch import nn

    class ResidualMlp(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
            self.middle = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 8))
            self.last = nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = self.first(x)
            result: torch.Tensor = self.last(torch.relu(kept + self.middle(kept)))
            return result

    return _seeded(lambda: Sample(ResidualMlp(), (torch.randn(1, 8),)), seed)


def conv_norm_pool(seed: int = SEED) -> Sample:
    """`x` (1, 1, 8, 8) float32 to (1, 3): Conv, BatchNorm, ReLU, MaxPool, Linear.

    BatchNorm's statistics and affine weights are random: with the defaults it is almost the
    identity, and a wrong folding would go unseen.
    """
    import torch
    from torch import nn

    def build() -> Sample:
        norm = nn.BatchNorm2d(4)
        for tensor, low, high in (
            (norm.running_mean, -0.5, 0.5),
            (norm.running_var, 0.5, 2.0),
            (norm.weight, 0.5, 1.5),
            (norm.bias, -0.5, 0.5),
        ):
            assert tensor is not None
            nn.init.uniform_(tensor, low, high)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            norm,
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 3),
        )
        return Sample(net, (torch.rand(1, 1, 8, 8),))

    return _seeded(build, seed)


def gelu_mlp(seed: int = SEED, approximate: str = "none") -> Sample:
    """`x` (1, 8) float32 to (1, 4) through one GELU; `approximate` is torch's "none" or "tanh"."""
    import torch
    from torch import nn

    def build() -> Sample:
        net = nn.Sequential(nn.Linear(8, 16), nn.GELU(approximate=approximate), nn.Linear(16, 4))
        return Sample(net, (torch.randn(1, 8),))

    return _seeded(build, seed)


def causal_attention(seed: int = SEED, fill: float = -1e4) -> Sample:
    """`x` (1, 4, 8) float32 (batch, token, width) to the same: one head, an additive causal mask.

    Args:
        seed: draws weights and input.
        fill: the mask's value above the diagonal; `-math.inf` and `-3.4e38` are what exporters
            write too, and what a prover must never see.
    """
    import torch
    from torch import nn

    tokens, width = 4, 8

    class CausalAttention(nn.Module):
        mask: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.query = nn.Linear(width, width)
            self.key = nn.Linear(width, width)
            self.value = nn.Linear(width, width)
            self.out = nn.Linear(width, width)
            self.register_buffer("mask", torch.full((tokens, tokens), fill).triu(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scores = self.query(x) @ self.key(x).transpose(1, 2) * width**-0.5
            weights = torch.softmax(scores + self.mask, dim=-1)
            result: torch.Tensor = self.out(weights @ self.value(x))
            return result

    return _seeded(lambda: Sample(CausalAttention(), (torch.randn(1, tokens, width),)), seed)


def one_hot_tokens(seed: int = SEED) -> Sample:
    """`tokens` (1, 4, 12) float32 one-hot (batch, token, vocabulary) to logits alike.

    The table is a matmul, so there is no Embedding and no integer input; each token looks back one
    place through a fixed shift.
    """
    import torch
    from torch import nn

    class OneHotTokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Linear(12, 8, bias=False)
            self.before = nn.Linear(8, 8, bias=False)
            self.norm = nn.LayerNorm(8)
            self.head = nn.Linear(8, 12)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            now = self.table(tokens)
            shifted = torch.cat([torch.zeros_like(now[:, :1]), now[:, :-1]], dim=1)
            logits: torch.Tensor = self.head(self.norm(now + torch.relu(self.before(shifted))))
            return logits

    def build() -> Sample:
        chosen = torch.randint(12, (1, 4))
        return Sample(OneHotTokens(), (nn.functional.one_hot(chosen, 12).float(),))

    return _seeded(build, seed)


def cifar_tutorial(seed: int = SEED) -> Sample:
    """`x` (1, 3, 32, 32) float32 in [-1, 1] to (1, 10): the PyTorch tutorial's net.

    62,006 parameters, random here.
    Source: https://pytorch.org/tutorials/beginner/blitz/cifar10_tutorial.html (class `Net`).
    """
    import torch
    from torch import nn

    def build() -> Sample:
        net = nn.Sequential(
            nn.Conv2d(3, 6, 5),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, 10),
        )
        return Sample(net, (torch.rand(1, 3, 32, 32) * 2 - 1,))

    return _seeded(build, seed)


SMALL: dict[str, Callable[[], Sample]] = {
    "two_inputs": two_inputs,
    "residual_mlp": residual_mlp,
    "conv_norm_pool": conv_norm_pool,
    "gelu_mlp": gelu_mlp,
    "causal_attention": causal_attention,
    "one_hot_tokens": one_hot_tokens,
}
"""Every model that is small enough to prove in seconds, by name."""
