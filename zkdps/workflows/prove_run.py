"""The proof of one run: execute the blocks, prove each, and bind them into one run file."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from zkdps.core.canonical import Json, canonical_json, parse_canonical
from zkdps.core.errors import BoundaryMismatch
from zkdps.core.fields import Fields
from zkdps.core.fixed_point import FixedTensor, quantise
from zkdps.core.parse_run import read_statement, read_usage
from zkdps.core.prover import Circuit, Prover, Ranges, Trace
from zkdps.core.run import (
    commitments,
    make_run,
    proof_context,
    run_id_of,
    statement_record,
    usage_record,
)
from zkdps.core.statement import Proof, Receipt, Statement
from zkdps.workflows.archive import write_archive
from zkdps.workflows.back_end import joint_of
from zkdps.workflows.observer import Observer
from zkdps.workflows.package import JOINT, Package
from zkdps.workflows.reports import ProveReport
from zkdps.workflows.side_by_side import as_finished
from zkdps.workflows.steps import Steps
from zkdps.workflows.storage import exclusive, read_bytes, storing, write_bytes
from zkdps.workflows.tensor_files import read_tensors
from zkdps.workflows.traces import read_outputs, read_trace, write_trace

MAX_PROOF_BYTES = 256 << 20
KEPT_RUN = "finished.zkrun"


def prove_one(
    package: Package,
    prover: Prover,
    inputs: Path,
    run_path: Path,
    with_tensors: bool,
    self_check: bool,
    observer: Observer,
) -> ProveReport:
    """Prove one input; as `workflows.prove.prove`, with an open package and back end."""
    plan = package.key.plan
    specs = plan.specs
    arrays = read_tensors(inputs, plan.inputs)
    known = {name: quantise(arrays[name], specs[name]) for name in plan.inputs}
    given = dict(known)
    partial = run_path.with_name(run_path.name + ".partial")
    with exclusive(partial):
        steps = Steps(partial, observer)
        steps.expect(2 if package.key.is_joint else 1 + len(plan.blocks))
        circuits = package.circuits(prover)
        prover.warm(circuits)
        executed = _execute(package, prover, circuits, given, steps, observer)
        for circuit in circuits:
            known.update(_named(circuit, read_outputs(_of(executed, circuit), circuit)))
        receipts = _Proving(package, prover, known, executed, steps, self_check).run(circuits)
        run = make_run(
            package.key.digest,
            receipts,
            given,
            {name: known[name] for name in plan.outputs},
            with_tensors=with_tensors,
        )
        # Written in the folder that we hold, so that a kill leaves nothing beside it.
        write_archive(partial / KEPT_RUN, run.members())
        with storing(run_path):
            (partial / KEPT_RUN).replace(run_path)
            shutil.rmtree(partial)
    return ProveReport(run_path, run, plan, {name: known[name].reals for name in plan.outputs})


def _execute(
    package: Package,
    prover: Prover,
    circuits: Sequence[Circuit],
    given: Mapping[str, FixedTensor],
    steps: Steps,
    observer: Observer,
) -> Path:
    """The folder with every block's trace; kept on disk, because witnesses outgrow memory."""

    def make(folder: Path) -> None:
        known = dict(given)
        for done, circuit in enumerate(circuits):
            observer.progressed("blocks", done, len(circuits))
            tensors = tuple(known[name] for name in circuit.graph.block.inputs)
            with package.explaining(circuit):
                (trace,) = prover.execute(circuit, [tensors])
                check_read(circuit, tensors, trace)
            prover.check_ranges(circuit, trace)
            write_trace(_of(folder, circuit), trace)
            known.update(_named(circuit, trace.outputs))

    inputs: Json = {
        "key_digest": package.key.digest,
        "inputs": {name: tensor.sha256 for name, tensor in given.items()},
    }
    return steps.run("executed", inputs, make)


def _of(executed: Path, circuit: Circuit) -> Path:
    return executed / str(circuit.graph.block.index)


def _named(circuit: Circuit, outputs: Sequence[FixedTensor]) -> dict[str, FixedTensor]:
    return dict(zip(circuit.graph.block.outputs, outputs, strict=True))


