"""Export: both torch exporters, modules kept in names, the module left as it was."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from tests.circuits.dag_models import run_model
from zkdps.circuits.cuts import cuttable_modules
from zkdps.circuits.export import DEFAULT_OPSET, Exporter, export
from zkdps.core.errors import MissingPackage, StorageFailed, UnsupportedOperator, UsageConflict

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

EXPORTERS: tuple[Exporter, ...] = ("torchscript", "dynamo")


def network() -> torch.nn.Sequential:
    class Residual(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 4)
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = x + self.drop(torch.relu(self.fc(x)))
            return y

    torch.manual_seed(7)
    return torch.nn.Sequential(Residual(), torch.nn.Sequential(Residual(), torch.nn.Linear(4, 2)))


@pytest.fixture(scope="module")
def example() -> torch.Tensor:
    return torch.linspace(-1, 1, 4).reshape(1, 4)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_the_model_computes_what_the_module_does(
    exporter: Exporter, example: torch.Tensor, tmp_path: Path
) -> None:
    module, path = network(), tmp_path / "net.onnx"
    module.train()
    module[0].eval()
    model = export(
        module, [example], path, exporter=exporter, input_names=["x"], output_names=["y"]
    )
    assert module.training and not module[0].training and module[1].training
    assert onnx.load(path) == model
    assert [child.name for child in tmp_path.iterdir()] == ["net.onnx"]
    assert [value.name for value in model.graph.input] == ["x"]
    assert model.opset_import[0].version == DEFAULT_OPSET[exporter]
    with torch.no_grad():
        expected = module.eval()(example).numpy()
    got = run_model(path.read_bytes(), {"x": example.numpy()})
    np.testing.assert_allclose(got["y"], expected, atol=1e-6)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_modules_can_be_cut_at(exporter: Exporter, example: torch.Tensor) -> None:
    model = export(network(), [example], exporter=exporter)
    model = onnx.shape_inference.infer_shapes(model)
    assert {"0", "0.fc", "1", "1.0", "1.0.fc", "1.1"} <= set(cuttable_modules(model))


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_nothing_of_this_machine_is_in_the_file(exporter: Exporter, example: torch.Tensor) -> None:
    data = export(network(), [example], exporter=exporter).SerializeToString(deterministic=True)
    assert str(Path(__file__).parent).encode() not in data
    assert data == export(network(), [example], exporter=exporter).SerializeToString(
        deterministic=True
    )


def test_what_torch_cannot_export_is_named(example: torch.Tensor) -> None:
    class Odd(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = torch.linalg.eigvals(x.reshape(2, 2)).real
            return y

    with pytest.raises(UnsupportedOperator, match="Odd"):
        export(Odd(), [example])


def test_an_unknown_exporter_is_refused(example: torch.Tensor) -> None:
    with pytest.raises(UsageConflict, match="'fx'"):
        export(network(), [example], exporter="fx")  # type: ignore[arg-type]


def test_an_unwritable_path_leaves_nothing(example: torch.Tensor, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        export(network(), [example], tmp_path / "absent" / "net.onnx")
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageFailed):
        export(network(), [example], tmp_path / "taken")
    assert [child.name for child in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("exporter", "missing"), [("torchscript", "torch"), ("dynamo", "onnxscript")]
)
def test_a_missing_package_names_the_extra(
    exporter: Exporter, missing: str, example: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == missing:
            raise ImportError(name)
        return genuine(name, *rest, **more)  # type: ignore[arg-type]

    module = network()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackage) as caught:
        export(module, [example], exporter=exporter)
    assert (caught.value.package, caught.value.extra) == (missing, "torch")
