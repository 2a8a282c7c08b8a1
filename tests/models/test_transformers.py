"""Claim: the transformer modules compute what they say; MiniLM is the published model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.circuits.dag_models import run_model
from tests.models import decoders, minilm, transformers

TOKENS = 12


def test_causal_models_never_look_ahead() -> None:
    ids = torch.randint(0, 60, (1, TOKENS))
    other = ids.clone()
    other[0, -1] = (other[0, -1] + 1) % 60
    for of, shape in (
        (transformers.Gpt2, transformers.TINY),
        (transformers.Llama, transformers.TINY_GROUPED),
    ):
        module = transformers.seeded(of, shape)
        more = [torch.ones_like(ids)] if of is transformers.Llama else []
        with torch.no_grad():
            change = (module(ids, *more) - module(other, *more)).abs().amax(dim=-1)[0]
        assert change[:-1].max() == 0 and change[-1] > 0


def test_padding_does_not_change_a_sentence_vector() -> None:
    module = transformers.seeded(transformers.BertEncoder, transformers.TINY)
    ids = torch.randint(0, 60, (1, TOKENS))
    mask = torch.tensor([[1] * 8 + [0] * 4])
    other = torch.where(mask == 1, ids, 7)
    with torch.no_grad():
        torch.testing.assert_close(module(ids, mask), module(other, mask))


def test_decoders_are_written_with_their_inputs(tmp_path: Path) -> None:
    path = tmp_path / "llama.onnx"
    decoders.make_llama_onnx(path, TOKENS)
    samples = decoders.inputs_of("llama-tiny", transformers.TINY_GROUPED, TOKENS)
    fed = {name: array[0] for name, array in samples.items()}
    assert run_model(path.read_bytes(), fed)["logits"].shape == (1, TOKENS, 61)


@pytest.mark.slow
def test_minilm_knows_which_sentences_are_alike(tmp_path: Path) -> None:
    path = tmp_path / "minilm.onnx"
    minilm.make_minilm_onnx(path, 16, unit_length=True)
    fed = minilm.encode(
        ["A man is eating food.", "A man eats something.", "The stock market fell today."], 16
    )
    data = onnx.load(path).SerializeToString()
    vectors = [
        run_model(data, {name: array[place] for name, array in fed.items()})["embedding"][0]
        for place in range(3)
    ]
    alike, apart = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert alike > 0.7 > 0.2 > apart
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
