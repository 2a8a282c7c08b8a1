"""Prove an inference: execute the blocks in order, prove each, and bind them into one run file.

While it works, finished blocks lie in `RUN.partial/`; the same command after a kill goes on at the
block it was at.  Every value is checked against the calibrated ranges before proving starts.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from zkdps.core.canonical import Json, canonical_json, parse_canonical
from zkdps.core.errors import BoundaryMismatch, UsageConflict
from zkdps.core.fields import Fields
from zkdps.core.fixed_point import FixedTensor, from_bytes, quantise
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

MAX_PROOF_BYTES = 256 << 20


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
        OutOfRange: the input drives a block beyond its calibrated range; nothing was proved of it.
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
    receipts = []
    with exclusive(partial):
        steps = Steps(partial, observer)
        steps.expect(len(plan.blocks))
        for circuit in package.circuits(prover):
            receipt, outputs = _prove_block(package, prover, circuit, known, steps)
            receipts.append(receipt)
            known.update(outputs)
        run = make_run(
            package.key.digest,
            tuple(receipts),
            given,
            {name: known[name] for name in plan.outputs},
            with_tensors=with_tensors,
        )
        write_archive(run_path, run.members())
    with storing(partial):
        shutil.rmtree(partial)
    return ProveReport(run_path, run, plan, {name: known[name].reals for name in plan.outputs})


def _prove_block(
    package: Package,
    prover: Prover,
    circuit: Circuit,
    known: Mapping[str, FixedTensor],
    steps: Steps,
) -> tuple[Receipt, dict[str, FixedTensor]]:
    block = circuit.graph.block
    tensors = tuple(known[name] for name in block.inputs)

    def make(folder: Path) -> None:
        (trace,) = prover.execute(circuit, [tensors])
        check_read(circuit, tensors, trace)
        prover.check_ranges(circuit, trace)
        statement, proof = prover.prove(circuit, trace)
        # A proof that would not verify must not be handed out.
        material = package.key.blocks[block.index].material
        prover.verify(material, package.key.trust, statement, proof)
        record: Json = {**statement_record(statement), "usage": usage_record(proof.usage)}
        write_bytes(folder / "receipt.json", canonical_json(record))
        write_bytes(folder / "proof.bin", proof.data)
        for position, tensor in enumerate(trace.outputs):
            write_bytes(folder / f"output-{position}.bin", tensor.to_bytes())

    inputs: Json = {
        "key_digest": package.key.digest,
        "block": block.index,
        "inputs": [tensor.sha256 for tensor in tensors],
    }
    folder = steps.run(f"block-{block.index}", inputs, make)
    return _read_block(circuit, folder)


def _read_block(circuit: Circuit, folder: Path) -> tuple[Receipt, dict[str, FixedTensor]]:
    path = folder / "receipt.json"
    fields = Fields(parse_canonical(read_bytes(path, MAX_PROOF_BYTES), str(path)), str(path), "it")
    statement = read_statement(fields)
    usage = read_usage(fields)
    proof = Proof(read_bytes(folder / "proof.bin", MAX_PROOF_BYTES), usage)
    outputs = {
        spec.name: from_bytes(read_bytes(folder / f"output-{position}.bin", 8 * spec.size), spec)
        for position, spec in enumerate(circuit.graph.outputs)
    }
    return Receipt(statement, proof), outputs


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
