"""The sumcheck dialect: what it leaves whole, and masks that every reader computes for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from tests.circuits.dag_models import run_model
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.dialect import Dialect
from zkdps.circuits.export import Exporter, export
from zkdps.circuits.prepare import prepare
from zkdps.circuits.slice import slice_model

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

TOKENS = 6


def exported(name: str, exporter: Exporter) -> onnx.ModelProto:
    from tests.models import transformers

    of, shape = {
        "bert": (transformers.BertEncoder, transformers.TINY),
        "llama": (transformers.Llama, transformers.TINY_GROUPED),
    }[name]
    example = torch.ones(1, TOKENS, dtype=torch.int64)
    return export(
        transformers.seeded(of, shape),
        [example, example.clone()],
        exporter=exporter,
        input_names=["input_ids", "attention_mask"],
        output_names=["out"],
    )


def operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
@pytest.mark.parametrize("name", ["bert", "llama"])
def test_masks_cross_no_boundary(name: str, exporter: Exporter) -> None:
    source = exported(name, exporter)
    prepared = prepare(source, {}, 8, Dialect.SUMCHECK)
    flow = read_dataflow(prepared.model)
    softmax = [index for index in flow.live if flow.node(index).op_type == "Softmax"]
    first = flow.ancestors([softmax[0]])
    second = flow.ancestors([softmax[1]]) - first
    rest = set(flow.live) - first - second
    sliced = slice_model(prepared.model, [sorted(first), sorted(second), sorted(rest)])
    assert all("attention_mask" in block.inputs for block in sliced.plan.blocks[:2])
    assert not [
        tensor.name
        for tensor in sliced.plan.tensors
        if not tensor.is_real and tensor.name not in flow.inputs
    ]
    rng = np.random.default_rng(3)
    fed = {
        "input_ids": rng.integers(0, 60, (1, TOKENS)),
        "attention_mask": np.array([[1, 1, 1, 1, 0, 0]]),
    }
    before, after = (
        run_model(model.SerializeToString(), fed)["out"] for model in (source, prepared.model)
    )
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert prepare(source, {}, 8, Dialect.SUMCHECK) == prepared


def test_the_dialect_keeps_whole_what_its_back_end_proves() -> None:
    from tests.models import zoo

    module, inputs = zoo.conv_norm_pool()
    source = export(module, inputs)
    assert "MaxPool" in operators(prepare(source, {}, 8, Dialect.SUMCHECK).model)
    assert "MaxPool" not in operators(prepare(source, {}, 8).model)
    bert = prepare(exported("bert", "torchscript"), {}, 8, Dialect.SUMCHECK).model
    assert {"LayerNormalization", "Softmax", "Erf"} <= operators(bert)


def test_ezkl_is_the_default() -> None:
    source = exported("bert", "torchscript")
    from zkdps.core.errors import UnsupportedOperator

    try:
        expected = prepare(source, {}, 8, Dialect.EZKL)
    except UnsupportedOperator as error:
        with pytest.raises(UnsupportedOperator, match="operator") as caught:
            prepare(source, {}, 8)
        assert str(caught.value) == str(error)
    else:
        assert prepare(source, {}, 8) == expected
