"""The models of the sumcheck benches, as files; smoke runs take the same modules, tiny."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benches.outcome import Place
from benches.sumcheck_commands import Files
from tests.models.decoders import make_gpt2_onnx, random_ids
from tests.models.minilm import INPUT_SENTENCE, SENTENCES, encode, make_minilm_onnx
from tests.models.transformers import GPT2, TINY, BertEncoder, seeded
from zkdps.circuits.export import export
from zkdps.workflows.tensor_files import write_tensors

TINY_TOKENS = 8
SAMPLES = 8


def minilm_files(place: Place, tokens: int) -> Files:
    """The published MiniLM with its sentences; in a smoke run a tiny encoder, random."""
    files = _files(place.scratch / f"minilm-{tokens}")
    if place.smoke:
        _write_tiny_encoder(files)
        return files
    make_minilm_onnx(files.model, tokens)
    write_tensors(files.calibration, dict(encode(SENTENCES, tokens)))
    one = encode([INPUT_SENTENCE], tokens)
    write_tensors(files.input, {name: array[0] for name, array in one.items()})
    return files


def gpt2_files(place: Place, tokens: int) -> Files:
    """GPT-2 with random weights and random tokens; in a smoke run a tiny one."""
    files = _files(place.scratch / f"gpt2-{tokens}")
    shape = TINY if place.smoke else GPT2
    make_gpt2_onnx(files.model, tokens, shape=shape)
    ids = random_ids(shape, tokens, SAMPLES + 1)
    write_tensors(files.calibration, {"input_ids": ids[1:]})
    write_tensors(files.input, {"input_ids": ids[0]})
    return files


def _files(folder: Path) -> Files:
    folder.mkdir()
    return Files(folder / "model.onnx", folder / "calibration.npz", folder / "input.npz")


def _write_tiny_encoder(files: Files) -> None:
    example = torch.ones(1, TINY_TOKENS, dtype=torch.int64)
    export(
        seeded(BertEncoder, TINY),
        [example, example.clone()],
        files.model,
        exporter="torchscript",
        input_names=["input_ids", "attention_mask"],
        output_names=["embedding"],
    )
    samples = tiny_samples()
    write_tensors(files.calibration, dict(samples))
    write_tensors(files.input, {name: array[3] for name, array in samples.items()})


def tiny_samples() -> Mapping[str, NDArray[np.int64]]:
    """Inputs of the tiny encoder, sentences of several lengths."""
    ids = random_ids(TINY, TINY_TOKENS, SAMPLES)
    lengths = np.arange(SAMPLES)[:, None, None] % (TINY_TOKENS - 1) + 2
    return {
        "input_ids": ids,
        "attention_mask": (np.arange(TINY_TOKENS) < lengths).astype(np.int64),
    }
