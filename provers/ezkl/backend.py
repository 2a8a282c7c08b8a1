"""The ezkl back end behind the prover protocol.

A circuit's directory holds `block.onnx`, `settings.json` (canonical), `circuit.ezkl` and, after
`setup`, `vk.key`, `pk.key` and `srs.json` (which SRS the keys were made with).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zkdps.core.canonical import canonical_json, parse_canonical, sha256_hex
from zkdps.core.errors import (
    CheckFailed,
    ProofError,
    ProverFailed,
    StalePackage,
    StorageFailed,
    WrongSrs,
)
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.plan import Cost, TensorSpec
from zkdps.core.prover import BlockGraph, Circuit, Parameters, Ranges, Trace
from zkdps.core.srs import SrsIdentity, SrsKind
from zkdps.core.statement import Commitment, Link, Proof, Statement, Usage
from zkdps.provers.engine import Limits
from zkdps.provers.ezkl import commitments, parameters, proofs, srs, witnesses
from zkdps.provers.ezkl.cost import Machine, predict
from zkdps.provers.ezkl.felts import felt, felts
from zkdps.provers.ezkl.runner import Runner, read_json, version
from zkdps.provers.ezkl.settings import (
    Choice,
    canonical_settings,
    check_scales,
    choice_of,
    link_of,
    parse_settings,
)

VERIFIER_MEMBER = "srs-verifier.bin"
BASIS_MEMBER = "basis.bin"
# Values whose commitment `setup` compares with ezkl's: both signs, zero, and the last row's turn.
_COMMIT_PROBE = (1, -1, 0, 123456789, -987654321)


class EzklProver:
    """halo2-KZG proofs of ONNX blocks; see `zkdps.core.prover.Prover` for the methods."""

    name = "ezkl"
    links = (Link.POLYCOMMIT, Link.POSEIDON, Link.PUBLIC)

    def __init__(
        self,
        limits: Limits,
        srs_cache: Path,
        *,
        srs_kind: SrsKind | None = None,
        machine: Machine | None = None,
    ) -> None:
        """
        Args:
            limits: of every back-end call.
            srs_cache: where `srs.find` looks.
            srs_kind: which SRS to make keys with; `None`: a ceremony's if the cache has one.
            machine: constants of the cost model; `None`: the defaults, not measured here.
        """
        self.machine = machine or Machine()
        self._runner = Runner(limits)
        self._srs_cache = srs_cache
        self._srs_kind = srs_kind
        self._settings_seen: dict[str, bytes] = {}

    @property
    def version(self) -> str:
        """Version of ezkl."""
        return version()

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
            choices = [parameters.generous(scale_bits, link)] * len(graphs)
        else:
            choices = parameters.choose(graphs, scale_bits, link, ranges, self._settings)
        return tuple(choice.record() for choice in choices)

    def estimate(self, graph: BlockGraph, parameters: Parameters) -> Cost:
        """As the protocol.  Uncalibrated parameters are costed at the size that suits the block."""
        choice = choice_of(parameters)
        settings = self._settings(graph, choice)
        if choice.calibrated:
            return predict(settings, self.machine)
        return cheapest(settings, self.machine)

    def _settings(self, graph: BlockGraph, choice: Choice) -> Mapping[str, Any]:
        """ezkl's settings for a block, laid out once for each choice."""
        name = sha256_hex(graph.onnx) + sha256_hex(canonical_json(choice.record()))
        if name not in self._settings_seen:
            with _workplace() as folder:
                (folder / "block.onnx").write_bytes(graph.onnx)
                self._generate(graph, choice, folder)
                self._settings_seen[name] = (folder / "settings.json").read_bytes()
        return parse_settings(self._settings_seen[name])

    def _generate(self, graph: BlockGraph, choice: Choice, folder: Path) -> Mapping[str, Any]:
        raw = folder / "settings.raw.json"
        self._runner.gen_settings(graph.block.index, folder / "block.onnx", raw, choice)
        canonical = canonical_settings(raw.read_bytes())
        raw.unlink()
        (folder / "settings.json").write_bytes(canonical)
        return parse_settings(canonical)

    def compile(self, graph: BlockGraph, parameters: Parameters, directory: Path) -> Circuit:
        """As the protocol."""
        choice = choice_of(parameters)
        with _storage(directory):
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

    def open(self, graph: BlockGraph, parameters: Parameters, directory: Path) -> Circuit:
        """As the protocol.

        Raises:
            StalePackage: the compiled circuit is not there.
        """
        circuit = Circuit(graph, parameters, directory)
        _member(circuit, "circuit.ezkl")
        _member(circuit, "settings.json")
        return circuit

    # --- Keys ------------------------------------------------------------------------------------

    def setup(self, circuit: Circuit) -> Usage:
        """As the protocol.

        Raises:
            MissingSrs: no SRS of the circuit's size, and none may be made.
            ProverFailed: ezkl commits to tensors in another way than we recompute.
        """
        choice, block = choice_of(circuit.parameters), circuit.graph.block.index
        file = srs.find(choice.logrows, self._srs_cache, kind=self._srs_kind)
        parts = {name: circuit.directory / f"{name}.part" for name in ("vk.key", "pk.key")}
        try:
            usage = self._runner.setup(
                block,
                _member(circuit, "circuit.ezkl"),
                parts["vk.key"],
                parts["pk.key"],
                file.path,
            )
            if choice.link is Link.POLYCOMMIT:
                self._compare_commitments(circuit, parts["vk.key"], file)
            with _storage(circuit.directory):
                for name, part in parts.items():
                    part.replace(circuit.directory / name)
                record = {"kind": file.kind.value, "source": file.source, "sha256": file.sha256}
                (circuit.directory / "srs.json").write_bytes(canonical_json(record))
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)
        return usage

    def _compare_commitments(self, circuit: Circuit, vk: Path, file: srs.SrsFile) -> None:
        """Another number of blinded rows in some circuit would make every link fail: notice now."""
        block = circuit.graph.block.index
        basis = commitments.read_basis(file.path, file.logrows, len(_COMMIT_PROBE))
        points = self._runner.kzg_commit(
            block,
            [felt(value) for value in _COMMIT_PROBE],
            vk,
            _member(circuit, "settings.json"),
            file.path,
        )
        theirs = b"".join(
            bytes.fromhex(point[axis])[::-1] for point in points for axis in ("x", "y")
        )
        ours = commitments.commit(_COMMIT_PROBE, basis)
        if theirs != ours:
            reason = f"ezkl commits to {theirs.hex()} where zkdps recomputes {ours.hex()}"
            raise ProverFailed(block, "setup", reason)

    def _srs_of(self, circuit: Circuit) -> srs.SrsFile:
        record = parse_canonical(_member(circuit, "srs.json").read_bytes(), "srs.json")
        logrows = choice_of(circuit.parameters).logrows
        kind = SrsKind(str(record["kind"]))
        if kind is SrsKind.DEVELOPMENT:
            srs.make_development(logrows, self._srs_cache)
        return srs.find(logrows, self._srs_cache, kind=kind, sha256=str(record["sha256"]))

    def material(self, circuit: Circuit, committed: Sequence[TensorSpec]) -> Mapping[str, bytes]:
        """As the protocol: settings, verifying key, and a commitment basis where one is needed."""
        members = {
            name: _member(circuit, name).read_bytes() for name in ("settings.json", "vk.key")
        }
        choice = choice_of(circuit.parameters)
        if committed and choice.link is Link.POLYCOMMIT:
            size = max(spec.size for spec in committed)
            file = self._srs_of(circuit)
            basis = commitments.read_basis(file.path, file.logrows, size)
            members[BASIS_MEMBER] = basis.to_bytes()
        return members

    def trust(self, circuits: Sequence[Circuit]) -> tuple[SrsIdentity | None, Mapping[str, bytes]]:
        """As the protocol.

        Raises:
            WrongSrs: the circuits' keys come from different ceremonies.
        """
        files = [self._srs_of(circuit) for circuit in circuits]
        parts = [srs.verifier_part(file) for file in files]
        for part in parts:
            if part != parts[0]:
                raise WrongSrs(sha256_hex(parts[0]), sha256_hex(part))
        identity = SrsIdentity(
            kind=files[0].kind,
            source=files[0].source,
            digests={file.logrows: file.sha256 for file in files},
            verifier_sha256=sha256_hex(parts[0]),
        )
        return identity, {VERIFIER_MEMBER: parts[0]}

    # --- Running and proving ---------------------------------------------------------------------

    def execute(
        self, circuit: Circuit, samples: Sequence[Sequence[FixedTensor]]
    ) -> tuple[Trace, ...]:
        """As the protocol."""
        settings = parse_settings(_member(circuit, "settings.json").read_bytes())
        with _workplace() as folder:
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
                graph.block.index, inputs, _member(circuit, "circuit.ezkl"), witness
            )
        except ProverFailed as error:
            overflow = witnesses.overflow_of(graph, choice_of(circuit.parameters), error)
            raise overflow or error from error
        return witnesses.trace_of(graph, sample, witness.read_bytes(), has_lookups)

    def check_ranges(self, circuit: Circuit, trace: Trace) -> None:
        """As the protocol."""
        settings = parse_settings(_member(circuit, "settings.json").read_bytes())
        block, choice = circuit.graph.block.index, choice_of(circuit.parameters)
        witnesses.check_ranges(block, choice, trace.ranges, witnesses.has_lookups(settings))

    def prove(self, circuit: Circuit, trace: Trace) -> tuple[Statement, Proof]:
        """As the protocol.

        Raises:
            OutOfRange: the trace leaves the circuit's tables.
            ProverFailed: ezkl's proof commits to other values than the trace's.
        """
        self.check_ranges(circuit, trace)
        block = circuit.graph.block.index
        file = self._srs_of(circuit)
        with _workplace() as folder:
            (folder / "witness.json").write_bytes(trace.witness)
            usage = self._runner.prove(
                block,
                folder / "witness.json",
                _member(circuit, "circuit.ezkl"),
                _member(circuit, "pk.key"),
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
        specs, tensors = graph.inputs + graph.outputs, trace.inputs + trace.outputs
        try:
            made = proofs.commitments_of(link, specs, transcript, instances, file.logrows)
        except (ValueError, IndexError) as error:
            raise ProverFailed(graph.block.index, "prove", str(error)) from error
        size = max(spec.size for spec in specs)
        basis = commitments.read_basis(file.path, file.logrows, size)
        for spec, tensor, commitment in zip(specs, tensors, made, strict=True):
            if commitment != self._commit(link, tensor, basis, graph.block.index):
                reason = f"the proof commits to another value of {spec.name!r} than was executed"
                raise ProverFailed(graph.block.index, "prove", reason)
        count = len(graph.inputs)
        return Statement(graph.block.index, tuple(made[:count]), tuple(made[count:]))

    # --- Auditing --------------------------------------------------------------------------------

    def commit(
        self, material: Mapping[str, bytes], link: Link, spec: TensorSpec, tensor: FixedTensor
    ) -> Commitment:
        """As the protocol.

        Raises:
            CheckFailed: check 5, the key's commitment basis is malformed or too short.
        """
        basis = None
        try:
            if link is Link.POLYCOMMIT:
                basis = commitments.parse_basis(material[BASIS_MEMBER])
            return self._commit(link, tensor, basis, -1)
        except (KeyError, ValueError) as error:
            reason = f"cannot recompute the commitment to {spec.name!r}: {error}"
            raise CheckFailed(5, reason, tensor=spec.name) from error

    def _commit(
        self, link: Link, tensor: FixedTensor, basis: commitments.Basis | None, block: int
    ) -> Commitment:
        if link is Link.PUBLIC:
            return Commitment(link, tensor.to_bytes())
        if link is Link.POSEIDON:
            digest = self._runner.poseidon_hash(block, felts(tensor))
            return Commitment(link, bytes.fromhex(digest)[::-1])
        if basis is None:
            raise ValueError("no commitment basis")
        return Commitment(link, commitments.commit(tensor.integers.ravel().tolist(), basis))

    def verify(
        self,
        material: Mapping[str, bytes],
        trust: Mapping[str, bytes],
        statement: Statement,
        proof: Proof,
    ) -> None:
        """As the protocol.  Nothing in the proof file decides what is verified: link, instances and
        commitments come from the key and the statement.
        """
        block = statement.block
        try:
            settings = parse_settings(material["settings.json"])
            link = link_of(settings)
            proofs.check_shape(statement, link, settings)
            members = {
                "proof.json": proofs.document(statement, link, proof.data),
                "settings.json": material["settings.json"],
                "vk.key": material["vk.key"],
                "srs.bin": trust[VERIFIER_MEMBER],
            }
        except (KeyError, TypeError, ValueError) as error:
            raise CheckFailed(5, f"{error}", block=block) from error
        with _workplace() as folder:
            for name, data in members.items():
                (folder / name).write_bytes(data)
            paths = [folder / name for name in members]
            try:
                accepted = self._runner.verify(block, *paths)
            except ProofError as error:
                raise CheckFailed(5, f"the proof is invalid: {error}", block=block) from error
        if not accepted:
            raise CheckFailed(5, "the proof is invalid", block=block)


def cheapest(settings: Mapping[str, Any], machine: Machine) -> Cost:
    """The cost at the size that suits the block, whatever its values turn out to be."""
    sizes = range(parameters.MIN_LOGROWS, parameters.MAX_LOGROWS + 1)
    return min((predict(settings, machine, k) for k in sizes), key=lambda cost: cost.pk_bytes)


def _member(circuit: Circuit, name: str) -> Path:
    path = circuit.directory / name
    if not path.is_file():
        raise StalePackage(str(path), "the file is missing")
    return path


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder for the files of one call, gone afterwards."""
    with _storage(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory("-zkdps") as name:
        yield Path(name)


@contextmanager
def _storage(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        path = str(error.filename or where)
        raise StorageFailed(path, error.strerror or str(error)) from error
