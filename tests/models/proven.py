"""Models all the way through the workflows with the sumcheck back end: build, prove, verify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.circuits.dag_models import run_model
from zkdps.core.checks import Status
from zkdps.core.policy import Policy
from zkdps.workflows.build import build
from zkdps.workflows.prove import prove_many
from zkdps.workflows.reports import BuildReport, Cuts, Machine
from zkdps.workflows.tensor_files import write_tensors
from zkdps.workflows.verify import verify

STRICT = Policy(input_required=True, output_required=True)

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Proven:
    """Inferences of a model, each proven and verified."""

    built: BuildReport
    outputs: NDArray[np.float64]
    """(inference, *shape): the model's one output, as the proofs have it."""
    float32: NDArray[np.float32]
    """The same shape: what onnxruntime computes."""

    @property
    def errors(self) -> NDArray[np.float64]:
        """Absolute differences of the two."""
        return np.abs(self.outputs - self.float32)


def proven(
    model: Path,
    calibration: Arrays,
    samples: Sequence[Arrays],
    machine: Machine,
    *,
    cuts: Cuts,
    scale_bits: int,
) -> Proven:
    """Build beside `model`, prove each sample, verify each; the first by both verifiers.

    Args:
        model: an ONNX file with one output, in a folder of its own.
        calibration: input name to (sample, *shape); perhaps held-out samples, as `build` takes it.
        samples: for each inference, input name to array.
        machine: where provers run.
        cuts: how to cut the model.
        scale_bits: fixed-point scale.
    """
    folder = model.parent
    write_tensors(folder / "calib.npz", calibration)
    inputs = [folder / "inputs" / f"{index:03}.npz" for index in range(len(samples))]
    inputs[0].parent.mkdir()
    for path, sample in zip(inputs, samples, strict=True):
        write_tensors(path, sample)
    built = build(
        model,
        folder / "calib.npz",
        folder / "pkg",
        cuts=cuts,
        scale_bits=scale_bits,
        margin=1.5,
        prover="sumcheck",
        machine=machine,
    )
    proved = prove_many(folder / "pkg", inputs[0].parent, folder / "runs", machine=machine)
    for index, (path, report) in enumerate(zip(inputs, proved, strict=True)):
        write_tensors(folder / "output.npz", dict(report.outputs))
        for independent in (False, True)[: 1 if index else 2]:
            verdict = verify(
                report.run_path,
                built.key_path,
                inputs=path,
                outputs=folder / "output.npz",
                policy=replace(STRICT, independent=independent),
                machine=machine,
            )
            absent = [each.check for each in verdict.outcomes if each.status is Status.ABSENT]
            assert absent == [3, 9, 10]
            assert ("by the reference verifier" in verdict.outcomes[4].detail) is independent
    (name,) = built.key.plan.outputs
    return Proven(
        built,
        np.stack([report.outputs[name] for report in proved]),
        np.stack([run_model(model.read_bytes(), sample)[name] for sample in samples]),
    )
