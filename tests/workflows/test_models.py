"""Whole chains of real models: plan, build, prove, verify, with equal integers on both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Demo
from tests.models import zoo
from zkdps.circuits.export import Exporter, export
from zkdps.core.checks import Status
from zkdps.core.plan import Plan
from zkdps.core.policy import Policy
from zkdps.core.statement import Link
from zkdps.workflows.audit import audit_key
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.build import build
from zkdps.workflows.demo import demo
from zkdps.workflows.package import Package, open_package
from zkdps.workflows.plan import plan
from zkdps.workflows.prove import prove
from zkdps.workflows.reports import BuildReport, Cuts, Machine, ProveReport, Verdict
from zkdps.workflows.tensor_files import write_tensors
from zkdps.workflows.verify import verify

STRICT = Policy(input_required=True, output_required=True)


def _export(name: str, exporter: Exporter, folder: Path) -> tuple[Path, dict[str, tuple[int, ...]]]:
    """A zoo model as a file, and its input shapes by name."""
    sample = zoo.SMALL[name]()
    path = folder / "model.onnx"
    model = export(sample.module, sample.inputs, path, exporter=exporter)
    names = [value.name for value in model.graph.input]
    return path, {n: tuple(t.shape) for n, t in zip(names, sample.inputs, strict=True)}


def _data(shapes: Mapping[str, tuple[int, ...]], folder: Path, samples: int = 12) -> None:
    random = np.random.default_rng(7)
    drawn: dict[str, NDArray[np.float32]] = {
        name: random.uniform(-1, 1, (samples, *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    write_tensors(folder / "data.npz", dict(drawn))
    write_tensors(folder / "input.npz", {name: array[-1] for name, array in drawn.items()})


def _chain(
    model: Path, folder: Path, machine: Machine, cuts: Cuts, link: Link = Link.POLYCOMMIT
) -> tuple[BuildReport, ProveReport, Verdict]:
    planned = plan(
        model,
        cuts=cuts,
        shapes={},
        scale_bits=8,
        link=link,
        prover="ezkl",
        machine=machine,
        fit=False,
    )
    built = build(model, folder / "data.npz", folder / "pkg", cuts=cuts, link=link, machine=machine)
    assert built.key.plan.blocks == planned.plan.blocks, "build must cut as plan said"
    proved = prove(folder / "pkg", folder / "input.npz", folder / "run.zkrun", machine=machine)
    write_tensors(folder / "output.npz", dict(proved.outputs))
    verdict = verify(
        folder / "run.zkrun",
        built.key_path,
        inputs=folder / "input.npz",
        outputs=folder / "output.npz",
        policy=STRICT,
        machine=machine,
    )
    return built, proved, verdict


def _assert_felts_identical(package: Package, inputs: Path, machine: Machine) -> None:
    """Execute block by block and compare what each consumer read with what was written."""
    from zkdps.core.fixed_point import quantise
    from zkdps.workflows.tensor_files import read_tensors

    plan_of: Plan = package.key.plan
    arrays = read_tensors(inputs, plan_of.inputs)
    known = {name: quantise(arrays[name], plan_of.specs[name]) for name in plan_of.inputs}
    with open_prover(package.key.prover, machine) as prover:
        for circuit in package.circuits(prover):
            block = circuit.graph.block
            (trace,) = prover.execute(circuit, [[known[name] for name in block.inputs]])
            for name, read in zip(block.inputs, trace.inputs, strict=True):
                assert read.equals(known[name]), f"block {block.index} read another {name}"
            known.update(zip(block.outputs, trace.outputs, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "exporter", "cuts"),
    [
        ("two_inputs", "torchscript", Cuts(blocks=2)),
        ("residual_mlp", "torchscript", Cuts(blocks=3)),
        ("residual_mlp", "dynamo", Cuts(blocks=2)),
        ("gelu_mlp", "dynamo", Cuts(blocks=2)),
        ("conv_norm_pool", "torchscript", Cuts(blocks=2)),
    ],
    ids=lambda value: str(getattr(value, "blocks", value)),
)
def test_zoo_models_go_all_the_way(
    name: str, exporter: Exporter, cuts: Cuts, tmp_path: Path, machine: Machine
) -> None:
    model, shapes = _export(name, exporter, tmp_path)
    _data(shapes, tmp_path)
    built, proved, verdict = _chain(model, tmp_path, machine, cuts)
    assert len(verdict.blocks) == cuts.blocks
    assert {o.status for o in verdict.outcomes if o.check not in (9, 10)} == {Status.PASSED}
    bounds = {bound.tensor: bound.max_abs_steps for bound in built.key.accuracy.bounds}
    for output, values in proved.outputs.items():
        assert np.abs(values).max() < 1e3, "outputs of these small models are small"
        assert bounds[output] < 256, f"{output} is off by {bounds[output]} steps of 2**-8"
    _assert_felts_identical(open_package(tmp_path / "pkg"), tmp_path / "input.npz", machine)


@pytest.mark.slow
@pytest.mark.parametrize("link", [Link.POSEIDON, Link.PUBLIC])
def test_other_links_go_all_the_way(link: Link, tmp_path: Path, machine: Machine) -> None:
    model, shapes = _export("residual_mlp", "torchscript", tmp_path)
    _data(shapes, tmp_path)
    _, _, verdict = _chain(model, tmp_path, machine, Cuts(blocks=2), link)
    assert verdict.key.link is link


@pytest.mark.slow
def test_a_key_is_audited_from_its_model_and_another_model_fails(
    tmp_path: Path, machine: Machine
) -> None:
    from zkdps.core.errors import CheckFailed

    model, shapes = _export("two_inputs", "torchscript", tmp_path)
    _data(shapes, tmp_path)
    built = build(
        model, tmp_path / "data.npz", tmp_path / "pkg", cuts=Cuts(blocks=2), machine=machine
    )
    report = audit_key(model, built.key_path, machine=machine)
    assert len(report.lines) > 8
    assert all(line.agrees for line in report.lines)
    other = tmp_path / "other"
    other.mkdir()
    export(zoo.two_inputs(seed=5).module, zoo.two_inputs(seed=5).inputs, other / "model.onnx")
    with pytest.raises(CheckFailed) as caught:
        audit_key(other / "model.onnx", built.key_path, machine=machine)
    assert caught.value.check == 2


@pytest.mark.slow
def test_the_demo_of_the_digits(digits_demo: Demo, machine: Machine) -> None:
    """Its key is audited by command, in `tests/cli/test_chain.py`."""
    folder, done = digits_demo.folder, digits_demo.done
    assert done.returncode == 0, done.stderr
    assert re.search(r"^expected (\d), predicted \1$", done.stdout, re.M), done.stdout
    machine = replace(machine, cache=digits_demo.cache)
    _assert_felts_identical(open_package(folder / "package"), folder / "input.npz", machine)
    key = folder / "package" / "model.zkvk"
    verdict = verify(
        folder / "run.zkrun",
        key,
        inputs=folder / "input.npz",
        policy=Policy(independent=True, input_required=True),
        machine=machine,
    )
    assert len(verdict.blocks) == 4
    assert "reference verifier" in verdict.outcomes[4].detail


@pytest.mark.slow
def test_the_demo_of_the_transformer(tmp_path: Path, machine: Machine) -> None:
    report = demo("transformer", tmp_path, machine=machine)
    assert report.predicted == report.expected
    assert len(report.verdict.blocks) == 4
    skips = [b for b in report.verdict.key.plan.boundaries if b.consumer - b.producer > 1]
    assert any(b.producer >= 0 and b.consumer >= 0 for b in skips), "a residual crosses a cut"
    _assert_felts_identical(open_package(tmp_path / "package"), tmp_path / "input.npz", machine)
