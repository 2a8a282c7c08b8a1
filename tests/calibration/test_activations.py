"""Captured activations: what onnxruntime computes, byte for byte reproducible, read back."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest

from tests.calibration.small_models import CLASSES, WIDTH, random_samples, residual_chain
from zkdps.calibration import activations
from zkdps.calibration.activations import PROVIDERS, capture, choose_provider, open_activations
from zkdps.calibration.data import Samples
from zkdps.calibration.reference import FloatModels, Source, capture_reference
from zkdps.core.errors import (
    MalformedModel,
    MissingPackage,
    StorageFailed,
    UnknownVersion,
    UnreadableFile,
    UsageConflict,
)

NAMES = ("x", "h/out", "m", "logits")


def test_values_and_reading_back(tmp_path: Path) -> None:
    _, _, models = residual_chain()
    samples = random_samples(7)
    made = capture(models.original, NAMES, samples, tmp_path / "a.h5")
    found = open_activations(tmp_path / "a.h5")
    assert found == made
    assert made.provider == "CPUExecutionProvider" and made.samples == 7
    np.testing.assert_array_equal(found.tensor("x"), samples.arrays["x"])
    assert found.tensor("logits").shape == (7, 1, CLASSES)
    weights = {w.name: onnx.numpy_helper.to_array(w) for w in models.original.graph.initializer}
    expected = np.maximum(samples.arrays["x"] @ weights["w0"] + weights["b0"], 0)
    np.testing.assert_allclose(found.tensor("h/out"), expected, atol=1e-6)


def test_byte_reproducible(tmp_path: Path) -> None:
    _, _, models = residual_chain()
    for name in ("a.h5", "b.h5"):
        capture(models.original, NAMES, random_samples(7), tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5"]


def test_a_rewrite_that_changes_a_meaning_is_noticed(tmp_path: Path) -> None:
    plan, _, models = residual_chain()
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(models.original)
    for tensor in rewritten.graph.initializer:
        if tensor.name in ("w0", "b0"):
            half = onnx.numpy_helper.to_array(tensor) / 2
            tensor.CopyFrom(onnx.numpy_helper.from_array(half, tensor.name))
    found = capture_reference(
        FloatModels(models.original, rewritten), plan, random_samples(5), tmp_path
    )
    assert found.sources["x"] is Source.ORIGINAL
    assert found.sources["m"] is Source.REWRITTEN, "half the layer: another meaning"
    assert found.sources["logits"] is Source.ORIGINAL, "end to end is the original always"
    assert found.sources["h/out"] is Source.ORIGINAL, "an output of the model too"
    same = capture_reference(models, plan, random_samples(5), tmp_path)
    assert set(same.sources.values()) == {Source.ORIGINAL}


def test_original_without_the_output(tmp_path: Path) -> None:
    plan, _, models = residual_chain()
    other = onnx.ModelProto()
    other.CopyFrom(models.original)
    del other.graph.node[-1]
    with pytest.raises(MalformedModel, match="logits"):
        capture_reference(FloatModels(other, models.rewritten), plan, random_samples(2), tmp_path)


def test_model_that_onnxruntime_refuses(tmp_path: Path) -> None:
    _, _, models = residual_chain()
    with pytest.raises(MalformedModel, match="onnxruntime"):
        capture(models.original, ["absent"], random_samples(2), tmp_path / "a.h5")
    narrow = Samples({n: np.zeros((2, 1, WIDTH - 1), np.float32) for n in ("x", "side")})
    with pytest.raises(MalformedModel, match="onnxruntime"):
        capture(models.original, NAMES, narrow, tmp_path / "a.h5")
    assert not list(tmp_path.iterdir()), "a failed capture leaves nothing"


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    _, _, models = residual_chain()
    path = tmp_path / "a.h5"
    capture(models.original, NAMES, random_samples(2), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    for broken in (path, tmp_path / "absent.h5"):
        with pytest.raises(UnreadableFile):
            open_activations(broken)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["0"] = np.zeros(3)
    with pytest.raises(UnknownVersion):
        open_activations(tmp_path / "other.h5")


def test_disk_refuses(tmp_path: Path) -> None:
    _, _, models = residual_chain()
    with pytest.raises(StorageFailed):
        capture(models.original, NAMES, random_samples(2), tmp_path / "no" / "a.h5")


def test_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Offering:
        @staticmethod
        def get_available_providers() -> list[str]:
            return ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]

    with pytest.raises(UsageConflict):
        choose_provider("AzureExecutionProvider")
    monkeypatch.setattr(activations, "_onnxruntime", Offering)
    assert choose_provider(None) == "CUDAExecutionProvider"
    assert choose_provider("CPUExecutionProvider") == "CPUExecutionProvider"
    only_cpu = staticmethod(lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(Offering, "get_available_providers", only_cpu)
    assert choose_provider(None) == "CPUExecutionProvider"
    with pytest.raises(MissingPackage, match=r"zkdps\[gpu\]"):
        choose_provider("CUDAExecutionProvider")


def test_cuda_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime offers CUDA, and falls back by itself: the record says what ran."""
    _, _, models = residual_chain()
    monkeypatch.setattr(activations, "choose_provider", lambda asked: asked or PROVIDERS[0])
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        found = capture(models.original, NAMES, random_samples(2), tmp_path / "a.h5")
    assert found.provider == "CPUExecutionProvider"
    with pytest.warns(UserWarning), pytest.raises(MissingPackage, match="did not start"):
        capture(models.original, NAMES, random_samples(2), tmp_path / "b.h5", provider=PROVIDERS[0])
    assert not (tmp_path / "b.h5").exists()


def test_without_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, models = residual_chain()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackage, match=r"zkdps\[operator\]"):
        capture(models.original, NAMES, random_samples(2), tmp_path / "a.h5")
