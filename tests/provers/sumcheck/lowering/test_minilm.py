"""MiniLM, the published weights: every block of the model lowers, and computes what it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.circuits.dag_models import run_model
from tests.models.minilm import INPUT_SENTENCE, SENTENCES, encode, make_minilm_onnx
from tests.provers.sumcheck.lowering.compare import counts
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.dialect import Dialect
from zkdps.circuits.prepare import prepare
from zkdps.circuits.slice import slice_model
from zkdps.provers.sumcheck.lowering import lower
from zkdps.provers.sumcheck.reals import evaluate

TOKENS = 16


@pytest.mark.slow
def test_every_layer_is_a_block(tmp_path: Path) -> None:
    path = tmp_path / "minilm.onnx"
    make_minilm_onnx(path, TOKENS)
    model = prepare(onnx.load(path), {}, 10, Dialect.SUMCHECK).model
    flow = read_dataflow(model)
    ends = [index for index in flow.live if flow.node(index).op_type == "LayerNormalization"][::2]
    groups, done = [], frozenset[int]()
    for end in ends:
        nodes = flow.ancestors([end])
        groups.append(sorted(nodes - done))
        done |= nodes
    groups.append(sorted(set(flow.live) - done))
    sliced = slice_model(model, groups)
    programs = [lower(graph) for graph in sliced.graphs]
    assert counts(programs[0]) == {"Gather": 1, "Addition": 1, "Norm": 1}
    for program in programs[1:-1]:
        assert counts(program) == {"Linear": 6, "Attention": 1, "Norm": 2, "Table": 1}
    assert counts(programs[-1]) == {"WeightedMean": 1}
    given = encode([INPUT_SENTENCE, *SENTENCES[:2]], TOKENS)
    for place in range(3):
        fed = {name: array[place] for name, array in given.items()}
        values = {name: array.astype(np.float64) for name, array in fed.items()}
        for program in programs:
            read = {spec.name: values[spec.name] for spec in program.inputs}
            made = evaluate(program, read)
            values.update({name: made[name] for name, _ in program.outputs})
        expected = run_model(path.read_bytes(), fed)["embedding"]
        np.testing.assert_allclose(values["embedding"], expected, atol=1e-5)
