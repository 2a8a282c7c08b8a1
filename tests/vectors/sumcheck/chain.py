"""The small model of the vectors, built and proved by the sumcheck back end.

Its proofs name their run, so a flaw that only moves receipts is caught by the proofs themselves.
`Bench.run` therefore proves whatever chain of blocks it is told to, under the id that this chain
has: cheaters who work together, and whose every proof is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tests.vectors import models
from zkdps.core.fixed_point import FixedTensor, quantise
from zkdps.core.model_key import ModelKey
from zkdps.core.prover import Circuit, Prover, Trace
from zkdps.core.run import Run, make_run, proof_context, run_id_of
from zkdps.core.statement import Receipt
from zkdps.workflows.build import build
from zkdps.workflows.package import Package, open_package
from zkdps.workflows.reports import Cuts, Machine
from zkdps.workflows.tensor_files import write_tensors

SEEDS = {"model": 2, "retrained": 7}
INPUTS = {"first": 21, "second": 22}
Tensors = Mapping[str, FixedTensor]


@dataclass
class Bench:
    """Packages, and provers that prove what they are told."""

    folder: Path
    machine: Machine
    prover: Prover
    _packages: dict[str, Package] = field(default_factory=dict)
    _runs: dict[tuple[str, str], Run] = field(default_factory=dict)

    def package(self, name: str = "model") -> Package:
        """Built once."""
        if name not in self._packages:
            model = self.folder / f"{name}.onnx"
            model.write_bytes(models.chain(SEEDS[name]).SerializeToString(deterministic=True))
            write_tensors(self.folder / "calibration.npz", models.calibration())
            build(
                model,
                self.folder / "calibration.npz",
                self.folder / name,
                cuts=Cuts(tensors=models.CUTS),
                scale_bits=models.SCALE_BITS,
                prover="sumcheck",
                machine=self.machine,
            )
            self._packages[name] = open_package(self.folder / name)
        return self._packages[name]

    def key(self, name: str = "model") -> ModelKey:
        return self.package(name).key

    @cached_property
    def circuits(self) -> Sequence[Circuit]:
        return list(self.package().circuits(self.prover))

    def given(self, name: str) -> dict[str, FixedTensor]:
        """The model's inputs."""
        plan = self.key().plan
        arrays = models.samples(INPUTS[name], 1)
        return {tensor: quantise(arrays[tensor], plan.specs[tensor]) for tensor in plan.inputs}

    def traces(self, name: str) -> tuple[list[Trace], dict[str, FixedTensor]]:
        """The honest execution: of each block, and all boundary tensors."""
        known = self.given(name)
        found = []
        for circuit in self.circuits:
            block = circuit.graph.block
            found.append(self.executed(block.index, tuple(known[n] for n in block.inputs)))
            known.update(zip(block.outputs, found[-1].outputs, strict=True))
        return found, known

    def executed(self, block: int, inputs: tuple[FixedTensor, ...]) -> Trace:
        """One block on any inputs of its shapes."""
        (trace,) = self.prover.execute(self.circuits[block], [inputs])
        return trace

    def run(
        self,
        traces: Sequence[Trace],
        inputs: Tensors,
        outputs: Tensors,
        *,
        with_tensors: bool = False,
    ) -> Run:
        """A run that claims these inputs and outputs; every proof is of its statement and run."""
        digest = self.key().digest
        claims = [
            self.prover.statement(circuit, trace)
            for circuit, trace in zip(self.circuits, traces, strict=True)
        ]
        run_id = run_id_of(digest, claims, inputs, outputs)
        receipts = tuple(
            Receipt(*self.prover.prove(circuit, trace, proof_context(run_id, index)))
            for index, (circuit, trace) in enumerate(zip(self.circuits, traces, strict=True))
        )
        return make_run(digest, receipts, inputs, outputs, with_tensors=with_tensors)

    def honest(self, name: str = "first") -> Run:
        """The honest run of an input, with its tensors."""
        if ("model", name) not in self._runs:
            traces, known = self.traces(name)
            plan = self.key().plan
            self._runs["model", name] = self.run(
                traces,
                {tensor: known[tensor] for tensor in plan.inputs},
                {tensor: known[tensor] for tensor in plan.outputs},
                with_tensors=True,
            )
        return self._runs["model", name]

    def ends(self, name: str) -> tuple[dict[str, FixedTensor], dict[str, FixedTensor]]:
        """Inputs and outputs of the honest run."""
        _, known = self.traces(name)
        plan = self.key().plan
        return {n: known[n] for n in plan.inputs}, {n: known[n] for n in plan.outputs}


def lifted(tensor: FixedTensor, change: int) -> FixedTensor:
    """The first integer, more by `change`."""
    integers = tensor.integers.copy()
    integers.reshape(-1)[0] += change
    return replace(tensor, integers=integers)
