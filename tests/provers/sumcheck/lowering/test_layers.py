"""Every layer of a network, from both exporters, computes in the program what it does in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.provers.sumcheck.lowering.compare import EXPORTERS, agree, counts, exported
from zkdps.circuits.export import Exporter

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
    nn = torch.nn

F: Any = nn.functional
Function = Callable[..., Any]

ACTIVATIONS: dict[str, Function] = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_new": lambda x: (
        0.5 * x * (1.0 + torch.tanh((2.0 / torch.pi) ** 0.5 * (x + 0.044715 * torch.pow(x, 3.0))))
    ),
    "gelu_quick": lambda x: x * torch.sigmoid(1.702 * x),
    "silu": F.silu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "relu6": F.relu6,
    "leaky": lambda x: F.leaky_relu(x, 0.1),
    "elu": F.elu,
    "selu": F.selu,
    "celu": lambda x: F.celu(x, 0.7),
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "exp": torch.exp,
    "log_of_square": lambda x: torch.log(x * x + 1.0),
    "cube": lambda x: x**3,
    "root": lambda x: torch.sqrt(torch.abs(x) + 0.5),
    "inverse": lambda x: 1.0 / (2.0 + torch.abs(x)),
    "clamp": lambda x: torch.clamp(x, -0.5, 0.8),
    "chosen": lambda x: torch.where(x > 0.1, 2.0 * x, torch.sin(x)),
    "max_of_itself": lambda x: torch.maximum(x, 0.2 * x),
}


class Several(nn.Module):
    """Functions of the same inputs, one output each."""

    def __init__(self, functions: dict[str, Function]) -> None:
        super().__init__()
        self.functions = functions

    def forward(self, *inputs: torch.Tensor) -> tuple[Any, ...]:
        return tuple(function(*inputs) for function in self.functions.values())


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_an_activation_is_one_table(exporter: Exporter) -> None:
    torch.manual_seed(0)
    model, inputs = exported(
        Several(ACTIVATIONS), [torch.randn(3, 40) * 2], exporter, len(ACTIVATIONS)
    )
    program = agree(model, inputs)
    assert counts(program) == {"Table": len(ACTIVATIONS)}
    names = {str(getattr(operation, "function", "")) for operation in program.operations}
    assert len(names) == len(ACTIVATIONS), "tables are named by what they compute"


MOVES: dict[str, Function] = {
    "permute": lambda x: x.permute(0, 2, 1, 3) * 1.0,
    "split": lambda x: torch.cat(torch.split(x, [1, 3], dim=1)[::-1], dim=1),
    "chunk_product": lambda x: x.chunk(2, dim=1)[0] * x.chunk(2, dim=1)[1],
    "slice": lambda x: x[:, 1:, ::2, -1:],
    "flip": lambda x: torch.flip(x, dims=(2,)),
    "reversed_rows": lambda x: torch.flip(x, dims=(1,)) * 2.0,
    "roll": lambda x: torch.roll(x, 1, dims=1),
    "stack": lambda x: torch.stack([x[:, 0], -x[:, 1]], dim=1),
    "repeat": lambda x: x.repeat(1, 1, 2, 1),
    "pad": lambda x: F.pad(x, (1, 2, 0, 1)),
    "pad_with": lambda x: F.pad(x, (1, 0), value=0.75),
    "pad_reflect": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "index_select": lambda x: torch.index_select(x, 2, torch.tensor([3, 0, 0])),
    "triangle": lambda x: torch.tril(x),
    "rotate_half": lambda x: torch.cat((-x[..., 2:], x[..., :2]), dim=-1),
    "nearest": lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
    "constants_beside": lambda x: torch.cat((x, torch.ones(1, 4, 4, 1)), dim=3),
    "chosen": lambda x: torch.where(torch.eye(4, dtype=torch.bool), x, 0.5 * x + 1.0),
}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_moving_entries_about(exporter: Exporter) -> None:
    torch.manual_seed(0)
    model, inputs = exported(Several(MOVES), [torch.randn(1, 4, 4, 4)], exporter, len(MOVES))
    program = agree(model, inputs)
    assert set(counts(program)) <= {"Scaling", "Addition", "Product", "Linear"}


REDUCTIONS: dict[str, Function] = {
    "mean": lambda x: x.mean(dim=(1, 2)),
    "mean_keep": lambda x: x - x.mean(dim=-1, keepdim=True),
    "sum": lambda x: x.sum(dim=1),
    "max": lambda x: x.amax(dim=(2, 3)),
    "min": lambda x: x.amin(dim=-1, keepdim=True),
    "larger": lambda x: torch.maximum(x[:, :2], x[:, 2:]),
    "smaller": lambda x: torch.minimum(x[:, :2], x[:, 2:]),
    "softmax": lambda x: torch.softmax(x, dim=1),
    "log_softmax": lambda x: F.log_softmax(x, dim=-1),
    "cumsum": lambda x: torch.cumsum(x, dim=2),
    "max_pool": lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
    "max_pool_ceil": lambda x: F.max_pool2d(x, 2, stride=3, ceil_mode=True),
    "max_pool_1d": lambda x: F.max_pool1d(x[:, 0], 2),
    "avg_pool": lambda x: F.avg_pool2d(x, 2),
    "avg_pool_pad": lambda x: F.avg_pool2d(x, 3, stride=2, padding=1),
    "avg_pool_inside": lambda x: F.avg_pool2d(x, 3, padding=1, count_include_pad=False),
    "global": lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1),
    "layer_norm": lambda x: F.layer_norm(x, (8, 8)),
    "layer_norm_by_hand": lambda x: (
        (x - x.mean(-1, keepdim=True))
        / torch.sqrt((x - x.mean(-1, keepdim=True)).pow(2).mean(-1, keepdim=True) + 1e-5)
    ),
    "rms_norm": lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6),
    "rms_norm_divided": lambda x: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6),
    "unit_length": lambda x: F.normalize(x, dim=1),
    "group_norm": lambda x: F.group_norm(x, 2, torch.arange(4) * 0.5, torch.arange(4) * 0.1),
    "instance_norm": lambda x: F.instance_norm(x),
}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_reductions_and_norms(exporter: Exporter) -> None:
    torch.manual_seed(0)
    functions = Several(REDUCTIONS)
    model, inputs = exported(functions, [torch.randn(1, 4, 8, 8)], exporter, len(REDUCTIONS))
    program = agree(model, inputs)
    assert counts(program)["Norm"] == 7
    assert counts(program)["Table"] == 2, "the exponential and the logarithm of log_softmax"


class Layers(nn.Module):
    """Layers with weights, one output each."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(4, 6, 3),
                nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False),
                nn.Conv2d(4, 6, (2, 3), padding=2, dilation=2),
                nn.Conv2d(4, 6, 3, groups=2),
                nn.Conv2d(4, 4, 3, padding=1, groups=4),
                nn.Sequential(nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6), nn.PReLU(6)),
                nn.BatchNorm2d(4),
                nn.Linear(8, 5),
                nn.Linear(8, 5, bias=False),
                nn.PReLU(),
            ]
        )
        self.by_channel = nn.Conv1d(4, 3, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(4, 8, 3))
        norms = [layer for layer in self.modules() if isinstance(layer, nn.BatchNorm2d)]
        for norm in norms:
            assert norm.running_mean is not None and norm.running_var is not None
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)

    def forward(self, x: torch.Tensor) -> tuple[Any, ...]:
        return (
            *(layer(x) for layer in self.convolutions),
            self.by_channel(x[:, :, 0]),
            torch.matmul(x, self.weight),
            torch.matmul(self.weight[0].T, x),
            torch.matmul(x, x.transpose(2, 3)) * 0.5,
            torch.einsum("nchw,cwk->nhck", x, self.weight),
            torch.addmm(torch.ones(3), x[0, 0], self.weight[0], alpha=0.5),
        )


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_layers_with_weights(exporter: Exporter) -> None:
    torch.manual_seed(0)
    model, inputs = exported(Layers().eval(), [torch.randn(1, 4, 8, 8)], exporter, 16)
    program = agree(model, inputs)
    assert counts(program)["Linear"] == 13
    assert counts(program)["Contraction"] == 1
