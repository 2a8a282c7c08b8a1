"""The ezkl back end behind the prover protocol.

A circuit's directory holds `block.onnx`, `settings.json` (canonical), `circuit.ezkl` and, after
`setup`, `vk.key`, `pk.key` and `srs.json` (which SRS the keys were made with).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zkdps.core.canonical import Json, canonical_json, sha256_hex
from zkdps.core.errors import CheckFailed, LayoutFailed, ProverFailed
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.plan import Cost, TensorSpec
from zkdps.core.prover import BlockEnds, BlockGraph, Circuit, Parameters, Ranges, Trace
from zkdps.core.srs import SrsIdentity, SrsKind
from zkdps.core.statement import Commitment, Link, Proof, Statement, Usage
from zkdps.provers.engine import Limits
from zkdps.provers.ezkl import commitments, parameters, proofs, srs, witnesses
from zkdps.provers.ezkl.auditor import Auditor, is_development
from zkdps.provers.ezkl.cost import Layout, Machine, layout, predict
from zkdps.provers.ezkl.files import member
from zkdps.provers.ezkl.keys import Keys
from zkdps.provers.ezkl.machine import fit_machine, machine_constants
from zkdps.provers.ezkl.runner import Runner, read_json, version
from zkdps.provers.ezkl.settings import (
    GENEROUS_LOGROWS,
    Choice,
    canonical_settings,
    check_scales,
    choice_of,
    parse_settings,
)
from zkdps.provers.ezkl.settings_check import check_settings
from zkdps.provers.files import storage, workplace


class EzklProver:
    """halo2-KZG proofs of ONNX blocks; see `zkdps.core.prover.Prover` for the methods."""

    name = "ezkl"
    needs_srs = True
    joint = None
    dialect = "ezkl"
    binds_run = False
    checks_itself = True
    jobs = 1
    links = (Link.POLYCOMMIT, Link.POSEIDON, Link.PUBLIC)

    def __init__(
        self,
        limits: Limits,
        srs_cache: Path,
        *,
        srs_kind: SrsKind | None = None,
    ) -> None:
        """
        Args:
            limits: of every back-end call.
            srs_cache: where `srs.find` looks.
            srs_kind: which SRS to make keys with; `None`: a ceremony's if the cache has one.
        """
        self._runner = Runner(limits)
        self._keys = Keys(self._runner, srs_cache, srs_kind)
        self._auditor = Auditor(self._runner)
        self._srs_cache = srs_cache
        self._settings_seen: dict[str, bytes] = {}

    @property
    def version(self) -> str:
        """Version of ezkl."""
        return version()

    def is_development(self, trust: Mapping[str, bytes]) -> bool:
        """As the protocol."""
        return is_development(trust)

    # --- This machine's constants ----------------------------------------------------------------

    can_fit = True

    def machine_constants(self) -> Machine:
        """What `estimate` works with; `measured` says whether it was fitted here."""
        return machine_constants(self._srs_cache, self.version)

    @property
    def is_fitted(self) -> bool:
        """As the protocol."""
        return self.machine_constants().measured

    def fit(self) -> None:
        """As the protocol; half a minute the first time."""
        if not self.is_fitted:
            fit_machine(self._srs_cache, self.version, self._measure)

    def _measure(self, graph: BlockGraph, choice: Choice) -> tuple[Layout, Usage, Usage]:
        zeros = np.zeros(graph.inputs[0].shape, dtype=np.int64)
        with workplace() as folder:
            circuit = self.compile(graph, choice.record(), folder)
            setup = self.setup(circuit)
            trace = self.execute(circuit, [[FixedTensor(zeros, choice.scale_bits)]])[0]
            _, proof = self.prove(circuit, trace)
            if proof.usage is None:
                raise ProverFailed(graph.block.index, "fit", "proving was not measured")
            settings = parse_settings(member(circuit, "settings.json").read_bytes())
            return layout(settings), setup, proof.usage

    def close(self) -> None:
        """End the session's worker process."""
        self._runner.engine.close()

    # --- Choosing and laying out -----------------------------------------------------------------

    def choose(
        self,
        graphs: Sequence[BlockGraph],
        *,
        scale_bits: int,
        link: Link,
        ranges: Sequence[Ranges] | None,
    ) -> tuple[Parameters, ...]:
        """As the protocol; see `parameters`."""
        if ranges is None:
            choices = parameters.sketch(graphs, scale_bits, link, self._settings)
        else:
            choices = parameters.choose(graphs, scale_bits, link, ranges, self._settings)
        return tuple(choice.record() for choice in choices)

    def estimate(self, graph: BlockGraph, parameters: Parameters) -> Cost:
        """As the protocol."""
        choice = choice_of(parameters)
        settings = self._settings(graph, choice)
        # At the size that was chosen: before calibration the settings are of a generous one.
        return predict(settings, self.machine_constants(), choice.logrows)

    def _settings(self, graph: BlockGraph, choice: Choice) -> Mapping[str, Any]:
        """ezkl's settings for a block, laid out once for each choice."""
        if not choice.calibrated:
            # Nothing that ezkl is told depends on the size that the plan is estimated at.
            choice = replace(choice, logrows=GENEROUS_LOGROWS)
        name = sha256_hex(graph.onnx) + sha256_hex(canonical_json(choice.record()))
        if name not in self._settings_seen:
            with workplace() as folder:
                (folder / "block.onnx").write_bytes(graph.onnx)
                self._generate(graph, choice, folder)
                self._settings_seen[name] = (folder / "settings.json").read_bytes()
        return parse_settings(self._settings_seen[name])

    def _generate(self, graph: BlockGraph, choice: Choice, folder: Path) -> Mapping[str, Any]:
        raw = folder / "settings.raw.json"
        self._runner.gen_settings(graph.block.index, folder / "block.onnx", raw, choice)
        try:
            canonical = canonical_settings(raw.read_bytes(), choice)
        except ValueError as error:
            raise LayoutFailed(graph.block.index, str(error)) from error
        raw.unlink()
        (folder / "settings.json").write_bytes(canonical)
        return parse_settings(canonical)

    def compile(self, graph: BlockGraph, parameters: Parameters, directory: Path) -> Circuit:
        """As the protocol."""
        choice = choice_of(parameters)
        with storage(directory):
            (directory / "block.onnx").write_bytes(graph.onnx)
            settings = self._generate(graph, choice, directory)
        check_scales(graph, settings)
        self._runner.compile(
            graph.block.index,
            directory / "block.onnx",
            directory / "circuit.ezkl",
            directory / "settings.json",
        )
        return Circuit(graph, parameters, directory)

    def open(self, graph: BlockEnds, parameters: Parameters, directory: Path) -> Circuit:
        """As the protocol.

        Raises:
            StalePackage: the compiled circuit is not there.
        """
        circuit = Circuit(graph, parameters, directory)
        member(circuit, "circuit.ezkl")
        member(circuit, "settings.json")
        return circuit

    # --- Keys ------------------------------------------------------------------------------------

    def setup_inputs(self, parameters: Parameters) -> Json:
        """As the protocol: the digest of the SRS and ezkl's version."""
        return self._keys.inputs(parameters)

    def setup(self, circuit: Circuit) -> Usage:
        """As the protocol; see `keys`."""
        return self._keys.setup(circuit)

    def material(self, circuit: Circuit, committed: Sequence[TensorSpec]) -> Mapping[str, bytes]:
        """As the protocol: settings, verifying key, and a commitment basis where one is needed."""
        return self._keys.material(circuit, committed)

    def trust(self, circuits: Sequence[Circuit]) -> tuple[SrsIdentity | None, Mapping[str, bytes]]:
        """As the protocol."""
        return self._keys.trust(circuits)

    # --- Running and proving ---------------------------------------------------------------------

    def execute(
        self, circuit: Circuit, samples: Sequence[Sequence[FixedTensor]]
    ) -> tuple[Trace, ...]:
        """As the protocol."""
        settings = parse_settings(member(circuit, "settings.json").read_bytes())
        with workplace() as folder:
            return tuple(
                self._execute(circuit, sample, folder, witnesses.has_lookups(settings))
                for sample in samples
            )

    def _execute(
        self, circuit: Circuit, sample: Sequence[FixedTensor], folder: Path, has_lookups: bool
    ) -> Trace:
        graph = circuit.graph
        witnesses.check_inputs(graph, choice_of(circuit.parameters), sample)
        inputs, witness = folder / "input.json", folder / "witness.json"
        inputs.write_bytes(witnesses.input_document(sample))
        try:
            self._runner.gen_witness(
                graph.block.index, inputs, member(circuit, "circuit.ezkl"), witness
            )
        except ProverFailed as error:
            overflow = witnesses.overflow_of(graph, choice_of(circuit.parameters), error)
            raise overflow or error from error
        return witnesses.trace_of(graph, sample, witness.read_bytes(), has_lookups)

    def check_ranges(self, circuit: Circuit, trace: Trace) -> None:
        """As the protocol."""
        settings = parse_settings(member(circuit, "settings.json").read_bytes())
        block, choice = circuit.graph.block.index, choice_of(circuit.parameters)
        witnesses.check_ranges(block, choice, trace.ranges, witnesses.has_lookups(settings))

    def warm(self, circuits: Sequence[Circuit]) -> None:
        """As the protocol: each proof starts a process of its own, there is nothing to prepare."""

    def statement(self, circuit: Circuit, trace: Trace) -> Statement:
        """As the protocol: every commitment recomputed from its tensor, in Python."""
        return self._statement_of(circuit, trace, self._keys.srs_of(circuit))

    def prove(
        self, circuit: Circuit, trace: Trace, context: bytes = b""
    ) -> tuple[Statement, Proof]:
        """As the protocol; ezkl's proofs take no context in.

        Raises:
            OutOfRange: the trace leaves the circuit's tables.
            ProverFailed: ezkl's proof commits to other values than the trace's.
        """
        self.check_ranges(circuit, trace)
        block = circuit.graph.block.index
        file = self._keys.srs_of(circuit)
        with workplace() as folder:
            (folder / "witness.json").write_bytes(trace.witness)
            usage = self._runner.prove(
                block,
                folder / "witness.json",
                member(circuit, "circuit.ezkl"),
                member(circuit, "pk.key"),
                folder / "proof.json",
                file.path,
            )
            transcript, instances = proofs.read_proof(read_json(folder / "proof.json"))
        statement = self._statement(circuit, trace, transcript, instances, file)
        return statement, Proof(transcript, usage)

    def _statement(
        self,
        circuit: Circuit,
        trace: Trace,
        transcript: bytes,
        instances: Sequence[str],
        file: srs.SrsFile,
    ) -> Statement:
        graph, link = circuit.graph, choice_of(circuit.parameters).link
        specs = graph.inputs + graph.outputs
        try:
            made = proofs.commitments_of(link, specs, transcript, instances, file.logrows)
        except (ValueError, IndexError) as error:
            raise ProverFailed(graph.block.index, "prove", str(error)) from error
        executed = self._statement_of(circuit, trace, file)
        expected = executed.inputs + executed.outputs
        for spec, commitment, wanted in zip(specs, made, expected, strict=True):
            if commitment != wanted:
                reason = f"the proof commits to another value of {spec.name!r} than was executed"
                raise ProverFailed(graph.block.index, "prove", reason)
        return executed

    def _statement_of(self, circuit: Circuit, trace: Trace, file: srs.SrsFile) -> Statement:
        graph, link = circuit.graph, choice_of(circuit.parameters).link
        size = max(spec.size for spec in graph.inputs + graph.outputs)
        basis = commitments.read_basis(file.path, file.logrows, size)
        block = graph.block.index
        inputs, outputs = (
            tuple(self._auditor.commit_with(link, tensor, basis, block) for tensor in side)
            for side in (trace.inputs, trace.outputs)
        )
        return Statement(block, inputs, outputs)

    # --- Auditing --------------------------------------------------------------------------------

    def commit(
        self, material: Mapping[str, bytes], link: Link, spec: TensorSpec, tensor: FixedTensor
    ) -> Commitment:
        """As the protocol; see `auditor`."""
        return self._auditor.commit(material, link, spec, tensor)

    def check_material(
        self,
        material: Mapping[str, bytes],
        link: Link,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
    ) -> Mapping[str, str]:
        """As the protocol; polynomial commitments depend on the number of rows."""
        try:
            logrows = check_settings(material["settings.json"], link, inputs, outputs)
            way = f"k = {logrows}" if link is Link.POLYCOMMIT else link.value
            return {spec.name: way for spec in (*inputs, *outputs)}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckFailed(2, f"the key's settings are not its plan's: {error}") from error

    def verify(
        self,
        material: Mapping[str, bytes],
        trust: Mapping[str, bytes],
        statement: Statement,
        proof: Proof,
        context: bytes = b"",
    ) -> None:
        """As the protocol; see `auditor`."""
        self._auditor.verify(material, trust, statement, proof)
