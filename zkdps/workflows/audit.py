"""Audit a key: recompute it from the model, so that its publisher need not be trusted.

The key says how the model was cut and with which parameters each block was compiled; everything
else follows from the ONNX file.  Slices, settings, verifying keys, commitment bases and the SRS's
verifier part are made again and compared by digest.  The accuracy bound is a measurement on data
that the auditor does not have: it is not recomputed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.dialect import Dialect
from zkdps.circuits.load import load_model
from zkdps.circuits.prepare import prepare
from zkdps.circuits.slice import slice_model
from zkdps.core.canonical import sha256_hex
from zkdps.core.errors import CheckFailed, InputError, PlanError, UnreadableFile
from zkdps.core.model_key import ModelKey
from zkdps.core.parse_key import parse_key
from zkdps.core.prover import BlockGraph, Circuit, Parameters, Prover
from zkdps.workflows.archive import read_archive
from zkdps.workflows.back_end import joint_of, open_prover
from zkdps.workflows.build import block_key
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.package import JOINT, block_graphs
from zkdps.workflows.reports import AuditLine, AuditReport, Machine


def audit_key(
    model: Path,
    key: Path,
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    machine: Machine,
    observer: Observer | None = None,
) -> AuditReport:
    """Recompute a key from its model.

    Args:
        model: the ONNX file that the key claims to be of.
        key: the model key.
        shapes: as given to `build`.
        machine: where set-ups run; takes as long as building did.
        observer: hears of each block.

    Raises:
        CheckFailed: check 1, the key is malformed; check 2, a part differs, the first one is named.
        UnreadableFile: the key is not there.
        MissingSrs, WrongSrs: the key's SRS is not at hand.
        InputError, CircuitError, ProofError: the model cannot be rebuilt here.
    """
    watch = observer or Silent()
    try:
        parsed = parse_key(read_archive(key), str(key))
    except UnreadableFile:
        raise
    except InputError as error:
        raise CheckFailed(1, str(error)) from error
    source = load_model(model)
    srs_kind = None if parsed.srs is None else parsed.srs.kind
    with open_prover(parsed.prover, machine, srs_kind) as prover:
        lines = []
        for line in _compare(parsed, source, shapes or {}, prover, watch):
            if not line.agrees:
                raise CheckFailed(
                    2,
                    f"the key's {line.what} is not the model's",
                    None,
                    None,
                    line.expected,
                    line.got,
                )
            lines.append(line)
    return AuditReport(parsed.digest, tuple(lines))


def _compare(
    key: ModelKey,
    source: onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]],
    prover: Prover,
    observer: Observer,
) -> Iterator[AuditLine]:
    if key.model.rewrite_scale_bits < _scale(key):
        # Else a key could agree with its model's rewrites and yet compute something else.
        raise CheckFailed(
            2,
            "the key's rewrites are not exact at its scale",
            expected=f"at least {_scale(key)} bits",
            got=str(key.model.rewrite_scale_bits),
        )
    prepared = prepare(
        source,
        shapes,
        scale_bits=key.model.rewrite_scale_bits,
        dialect=Dialect(prover.dialect),
    )
    yield AuditLine("model", key.model.source_sha256, prepared.source_sha256)
    yield AuditLine("rewritten model", key.model.circuit_sha256, prepared.circuit_sha256)
    graphs = _slices(key, prepared.model)
    circuits: list[Circuit] = []
    with TemporaryDirectory(prefix="zkdps-audit-") as scratch:
        for graph, recorded in zip(graphs, key.blocks, strict=True):
            index = graph.block.index
            observer.started(f"set up block {index}", index + 1, len(graphs))
            yield AuditLine(f"block {index} ONNX", recorded.onnx_sha256, sha256_hex(graph.onnx))
            folder = Path(scratch) / str(index)
            folder.mkdir()
            circuit = _compiled(prover, graph, recorded.parameters, folder)
            prover.setup(circuit)
            remade = block_key(prover, graph, circuit, key.plan)
            yield from _members(f"block {index} ", recorded.material, remade.material)
            (folder / "pk.key").unlink(missing_ok=True)
            circuits.append(circuit)
            observer.finished(f"set up block {index}", index + 1, len(graphs))
        srs, trust = prover.trust(circuits)
        if key.is_joint:
            folder = Path(scratch) / JOINT
            folder.mkdir()
            joint = joint_of(prover)
            joint.join(circuits, folder)
            trust = {**trust, **joint.members(folder)}
    yield from _members("SRS ", key.trust, trust)
    if key.srs is not None and srs is not None:
        for logrows, digest in sorted(key.srs.digests.items()):
            yield AuditLine(f"SRS k={logrows}", digest, srs.digests.get(logrows, "none"))


def _slices(key: ModelKey, model: onnx.ModelProto) -> tuple[BlockGraph, ...]:
    flow = read_dataflow(model)
    try:
        groups = [flow.between(block.inputs, block.outputs) for block in key.plan.blocks]
        sliced = slice_model(model, groups)
    except PlanError as error:
        raise CheckFailed(2, f"the key's blocks do not cut this model: {error}") from error
    remade = sliced.plan.at_scale(_scale(key))
    for what in ("inputs", "outputs", "blocks", "tensors"):
        expected, got = getattr(remade, what), getattr(key.plan, what)
        if expected != got:
            reason = f"the {what} of the key's plan are not the model's"
            raise CheckFailed(2, reason, expected=str(expected), got=str(got))
    return block_graphs(key.plan, [graph.onnx for graph in sliced.graphs])


def _compiled(prover: Prover, graph: BlockGraph, parameters: Parameters, folder: Path) -> Circuit:
    try:
        return prover.compile(graph, parameters, folder)
    except ValueError as error:
        reason = f"the key's parameters are none that {prover.name} takes: {error}"
        raise CheckFailed(2, reason, block=graph.block.index) from error


def _scale(key: ModelKey) -> int:
    return max(tensor.scale_bits for tensor in key.plan.tensors)


def _members(
    prefix: str, recorded: Mapping[str, bytes], remade: Mapping[str, bytes]
) -> Iterator[AuditLine]:
    for name in sorted({*recorded, *remade}):
        yield AuditLine(
            prefix + name,
            sha256_hex(recorded[name]) if name in recorded else "none",
            sha256_hex(remade[name]) if name in remade else "none",
        )
