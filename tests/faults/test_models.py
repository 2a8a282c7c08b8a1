"""Malformed and hostile models: refused by `plan` and `build`, with nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.faults.commands import Ended, assert_refused, called, listing
from tests.faults.conftest import Ground
from tests.faults.models import one_node, tiny_model

Write = Callable[[Path], None]


def saved(model: onnx.ModelProto) -> Write:
    return lambda path: onnx.save(model, path)


def cut_short(path: Path) -> None:
    path.write_bytes(tiny_model().SerializeToString()[:-60])


def text(path: Path) -> None:
    path.write_text("this is no model\n" * 40)


def climbing(path: Path) -> None:
    """Weights that lie outside of the model's folder."""
    model = tiny_model()
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../secret.bin"), ("offset", "0"), ("length", "64")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())


def not_a_number(path: Path) -> None:
    model = tiny_model()
    bad = np.full((4, 4), np.nan, np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(bad, "w0"))
    onnx.save(model, path)


def circular(path: Path) -> None:
    model = tiny_model()
    model.graph.node[0].input[0] = "h1"
    onnx.save(model, path)


def without_nodes(path: Path) -> None:
    model = tiny_model()
    del model.graph.node[:]
    onnx.save(model, path)


def to_integers() -> onnx.ModelProto:
    """What the back end would get silently wrong."""
    return one_node("Cast", makes=TensorProto.INT64, to=TensorProto.INT64)


FLAWS: dict[str, tuple[str, Write]] = {
    "cut_short": ("MalformedModel", cut_short),
    "text": ("MalformedModel", text),
    "empty": ("MalformedModel", Path.touch),
    "without_nodes": ("MalformedModel", without_nodes),
    "circular": ("MalformedModel", circular),
    "climbing": ("MalformedModel", climbing),
    "unknown_operator": ("MalformedModel", saved(one_node("NoSuchOperator"))),
    "unsupported": ("UnsupportedOperator", saved(one_node("RandomNormalLike"))),
    "quantised": ("UnsupportedOperator", saved(to_integers())),
    "open_dims": ("UndeterminedShape", saved(tiny_model(batch="n"))),
    "folder": ("UnreadableFile", Path.mkdir),
    "nothing": ("UnreadableFile", lambda path: None),
}


def build(ground: Ground, model: Path, package: Path, *more: str) -> Ended:
    files = ["--data", str(ground.folder / "calib.npz"), "-o", str(package)]
    return called("build", model, *files, "--cache", ground.cache, "--json", *more)


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flawed_model(ground: Ground, tmp_path: Path, flaw: str) -> None:
    name, write = FLAWS[flaw]
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    write(folder / "model.onnx")
    before = listing(tmp_path)
    ended = build(ground, folder / "model.onnx", tmp_path / "PKG", "--blocks", "1")
    assert_refused(ended, name, 2)
    assert listing(tmp_path) == before
    planned = called(
        "plan", folder / "model.onnx", "--blocks", "1", "--cache", ground.cache, "--json"
    )
    assert_refused(planned, name, 2)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--cut", "no_such_tensor"], "BadCut"),
        (["--blocks", "400"], "BadCut"),
        (["--max-ram", "1MB"], "DoesNotFit"),
        (["--blocks", "2", "--cut", "h0"], "UsageConflict"),
        (["--blocks", "2", "--scale", "8", "--target-error", "0.1"], "UsageConflict"),
        (["--blocks", "2", "--prover", "no_such_prover"], "UsageConflict"),
        (["--blocks", "2", "--shape", "x=2,3"], "ShapeMismatch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_what_the_model_cannot_do(
    ground: Ground, tmp_path: Path, options: list[str], name: str
) -> None:
    before = listing(tmp_path)
    ended = build(ground, ground.folder / "model.onnx", tmp_path / "PKG", *options)
    assert_refused(ended, name, 2)
    assert listing(tmp_path) == before
