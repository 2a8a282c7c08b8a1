"""Prove an inference: execute the blocks in order, prove each, and bind them into one run file.

While it works, the execution and finished blocks lie in `RUN.partial/`; the same command after a
kill goes on at the block it was at.  All blocks are executed, and every value is checked against
the calibrated ranges, before the first is proved.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from zkdps.core.canonical import Json, canonical_json, parse_canonical
from zkdps.core.errors import BoundaryMismatch, UsageConflict
from zkdps.core.fields import Fields
from zkdps.core.fixed_point import FixedTensor, quantise
from zkdps.core.parse_run import read_statement, read_usage
from zkdps.core.prover import Circuit, Prover, Trace
from zkdps.core.run import make_run, statement_record, usage_record
from zkdps.core.statement import Proof, Receipt
from zkdps.workflows.archive import write_archive
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.package import Package, open_package
from zkdps.workflows.reports import Machine, ProveReport
from zkdps.workflows.steps import Steps
from zkdps.workflows.storage import exclusive, make_folder, read_bytes, storing, write_bytes
from zkdps.workflows.tensor_files import read_tensors
from zkdps.workflows.traces import read_outputs, read_trace, write_trace

MAX_PROOF_BYTES = 256 << 20
KEPT_RUN = "finished.zkrun"


def prove(
    package: Path,
    inputs: Path,
    run: Path,
    *,
    with_tensors: bool = False,
    machine: Machine,
    observer: Observer | None = None,
) -> ProveReport:
    """Prove one input and write the run.

    Args:
        package: a directory made by `build`.
        inputs: an npz with one array per model input, of the input's shape.
        run: the run file to write.
        with_tensors: carry the input's and output's integers in the run.
        machine: where provers run, and what they may take.
        observer: hears of each block.

    Raises:
        InputError: the input is not one of this model.
        StalePackage: the package is unfinished or was changed.
        OutOfRange: the input drives a block beyond its calibrated range; nothing was proved.
        ProofError: a prover process failed; the same command goes on at that block.
    """
    opened = open_package(package)
    with open_prover(opened.key.prover, machine) as prover:
        return _prove_one(opened, prover, inputs, run, with_tensors, observer or Silent())


def prove_many(
    package: Path,
    inputs_dir: Path,
    runs_dir: Path,
    *,
    with_tensors: bool = False,
    machine: Machine,
    observer: Observer | None = None,
) -> tuple[ProveReport, ...]:
    """Prove every `*.npz` in a folder, in order of name, into `runs_dir/NAME.zkrun`.

    Raises:
        UsageConflict: the folder holds no npz; and what `prove` raises, at the first that fails.
    """
    files = sorted(inputs_dir.glob("*.npz"))
    if not files:
        raise UsageConflict(f"{inputs_dir} holds no .npz file")
    opened = open_package(package)
    make_folder(runs_dir)
    with open_prover(opened.key.prover, machine) as prover:
        return tuple(
            _prove_one(
                opened,
                prover,
                file,
                runs_dir / f"{file.stem}.zkrun",
                with_tensors,
                observer or Silent(),
            )
            for file in files
        )


def _prove_one(
    package: Package,
    prover: Prover,
    inputs: Path,
    run_path: Path,
    with_tensors: bool,
    observer: Observer,
) -> ProveReport:
    plan = package.key.plan
    specs = plan.specs
    arrays = read_tensors(inputs, plan.inputs)
    known = {name: quantise(arrays[name], specs[name]) for name in plan.inputs}
    given = dict(known)
    partial = run_path.with_name(run_path.name + ".partial")
    with exclusive(partial):
        steps = Steps(partial, observer)
        steps.expect(1 + len(plan.blocks))
        circuits = package.circuits(prover)
        executed = _execute(package, prover, circuits, given, steps, observer)
        for circuit in circuits:
            known.update(_named(circuit, read_outputs(_of(executed, circuit), circuit)))
        receipts = tuple(
            _prove_block(package, prover, circuit, known, executed, steps) for circuit in circuits
        )
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


def _prove_block(
    package: Package,
    prover: Prover,
    circuit: Circuit,
    known: Mapping[str, FixedTensor],
    executed: Path,
    steps: Steps,
) -> Receipt:
    block = circuit.graph.block
    tensors = tuple(known[name] for name in block.inputs)

    def make(folder: Path) -> None:
        trace = read_trace(_of(executed, circuit), circuit, tensors)
        with package.explaining(circuit):
            statement, proof = prover.prove(circuit, trace)
            # A proof that would not verify must not be handed out.
            material = package.key.blocks[block.index].material
            prover.verify(material, package.key.trust, statement, proof)
        record: Json = {**statement_record(statement), "usage": usage_record(proof.usage)}
        write_bytes(folder / "receipt.json", canonical_json(record))
        write_bytes(folder / "proof.bin", proof.data)

    inputs: Json = {
        "key_digest": package.key.digest,
        "block": block.index,
        "inputs": [tensor.sha256 for tensor in tensors],
    }
    folder = steps.run(f"block-{block.index}", inputs, make)
    return _read_receipt(folder)


def _read_receipt(folder: Path) -> Receipt:
    path = folder / "receipt.json"
    fields = Fields(parse_canonical(read_bytes(path, MAX_PROOF_BYTES), str(path)), str(path), "it")
    statement = read_statement(fields)
    usage = read_usage(fields)
    return Receipt(statement, Proof(read_bytes(folder / "proof.bin", MAX_PROOF_BYTES), usage))


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
