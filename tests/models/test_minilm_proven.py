"""Claim: the published MiniLM, proven, gives the sentence vectors that it gives in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models import minilm
from tests.models.proven import proven
from zkdps.workflows.reports import Cuts, Machine

TOKENS = 24
"""The longest of the sentences has 22."""
BLOCKS = 3
LEAST_COSINE = 0.999


@pytest.mark.slow
def test_minilm_is_proven(tmp_path: Path, machine: Machine) -> None:
    model = tmp_path / "minilm.onnx"
    minilm.make_minilm_onnx(model, TOKENS)
    one = minilm.encode([minilm.INPUT_SENTENCE], TOKENS)
    made = proven(
        model,
        dict(minilm.encode(minilm.SENTENCES, TOKENS)),
        [{name: array[0] for name, array in one.items()}],
        machine,
        cuts=Cuts(blocks=BLOCKS),
        scale_bits=10,
    )
    assert len(made.built.key.plan.blocks) == BLOCKS
    ours, theirs = made.outputs.ravel(), made.float32.ravel().astype(np.float64)
    cosine = ours @ theirs / np.sqrt((ours @ ours) * (theirs @ theirs))
    assert cosine >= LEAST_COSINE
