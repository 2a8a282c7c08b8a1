"""Decoders with random weights: `python -m tests.models.decoders gpt2 --tokens 16 --out DIR`.

Writes `NAME.onnx`, `calib.npz` and `input.npz`.  `gpt2` has the 124 million weights of GPT-2 small
and a tied head on the last token; `gpt2-tiny` and `llama-tiny` are for tests.  Weights come from a
seed: what a proof costs depends on shapes alone, and nothing is downloaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tests.models.transformers import GPT2, TINY, TINY_GROUPED, Gpt2, Llama, Shape, seeded
from zkdps.circuits.export import Exporter, export

SAMPLES = 8


def make_gpt2_onnx(
    path: Path,
    tokens: int,
    *,
    shape: Shape = GPT2,
    seed: int = 0,
    exporter: Exporter = "torchscript",
) -> None:
    """GPT-2: `input_ids` (1, tokens) int64 to `logits` (1, 1, vocabulary) of the last token."""
    module = seeded(Gpt2, shape, seed, last_only=True)
    ids = torch.zeros(1, tokens, dtype=torch.int64)
    export(
        module,
        [ids],
        path,
        exporter=exporter,
        input_names=["input_ids"],
        output_names=["logits"],
    )


def make_llama_onnx(
    path: Path,
    tokens: int,
    *,
    shape: Shape = TINY_GROUPED,
    seed: int = 0,
    exporter: Exporter = "torchscript",
) -> None:
    """Llama: `input_ids`, `attention_mask` (1, tokens) int64 to logits of every token."""
    module = seeded(Llama, shape, seed)
    ids = torch.zeros(1, tokens, dtype=torch.int64)
    export(
        module,
        [ids, torch.ones_like(ids)],
        path,
        exporter=exporter,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
    )


def random_ids(
    shape: Shape, tokens: int, samples: int = SAMPLES, seed: int = 1
) -> NDArray[np.int64]:
    """Token ids, (samples, 1, tokens) int64."""
    return np.random.default_rng(seed).integers(0, shape.vocabulary, (samples, 1, tokens))


def inputs_of(name: str, shape: Shape, tokens: int) -> Mapping[str, NDArray[np.int64]]:
    """Samples for a model of this file, by input name."""
    ids = random_ids(shape, tokens)
    return {"input_ids": ids} | (
        {"attention_mask": np.ones_like(ids)} if name.startswith("llama") else {}
    )


def main() -> None:
    """Write a model, calibration samples and one input."""
    parser = argparse.ArgumentParser(description="Write a decoder as ONNX, with random tokens.")
    parser.add_argument("name", choices=["gpt2", "gpt2-tiny", "llama-tiny"])
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--layers", type=int, help="of gpt2; 12 by default")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    shape = {"gpt2": GPT2, "gpt2-tiny": TINY, "llama-tiny": TINY_GROUPED}[given.name]
    shape = shape if given.layers is None else replace(shape, layers=given.layers)
    make = make_llama_onnx if given.name.startswith("llama") else make_gpt2_onnx
    make(given.out / f"{given.name}.onnx", given.tokens, shape=shape)
    samples = inputs_of(given.name, shape, given.tokens)
    np.savez(given.out / "calib.npz", allow_pickle=False, **samples)
    sample = {name: array[0] for name, array in samples.items()}
    np.savez(given.out / "input.npz", allow_pickle=False, **sample)


if __name__ == "__main__":
    main()
