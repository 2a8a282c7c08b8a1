"""Models from both torch exporters, loaded from their files, become normal and stay equal."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.circuits.normalise.compare import operators, run
from zkdps.circuits.load import load_model, model_digest
from zkdps.circuits.normalise import check_normal, normalise

torch = pytest.importorskip("torch")

SHAPE = (2, 1, 8, 8)


def net() -> Any:
    """Convolution, BatchNorm, pooling, GELU, LayerNorm, causal attention, a residual."""

    class Net(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 4, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(4)
            self.linear = torch.nn.Linear(64, 8)
            self.layer_norm = torch.nn.LayerNorm(8)

        def forward(self, x: Any) -> Any:
            image = torch.relu(self.norm(self.conv(x)))
            flat = torch.nn.functional.max_pool2d(image, 2).reshape(x.shape[0], -1)
            h = torch.nn.functional.dropout(flat, 0.5, self.training)
            h = self.layer_norm(torch.nn.functional.gelu(self.linear(h)))
            q = h.reshape(x.shape[0], 1, 2, 4)
            scores = q @ q.transpose(-1, -2) / 2
            mask = torch.triu(torch.full((2, 2), float("-inf")), diagonal=1)
            attended = torch.softmax(scores + mask, dim=-1) @ q
            return h + attended.reshape(x.shape[0], 8)

    torch.manual_seed(0)
    return Net().eval()


def check(path: Path, shapes: dict[str, tuple[int, ...]], opset: int) -> None:
    loaded = load_model(path)
    after = normalise(loaded, shapes)
    check_normal(after)
    assert after.opset_import[0].version == min(max(opset, 17), 20)
    assert not {"Shape", "Constant", "Dropout", "Cast"} & set(operators(after))
    x = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    for expected, got in zip(run(loaded, {"x": x}), run(after, {"x": x}), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("opset", range(13, 21))
def test_torchscript_exporter(opset: int, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net(),
            (torch.zeros(SHAPE),),
            str(path),
            dynamo=False,
            opset_version=opset,
            input_names=["x"],
            dynamic_axes={"x": {0: "batch_size"}},
        )
    check(path, {"x": SHAPE}, opset)


@pytest.mark.parametrize(
    ("opset", "outside"), [(18, True), (18, False), (20, True), (21, True), (22, False)]
)
def test_dynamo_exporter(opset: int, outside: bool, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net(),
            (torch.zeros(SHAPE),),
            str(path),
            dynamo=True,
            opset_version=opset,
            input_names=["x"],
            external_data=outside,
            verbose=False,
        )
    if outside:
        assert list(tmp_path.glob("*.data")), "this export is meant to have external data"
        assert model_digest(path) == model_digest(load_model(path))
    check(path, {}, opset)
