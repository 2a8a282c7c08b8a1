"""The procedure over the ezkl back end: real circuits, real integers, k = 12."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.calibration.small_models import random_samples, residual_chain
from zkdps.calibration.chain import calibrate
from zkdps.calibration.data import Samples, Split
from zkdps.calibration.reference import FloatModels
from zkdps.core.errors import OutOfRange
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.core.prover import BlockGraph, Prover
from zkdps.core.statement import Link
from zkdps.provers import load_prover
from zkdps.provers.engine import Limits


@pytest.fixture
def prover(tmp_path: Path) -> Iterator[Prover]:
    made = load_prover("ezkl", Limits(timeout_s=120, memory_bytes=None), tmp_path / "srs")
    yield made
    made.close()


def test_residual_chain(tmp_path: Path, prover: Prover) -> None:
    plan, graphs, models = residual_chain()
    (tmp_path / "work").mkdir()
    found = calibrate(
        prover,
        plan,
        graphs,
        Split(random_samples(6), random_samples(3, seed=2)),
        models,
        scale_bits=10,
        link=Link.POLYCOMMIT,
        directory=tmp_path / "work",
    )
    assert found.report.max_abs_error < 30 * 2.0**-10
    assert {error.tensor for error in found.report.tensors} == {t.name for t in plan.tensors}
    assert all(circuit.directory.is_dir() for circuit in found.circuits)


def test_target_error(tmp_path: Path, prover: Prover) -> None:
    plan, graphs, models = residual_chain()
    (tmp_path / "work").mkdir()
    found = calibrate(
        prover,
        plan,
        graphs,
        Split(random_samples(4), random_samples(2, seed=2)),
        models,
        target_error=0.004,
        link=Link.POLYCOMMIT,
        directory=tmp_path / "work",
    )
    assert found.report.max_abs_error <= 0.004


def test_held_out_sample_beyond_what_the_circuits_hold(tmp_path: Path, prover: Prover) -> None:
    plan, graphs, models = residual_chain()
    (tmp_path / "work").mkdir()
    data = Split(random_samples(3), random_samples(1, size=1e5))
    with pytest.raises(OutOfRange):
        calibrate(
            prover,
            plan,
            graphs,
            data,
            models,
            scale_bits=10,
            link=Link.POLYCOMMIT,
            directory=tmp_path / "work",
        )


def test_a_block_that_is_larger_inside_than_at_its_boundary(tmp_path: Path, prover: Prover) -> None:
    """No trace shows the values inside: the first circuit is too small, a wider one is found."""
    weight = np.full((1, 1), 30_000, np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "up"], ["large"]),
        helper.make_node("Relu", ["large"], ["kept"]),
        helper.make_node("MatMul", ["kept", "down"], ["y"]),
    ]
    spec = TensorSpec("x", (1, 1), "float32"), TensorSpec("y", (1, 1), "float32")
    values = [helper.make_tensor_value_info(s.name, TensorProto.FLOAT, s.shape) for s in spec]
    weights = [numpy_helper.from_array(w, n) for n, w in (("up", weight), ("down", 1 / weight))]
    inner = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 1)) for n in ("large", "kept")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights, value_info=inner)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    block = Block(0, "b", ("x",), ("y",))
    plan = Plan(spec, ("x",), ("y",), (block,))
    graphs = (BlockGraph(block, model.SerializeToString(), spec[:1], spec[1:]),)
    samples = Samples({"x": np.linspace(0.1, 1, 8, dtype=np.float32).reshape(8, 1, 1)})
    (tmp_path / "work").mkdir()
    found = calibrate(
        prover,
        plan,
        graphs,
        Split(samples, samples),
        FloatModels(model, model),
        scale_bits=8,
        link=Link.POLYCOMMIT,
        directory=tmp_path / "work",
    )
    assert found.measured.blocks[0].interior_max_abs > 1 << 22, "k = 12 holds 2**22"
    assert int(str(found.parameters[0]["logrows"])) > 12
