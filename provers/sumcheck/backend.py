"""The sumcheck back end behind the prover protocol.

Everything that lays out, executes, proves or verifies runs in standing worker processes
(`calls`); what is here passes files to them and results back.  `stored` lists a circuit's files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

import numpy as np

from zkdps.core.canonical import Json
from zkdps.core.errors import CheckFailed, OutOfRange, ProofError
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.plan import Cost, TensorSpec
from zkdps.core.prover import BlockEnds, BlockGraph, Circuit, Parameters, Ranges, Trace
from zkdps.core.srs import SrsIdentity
from zkdps.core.statement import Commitment, Link, Proof, Statement, Usage
from zkdps.provers.files import storage, workplace
from zkdps.provers.sumcheck import auditor, stored
from zkdps.provers.sumcheck.arrays import read_arrays, write_arrays
from zkdps.provers.sumcheck.choices import PRESET_OF, Choice, choice_of
from zkdps.provers.sumcheck.joint_prover import SumcheckJointProver
from zkdps.provers.sumcheck.runner import Runner
from zkdps.provers.sumcheck.system import PRESETS

VERSION = "1"
"""Of the protocol; zkdps's own version stands beside it in keys."""


class SumcheckProver:
    """Hash-based proofs of ONNX blocks; see `zkdps.core.prover.Prover` for the methods."""

    name = "sumcheck"
    version = VERSION
    needs_srs = False
    dialect = "sumcheck"
    binds_run = True
    checks_itself = False
    links = (Link.MERKLE,)
    can_fit = False
    is_fitted = False

    def __init__(self, runner: Runner, security: str, is_joint: bool) -> None:
        """
        Args:
            runner: of the worker processes; it is this back end's from now on.
            security: key of `choices.PRESET_OF`, for new keys.
            is_joint: whether new keys are for joint proofs.
        """
        self._runner = runner
        self._preset = PRESETS[PRESET_OF[security]]
        self._is_joint = is_joint
        self.joint = SumcheckJointProver(self._runner, self._usage)
        self._statements: dict[tuple[str, ...], Statement] = {}

    @property
    def jobs(self) -> int:
        """As the protocol: one call a worker."""
        return self._runner.pool.jobs

    def warm(self, circuits: Sequence[Circuit]) -> None:
        """As the protocol: workers lay out their circuits, then import the kernels."""
        degrees = sorted({choice_of(circuit.parameters).preset.degree for circuit in circuits})
        by_worker: dict[int, list[Circuit]] = {}
        for circuit in circuits:
            by_worker.setdefault(circuit.graph.block.index % self.jobs, []).append(circuit)
        for worker, mine in by_worker.items():
            loads = [("load", circuit.directory) for circuit in mine]
            self._runner.start(worker, [*loads, ("warm", *degrees)])

    def fit(self) -> None:
        """As the protocol: costs are counts times constants, nothing is fitted."""

    def is_development(self, trust: Mapping[str, bytes]) -> bool:
        """As the protocol: there is no SRS."""
        return False

    def close(self) -> None:
        """As the protocol."""
        self._runner.pool.close()

    # --- Choosing and laying out -----------------------------------------------------------------

    def choose(
        self,
        graphs: Sequence[BlockGraph],
        *,
        scale_bits: int,
        link: Link,
        ranges: Sequence[Ranges] | None,
    ) -> tuple[Parameters, ...]:
        """As the protocol; both sides of a boundary get its largest range."""
        if ranges is None:
            return (Choice(self._preset, scale_bits, 0, None).record(),) * len(graphs)
        ends = reduce(
            Ranges.hull, (_ends(graph, seen) for graph, seen in zip(graphs, ranges, strict=True))
        )
        interiors = [
            {name: max(most, ends.interior.get(name, 0)) for name, most in seen.interior.items()}
            for seen in ranges
        ]
        first = [Choice(self._preset, scale_bits, 0, interior) for interior in interiors]
        total = sum(
            self._entries(graph, choice) for graph, choice in zip(graphs, first, strict=True)
        )
        from zkdps.provers.sumcheck import costs

        # The sum of the proofs' lengths is least where a proof of average size is shortest.
        proofs = 1 if self._is_joint else len(graphs)
        columns_log = costs.columns_log(total // proofs, self._preset)
        return tuple(
            Choice(self._preset, scale_bits, columns_log, interior).record()
            for interior in interiors
        )

    def _entries(self, graph: BlockGraph, choice: Choice) -> int:
        with workplace() as folder:
            stored.write_circuit(graph, choice.record(), folder)
            index = graph.block.index
            return int(self._runner.call("choose", index, "entries", folder))

    def estimate(self, graph: BlockGraph, parameters: Parameters) -> Cost:
        """As the protocol; see `costs`."""
        from zkdps.provers.sumcheck import costs

        return costs.estimate(graph, choice_of(parameters))

    def compile(self, graph: BlockGraph, parameters: Parameters, directory: Path) -> Circuit:
        """As the protocol."""
        choice_of(parameters)
        with storage(directory):
            stored.write_circuit(graph, parameters, directory)
        self._runner.call("compile", graph.block.index, "compile_circuit", directory)
        return Circuit(graph, parameters, directory)

    def open(self, graph: BlockEnds, parameters: Parameters, directory: Path) -> Circuit:
        """As the protocol.

        Raises:
            StalePackage: the compiled circuit is not there.
        """
        for name in (stored.CIRCUIT, stored.PROGRAM, *stored.MATERIAL):
            stored.member(directory, name)
        return Circuit(graph, parameters, directory)

    # --- Keys ------------------------------------------------------------------------------------

    def setup_inputs(self, parameters: Parameters) -> Json:
        """As the protocol: there are none."""
        return None

    def setup(self, circuit: Circuit) -> Usage:
        """As the protocol: the weights' commitment."""
        index = circuit.graph.block.index
        return self._usage(index, self._runner.call("setup", index, "setup", circuit.directory))

    def _usage(self, block: int, answer: Mapping[str, float]) -> Usage:
        peak = self._runner.pool.peak_rss_bytes(block)
        return Usage(answer["wall_s"], answer["cpu_s"], peak)

    def material(self, circuit: Circuit, committed: Sequence[TensorSpec]) -> Mapping[str, bytes]:
        """As the protocol: the System and its tables."""
        return {
            name: stored.member(circuit.directory, name).read_bytes() for name in stored.MATERIAL
        }

    def trust(self, circuits: Sequence[Circuit]) -> tuple[SrsIdentity | None, Mapping[str, bytes]]:
        """As the protocol: there is no SRS."""
        return None, {}

    # --- Running and proving ---------------------------------------------------------------------

    def execute(
        self, circuit: Circuit, samples: Sequence[Sequence[FixedTensor]]
    ) -> tuple[Trace, ...]:
        """As the protocol; a trace's inputs say it all, proving executes them again if it must."""
        graph = circuit.graph
        stacked = [
            np.stack([sample[position].integers for sample in samples])
            for position in range(len(graph.inputs))
        ]
        with workplace() as folder:
            write_arrays(folder / "inputs.npz", stacked)
            ranges = self._runner.call(
                "execute",
                graph.block.index,
                "execute",
                circuit.directory,
                folder / "inputs.npz",
                folder / "outputs.npz",
            )
            made = read_arrays(folder / "outputs.npz")
        return tuple(
            Trace(
                tuple(sample),
                tuple(
                    FixedTensor(array[index], spec.scale_bits)
                    for array, spec in zip(made, graph.outputs, strict=True)
                ),
                Ranges(0, 0, seen["max_abs"], 0, seen["interior"]),
                b"",
            )
            for index, (sample, seen) in enumerate(zip(samples, ranges, strict=True))
        )

    def check_ranges(self, circuit: Circuit, trace: Trace) -> None:
        """As the protocol: execution refused already what could not be proved."""
        if choice_of(circuit.parameters).interior is None:
            limits = (-trace.ranges.max_abs, trace.ranges.max_abs)
            index = circuit.graph.block.index
            raise OutOfRange(index, "a circuit that is not calibrated", (0, 0), limits)

    def statement(self, circuit: Circuit, trace: Trace) -> Statement:
        """As the protocol: the roots of what crosses the block's boundaries."""
        index, count = circuit.graph.block.index, len(trace.inputs)
        tensors = trace.inputs + trace.outputs
        name = (str(circuit.directory), *(tensor.sha256 for tensor in tensors))
        if name in self._statements:
            return self._statements[name]
        with workplace() as folder:
            write_arrays(folder / "ends.npz", [tensor.integers for tensor in tensors])
            found = self._runner.call(
                "commit", index, "roots", circuit.directory, folder / "ends.npz"
            )
        roots = tuple(Commitment(Link.MERKLE, bytes.fromhex(root)) for root in found)
        self._statements[name] = Statement(index, roots[:count], roots[count:])
        return self._statements[name]

    def prove(
        self, circuit: Circuit, trace: Trace, context: bytes = b""
    ) -> tuple[Statement, Proof]:
        """As the protocol."""
        index = circuit.graph.block.index
        statement = self.statement(circuit, trace)
        with workplace() as folder:
            write_arrays(folder / "inputs.npz", [tensor.integers for tensor in trace.inputs])
            answer = self._runner.call(
                "prove",
                index,
                "prove",
                circuit.directory,
                folder / "inputs.npz",
                context.hex(),
                folder / "proof.bin",
            )
            data = (folder / "proof.bin").read_bytes()
        return statement, Proof(data, self._usage(index, answer))

    # --- Auditing --------------------------------------------------------------------------------

    def commit(
        self, material: Mapping[str, bytes], link: Link, spec: TensorSpec, tensor: FixedTensor
    ) -> Commitment:
        """As the protocol; see `auditor`."""
        return auditor.commit(material, link, spec, tensor)

    def check_material(
        self,
        material: Mapping[str, bytes],
        link: Link,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
    ) -> Mapping[str, str]:
        """As the protocol; see `auditor`."""
        return auditor.check_material(material, link, inputs, outputs)

    def verify(
        self,
        material: Mapping[str, bytes],
        trust: Mapping[str, bytes],
        statement: Statement,
        proof: Proof,
        context: bytes = b"",
    ) -> None:
        """As the protocol, in a worker: a hostile key can only fail."""
        roots = auditor.roots_of(statement)
        with workplace() as folder:
            for name in stored.MATERIAL:
                if name not in material:
                    reason = f"the key's material misses {name}"
                    raise CheckFailed(5, reason, block=statement.block)
                (folder / name).write_bytes(material[name])
            (folder / "proof.bin").write_bytes(proof.data)
            try:
                self._runner.judge(statement.block, "verify", folder, *roots, context.hex())
            except CheckFailed as error:
                raise CheckFailed(
                    5, error.reason, statement.block, error.tensor, error.expected, error.got
                ) from error
            except ProofError as error:
                reason = f"the verifier came to no answer: {error}"
                raise CheckFailed(5, reason, block=statement.block) from error


def _ends(graph: BlockEnds, seen: Ranges) -> Ranges:
    """What a block saw of its boundary tensors."""
    names = {spec.name for spec in (*graph.inputs, *graph.outputs)}
    kept = {name: most for name, most in seen.interior.items() if name in names}
    return Ranges(0, 0, 0, 0, kept)
