"""Cuts with the sumcheck back end: not between operators that only mean something together."""

from __future__ import annotations

from pathlib import Path

import torch

from zkdps.circuits.export import export
from zkdps.workflows.plan import plan
from zkdps.workflows.reports import Cuts, Machine

WIDE = 4000


class MaskedMeans(torch.nn.Module):
    """Layers, a masked mean whose sum is the narrowest tensor of all, and as much work again."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(16, 16) for _ in range(8))
        self.wide = torch.nn.Linear(16, WIDE)
        self.last = torch.nn.Linear(WIDE, 12)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = x + torch.tanh(layer(x))
        kept = mask.unsqueeze(-1).to(x.dtype)
        means: torch.Tensor = (x * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
        return torch.relu(self.last(torch.tanh(self.wide(means))))


def test_a_masked_mean_stays_in_one_block(tmp_path: Path, machine: Machine) -> None:
    torch.manual_seed(0)
    inputs = (torch.randn(1, 32, 16), torch.ones(1, 32, dtype=torch.int64))
    path = tmp_path / "model.onnx"
    path.write_bytes(export(MaskedMeans(), inputs).SerializeToString())
    for blocks in (2, 5, 6):
        planned = plan(
            path,
            cuts=Cuts(blocks=blocks),
            shapes={},
            scale_bits=10,
            prover="sumcheck",
            machine=machine,
        )
        assert len(planned.plan.blocks) == blocks
        (holder,) = (b for b in planned.blocks if "Div" in b.operators)
        assert "ReduceSum" in holder.operators
