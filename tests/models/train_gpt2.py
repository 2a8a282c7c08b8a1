"""Train a small GPT-2 on characters: `python -m tests.models.train_gpt2 --out DIR`.

The text is the US Declaration of Independence, abridged (`data/declaration.txt`, public domain).
Its last tenth is held out: neither training nor calibration sees it.  Two layers of width 64, four
heads, 32 characters of context, a tied head.  Steps and decay are the best of three tries by the
held-out loss (more steps learn the text by heart).  Weights repeat bit for bit on one machine,
nearly so elsewhere; so the exported file is a fixture, and a retrained model is judged by its loss.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from tests.models.transformers import Gpt2, Shape
from zkdps.circuits.export import export

DATA = Path(__file__).parent / "data"
TEXT = (DATA / "declaration.txt").read_text(encoding="ascii")
CHARACTERS = "".join(sorted(set(TEXT)))
"""The vocabulary: a token id is a place in this string."""

TOKENS = 32
SHAPE = Shape(len(CHARACTERS), TOKENS, width=64, layers=2, heads=4, hidden=256)
HELD_OUT_SHARE = 10
CALIBRATION_WINDOWS = 64

SEED = 0
STEPS = 300
BATCH_WINDOWS = 32
PEAK_LR = 4e-3
WEIGHT_DECAY = 0.5
INIT_STD = 0.05

Ids = NDArray[np.int64]

log = logging.getLogger(__name__)


class Text(NamedTuple):
    """Token ids, (character,) int64."""

    train: Ids
    held_out: Ids


def load_text() -> Text:
    """The text as ids: its first nine tenths, and its last tenth."""
    ids = np.array([CHARACTERS.index(character) for character in TEXT], dtype=np.int64)
    cut = len(ids) - len(ids) // HELD_OUT_SHARE
    return Text(ids[:cut], ids[cut:])


def windows(ids: Ids, count: int) -> tuple[Ids, Ids]:
    """Windows at equal strides, and the character after each place of them.

    Returns:
        Inputs and targets, both (window, 1, token) int64.
    """
    starts = np.linspace(0, len(ids) - TOKENS - 1, count).astype(np.int64)
    places = starts[:, None, None] + np.arange(TOKENS)
    return ids[places], ids[places + 1]


def fixture_arrays(text: Text) -> dict[str, NDArray[np.generic]]:
    """What the model's npz holds: windows of the training text, all of the held-out text.

    Held-out windows follow one another; the few characters that fill no window are left out.
    """
    held_out = (len(text.held_out) - 1) // TOKENS
    last = held_out * TOKENS + 1
    starts = np.arange(held_out)[:, None, None] * TOKENS + np.arange(TOKENS)
    kept = text.held_out[:last]
    return {
        "input_ids": windows(text.train, CALIBRATION_WINDOWS)[0],
        "test_input_ids": kept[starts],
        "test_label": kept[starts + 1],
    }


def _descend(model: nn.Module, ids: torch.Tensor) -> None:
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_LR, total_steps=STEPS)
    loss_of = nn.CrossEntropyLoss()
    model.train()
    for _ in range(STEPS):
        starts = torch.randint(0, len(ids) - TOKENS, (BATCH_WINDOWS, 1))
        batch = ids[starts + torch.arange(TOKENS + 1)]
        optimiser.zero_grad()
        logits = model(batch[:, :-1])
        loss_of(logits.flatten(0, 1), batch[:, 1:].flatten()).backward()
        optimiser.step()
        schedule.step()


def fit(text: Text) -> nn.Module:
    """The trained model, in evaluation mode; torch's random state is left as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of float additions depends on the thread count
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            model = Gpt2(SHAPE)
            for weight in model.parameters():
                if weight.ndim > 1:
                    nn.init.normal_(weight, std=INIT_STD)
            _descend(model, torch.from_numpy(text.train))
    finally:
        torch.set_num_threads(threads)
    return model.eval()


def logits_of(path: Path, ids: Ids) -> NDArray[np.float32]:
    """onnxruntime's logits, (window, token, character) float32, of (window, 1, token) ids."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rows = [session.run(["logits"], {"input_ids": one})[0] for one in ids]
    return np.concatenate(rows).astype(np.float32)


def held_out_loss(path: Path) -> float:
    """Mean cross entropy of the held-out characters, in nats a character."""
    arrays = fixture_arrays(load_text())
    logits = logits_of(path, arrays["test_input_ids"].astype(np.int64))
    target = torch.from_numpy(arrays["test_label"].astype(np.int64)).flatten()
    return float(functional.cross_entropy(torch.from_numpy(logits).flatten(0, 1), target))


def train(path: Path) -> float:
    """Train, export to `path`: `input_ids` (1, 32) int64 to `logits` (1, 32, character) float32.

    Returns:
        The loss of the export on the held-out text, in nats a character.
    """
    export(
        fit(load_text()),
        [torch.zeros(1, TOKENS, dtype=torch.int64)],
        path,
        exporter="torchscript",
        input_names=["input_ids"],
        output_names=["logits"],
    )
    return held_out_loss(path)


def main() -> None:
    """Write `gpt2.onnx` and `gpt2.npz`."""
    parser = argparse.ArgumentParser(description="Train a small GPT-2 on characters.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    out: Path = parser.parse_args().out
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    out.mkdir(parents=True, exist_ok=True)
    loss = train(out / "gpt2.onnx")
    np.savez_compressed(out / "gpt2.npz", allow_pickle=False, **fixture_arrays(load_text()))
    log.info("gpt2: %.3f nats a character on the held-out text", loss)


if __name__ == "__main__":
    main()
