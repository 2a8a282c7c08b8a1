"""Train a digit classifier the same way every time, and export it with fixed names and shapes.

Weights repeat bit for bit on one machine; another CPU or torch build may round differently in the
last bits and so end at slightly different weights. Hence the shipped ONNX files are fixtures, and
a retrained model is compared by its accuracy.
"""

import argparse
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import nn

from tests.models.digits_data import FloatArray, LabelArray, load_split, write_fixture

SEED = 0
BATCH_IMAGES = 32
OPSET = 17

log = logging.getLogger(__name__)


def fit(
    build: Callable[[], nn.Module],
    image: FloatArray,
    label: LabelArray,
    *,
    epochs: int,
    peak_lr: float,
    weight_decay: float,
) -> nn.Module:
    """Train `build()` from `SEED` with AdamW and a one-cycle rate; returns it in eval mode.

    Args:
        build: makes the untrained module, drawing from torch's generator.
        image: `(n, 1, 8, 8) float32`.
        label: `(n,) int64`.
        epochs: passes over the data.
        peak_lr: the highest learning rate of the cycle.
        weight_decay: AdamW's decoupled decay.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of float additions depends on the thread count
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            model = build()
            _descend(
                model,
                torch.from_numpy(image),
                torch.from_numpy(label),
                epochs,
                peak_lr,
                weight_decay,
            )
    finally:
        torch.set_num_threads(threads)
    return model.eval()


def _descend(
    model: nn.Module,
    image: torch.Tensor,
    label: torch.Tensor,
    epochs: int,
    peak_lr: float,
    weight_decay: float,
) -> None:
    steps = epochs * -(-len(image) // BATCH_IMAGES)
    optimiser = torch.optim.AdamW(model.parameters(), lr=peak_lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak_lr, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    cuts = list(range(BATCH_IMAGES, len(image), BATCH_IMAGES))
    model.train()
    for _ in range(epochs):
        for batch in torch.tensor_split(torch.randperm(len(image)), cuts):
            optimiser.zero_grad()
            loss_of(model(image[batch]), label[batch]).backward()
            optimiser.step()
            schedule.step()


def export_onnx(model: nn.Module, path: Path) -> None:
    """Write `model` as ONNX: `image` (1, 1, 8, 8) float32 to `logits` (1, 10) float32."""
    with warnings.catch_warnings():
        # The TorchScript exporter announces its own retirement; its graphs are what is wanted here.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model,
            (torch.zeros(1, 1, 8, 8),),
            str(path),
            input_names=["image"],
            output_names=["logits"],
            opset_version=OPSET,
            dynamo=False,
        )


def logits_of(path: Path, image: FloatArray) -> FloatArray:
    """onnxruntime's logits `(n, 10) float32` of images `(n, 1, 8, 8) float32`, one at a time."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rows = [session.run(["logits"], {"image": one[None]})[0] for one in image]
    return np.concatenate(rows).astype(np.float32)


def correct_images(path: Path, image: FloatArray, label: LabelArray) -> int:
    """How many images the ONNX model at `path` classifies rightly under onnxruntime."""
    return int((logits_of(path, image).argmax(axis=1) == label).sum())


def run_script(name: str, train: Callable[[Path], int]) -> None:
    """`--out DIR`: train, then write `NAME.onnx` and `NAME.npz` there."""
    parser = argparse.ArgumentParser(description=f"Train the {name} demo model.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    out: Path = parser.parse_args().out
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    out.mkdir(parents=True, exist_ok=True)
    correct = train(out / f"{name}.onnx")
    write_fixture(out / f"{name}.npz")
    held_out = len(load_split().test_label)
    log.info("%s: %d of %d held-out images right", name, correct, held_out)