class _Proving:
    """The proofs of one run, which share these values."""

    def __init__(
        self,
        package: Package,
        prover: Prover,
        known: Mapping[str, FixedTensor],
        executed: Path,
        steps: Steps,
        self_check: bool,
    ) -> None:
        self._package = package
        self._prover = prover
        self._known = known
        self._executed = executed
        self._steps = steps
        self._self_check = self_check or prover.checks_itself

    def run(self, circuits: Sequence[Circuit]) -> tuple[Receipt, ...]:
        """A receipt for each block; those on disk from before are kept."""
        if self._package.key.is_joint:
            return self._run_jointly(circuits)
        run_id = run_id_of(*self._claims(circuits)) if self._prover.binds_run else None
        inputs = {circuit.graph.block.index: self._inputs(circuit, run_id) for circuit in circuits}

        def name(circuit: Circuit) -> str:
            return f"block-{circuit.graph.block.index}"

        def work(circuit: Circuit) -> tuple[Statement, Proof]:
            context = b"" if run_id is None else proof_context(run_id, circuit.graph.block.index)
            return self._proved(circuit, context)

        missing = []
        for circuit in circuits:
            wanted = inputs[circuit.graph.block.index]
            if self._steps.is_done(name(circuit), wanted):
                self._steps.run(name(circuit), wanted, _nothing)
            else:
                missing.append(circuit)
        with closing(as_finished(self._prover, work, missing)) as finished:
            for circuit, wait in finished:
                self._steps.run(
                    name(circuit),
                    inputs[circuit.graph.block.index],
                    lambda folder, wait=wait: _write_receipt(folder, *wait()),  # type: ignore[misc]
                )
        return tuple(_read_receipt(self._steps.folder(name(circuit))) for circuit in circuits)

    def _tensors(self, names: Sequence[str]) -> tuple[FixedTensor, ...]:
        return tuple(self._known[name] for name in names)

    def _inputs(self, circuit: Circuit, run_id: str | None) -> Json:
        block = circuit.graph.block
        record: dict[str, Json] = {
            "key_digest": self._package.key.digest,
            "block": block.index,
            "inputs": [tensor.sha256 for tensor in self._tensors(block.inputs)],
        }
        return record if run_id is None else {**record, "run": run_id}

    def _run_jointly(self, circuits: Sequence[Circuit]) -> tuple[Receipt, ...]:
        """Receipts that share one proof of all blocks."""
        claims = self._claims(circuits)
        run_id = run_id_of(*claims)
        context = proof_context(run_id, None)
        joint = joint_of(self._prover)

        def make(folder: Path) -> None:
            traces = [
                read_trace(
                    _of(self._executed, circuit),
                    circuit,
                    self._tensors(circuit.graph.block.inputs),
                )
                for circuit in circuits
            ]
            proof = joint.prove(circuits, traces, self._package.root / JOINT, context)
            if self._self_check:
                key = self._package.key
                joint.verify(key.trust, commitments(key.plan, statements), proof, context)
            write_bytes(folder / "usage.json", canonical_json({"usage": usage_record(proof.usage)}))
            write_bytes(folder / "proof.bin", proof.data)

        statements = claims[1]
        inputs: Json = {"key_digest": self._package.key.digest, "run": run_id}
        folder = self._steps.run(JOINT, inputs, make)
        data = read_bytes(folder / "proof.bin", MAX_PROOF_BYTES)
        usage = read_usage(_record(folder / "usage.json"))
        # One proof, one usage: told once, with the first block.
        return tuple(
            Receipt(statement, Proof(data, None if index else usage, joint=True))
            for index, statement in enumerate(statements)
        )

    def _claims(
        self, circuits: Sequence[Circuit]
    ) -> tuple[str, list[Statement], dict[str, FixedTensor], dict[str, FixedTensor]]:
        """What the run id is a digest of."""
        plan, statements = self._package.key.plan, []
        for circuit in circuits:
            block = circuit.graph.block
            # A statement is about what crosses the boundaries: no witness is needed.
            ends = Trace(
                self._tensors(block.inputs), self._tensors(block.outputs), Ranges(0, 0, 0), b""
            )
            with self._package.explaining(circuit):
                statements.append(self._prover.statement(circuit, ends))
        inputs, outputs = (
            {name: self._known[name] for name in side} for side in (plan.inputs, plan.outputs)
        )
        return self._package.key.digest, statements, inputs, outputs

    def _proved(self, circuit: Circuit, context: bytes) -> tuple[Statement, Proof]:
        block = circuit.graph.block
        tensors = self._tensors(block.inputs)
        trace = read_trace(_of(self._executed, circuit), circuit, tensors)
        with self._package.explaining(circuit):
            statement, proof = self._prover.prove(circuit, trace, context)
            if self._self_check:
                # A proof that would not verify must not be handed out.
                key = self._package.key
                material = key.blocks[block.index].material
                self._prover.verify(material, key.trust, statement, proof, context)
        return statement, proof


def _nothing(folder: Path) -> None:
    """For steps that are done."""


def _write_receipt(folder: Path, statement: Statement, proof: Proof) -> None:
    record: Json = {**statement_record(statement), "usage": usage_record(proof.usage)}
    write_bytes(folder / "receipt.json", canonical_json(record))
    write_bytes(folder / "proof.bin", proof.data)


def _read_receipt(folder: Path) -> Receipt:
    fields = _record(folder / "receipt.json")
    statement = read_statement(fields)
    usage = read_usage(fields)
    return Receipt(statement, Proof(read_bytes(folder / "proof.bin", MAX_PROOF_BYTES), usage))


def _record(path: Path) -> Fields:
    return Fields(parse_canonical(read_bytes(path, MAX_PROOF_BYTES), str(path)), str(path), "it")


def check_read(circuit: Circuit, written: Sequence[FixedTensor], trace: Trace) -> None:
    """Raise `BoundaryMismatch` unless the circuit read exactly the integers that it was given."""
    for spec, expected, got in zip(circuit.graph.inputs, written, trace.inputs, strict=True):
        if not expected.equals(got):
            differs = (expected.integers != got.integers).ravel()
            index = int(differs.argmax())
            raise BoundaryMismatch(
                spec.name,
                circuit.graph.block.index,
                index,
                int(expected.integers.ravel()[index]),
                int(got.integers.ravel()[index]),
            )
