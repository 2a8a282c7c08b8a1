"""Claim: Llama blocks (rotary positions, grouped queries, RMSNorm, SwiGLU) are proven whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models import decoders
from tests.models.proven import proven
from tests.models.transformers import TINY_GROUPED
from zkdps.workflows.reports import Cuts, Machine

TOKENS = 8
SAMPLES = 24
SCALE_BITS = 12


@pytest.mark.slow
def test_llama_is_proven_with_padding(tmp_path: Path, machine: Machine) -> None:
    model = tmp_path / "llama.onnx"
    decoders.make_llama_onnx(model, TOKENS)
    ids = decoders.random_ids(TINY_GROUPED, TOKENS, SAMPLES)
    mask = np.ones_like(ids)
    mask[::2, :, -2:] = 0
    arrays = {"input_ids": ids, "attention_mask": mask}
    samples = [{name: array[index] for name, array in arrays.items()} for index in (4, 5)]
    made = proven(model, arrays, samples, machine, cuts=Cuts(blocks=2), scale_bits=SCALE_BITS)
    assert len(made.built.key.plan.blocks) == 2
    read = mask[4:6] == 1
    assert made.errors[read].max() < 0.02
