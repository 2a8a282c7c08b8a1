"""Train the transformer stack: `python -m tests.models.train_transformer --out DIR`.

A digit is read as four tokens, each two rows of pixels (16 values). Two pre-norm blocks of width 16
with two heads, residuals around attention and around a GELU layer of width 32, a last LayerNorm,
and one linear layer over all tokens. Short and narrow, for softmax is what costs the prover most.
"""

from pathlib import Path

import torch
from torch import nn

from tests.models.digits_data import load_split
from tests.models.training import correct_images, export_onnx, fit, run_script

TOKENS = 4
WIDTH = 16
HEADS = 2
HIDDEN = 32
BLOCKS = 2


class Attention(nn.Module):
    """Self-attention over all tokens, `(n, token, width)` to the same."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (self._by_head(part(x)) for part in (self.query, self.key, self.value))
        scores = query @ key.transpose(2, 3) * (WIDTH // HEADS) ** -0.5
        context = torch.softmax(scores, dim=-1) @ value
        joined: torch.Tensor = self.out(context.transpose(1, 2).reshape(-1, TOKENS, WIDTH))
        return joined

    @staticmethod
    def _by_head(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)


class Block(nn.Module):
    """One pre-norm block: `x + attention(norm(x))`, then `x + mlp(norm(x))`."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        result: torch.Tensor = x + self.mlp(self.norm2(x))
        return result


class Transformer(nn.Module):
    """`(n, 1, 8, 8) float32` images to `(n, 10) float32` logits."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(64 // TOKENS, WIDTH)
        self.position = nn.Parameter(torch.randn(TOKENS, WIDTH) * 0.1)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(TOKENS * WIDTH, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.embed(image.reshape(-1, TOKENS, 64 // TOKENS)) + self.position
        logits: torch.Tensor = self.head(self.norm(self.blocks(x)).reshape(-1, TOKENS * WIDTH))
        return logits


def train(path: Path) -> int:
    """Train, export to `path`; returns the held-out images that the export gets right."""
    split = load_split()
    model = fit(
        Transformer,
        split.train_image,
        split.train_label,
        epochs=60,
        peak_lr=0.01,
        weight_decay=0.1,
    )
    export_onnx(model, path)
    return correct_images(path, split.test_image, split.test_label)


if __name__ == "__main__":
    run_script("transformer", train)
