"""Inspect: what a file says of itself, without trusting any of it."""

from __future__ import annotations

from pathlib import Path

from zkdps.core.errors import CheckFailed, InputError, UnreadableFile, ZkdpsError
from zkdps.core.model_key import ModelKey
from zkdps.core.parse_key import parse_key
from zkdps.core.parse_run import parse_run
from zkdps.core.plan import Plan, TensorSpec
from zkdps.core.run import Run
from zkdps.provers import strength_of_key
from zkdps.workflows import independent
from zkdps.workflows.archive import read_archive
from zkdps.workflows.package import KEY_NAME
from zkdps.workflows.reports import Inspection

NOT_ZERO_KNOWLEDGE = (
    "no: proofs disclose parts of activations and weights; do not publish proofs of private ones"
)


def inspect(path: Path) -> Inspection:
    """Read a model key, a run, an ONNX model or a model package as far as it can be read.

    Nothing is verified: `facts` are what the file says.  A file that stops making sense gives what
    was read so far and the `problem`.

    Raises:
        UnreadableFile: there is no such file.
    """
    if path.is_dir():
        return _package(path)
    if not path.is_file():
        raise UnreadableFile(str(path), "there is no such file")
    if path.suffix == ".onnx":
        return _model(path)
    try:
        members = read_archive(path)
    except InputError as error:
        return Inspection(path, "unknown", {}, str(error))
    sizes: dict[str, object] = {name: len(data) for name, data in sorted(members.items())}
    is_run = any(name.startswith("proofs/") for name in members)
    kind = "run" if is_run else "model key"
    try:
        facts = (
            run_facts(parse_run(members, str(path)))
            if is_run
            else key_facts(parse_key(members, str(path)))
        )
    except InputError as error:
        return Inspection(path, kind, {"members_bytes": sizes}, str(error))
    return Inspection(path, kind, {**facts, "members_bytes": sizes})


def key_facts(key: ModelKey) -> dict[str, object]:
    """A key for people and for `--json`."""
    return {
        "key_digest": key.digest,
        "model": key.model.name,
        "source_sha256": key.model.source_sha256,
        "prover": key.prover,
        "link": key.link.value,
        "srs": None
        if key.srs is None
        else {
            "kind": key.srs.kind.value,
            "source": key.srs.source,
            "sha256": {str(k): digest for k, digest in key.srs.digests.items()},
        },
        **strength_facts(key),
        **plan_facts(key.plan),
        "key_ids": [independent.name_of(key, block) for block in range(len(key.blocks))],
        "accuracy": {
            "held_out_samples": key.accuracy.samples,
            "max_abs_error": {
                bound.tensor: bound.max_abs_steps / (1 << key.plan.specs[bound.tensor].scale_bits)
                for bound in key.accuracy.bounds
            },
        },
        "tools": dict(key.tools),
    }


def strength_facts(key: ModelKey) -> dict[str, object]:
    """What proofs under the key are worth, step by step, where that is counted in bits."""
    try:
        strength = strength_of_key(key)
    except CheckFailed as error:
        return {"soundness": f"unknown: {error.reason}"}
    if strength is None:
        return {}
    return {
        "soundness": {
            "in_words": str(strength),
            "bits": round(strength.bits, 1),
            "sum_bits": round(strength.sum_bits, 1),
            "bits_of_steps": {name: round(bits, 1) for name, bits in strength.steps.items()},
        },
        "zero_knowledge": "yes" if strength.is_zero_knowledge else NOT_ZERO_KNOWLEDGE,
    }


def plan_facts(plan: Plan) -> dict[str, object]:
    """A plan's tensors and blocks."""
    specs = plan.specs
    return {
        "inputs": {name: _spec(specs[name]) for name in plan.inputs},
        "outputs": {name: _spec(specs[name]) for name in plan.outputs},
        "blocks": [
            {"name": block.name, "inputs": list(block.inputs), "outputs": list(block.outputs)}
            for block in plan.blocks
        ],
        "boundaries": [
            {"producer": b.producer, "consumer": b.consumer, "tensors": list(b.tensors)}
            for b in plan.boundaries
        ],
    }


def run_facts(run: Run) -> dict[str, object]:
    """A run's claims, none of them checked."""
    return {
        "run_id": run.run_id,
        "key_digest": run.key_digest,
        "receipts": [
            {
                "block": receipt.statement.block,
                "inputs": [str(commitment)[:80] for commitment in receipt.statement.inputs],
                "outputs": [str(commitment)[:80] for commitment in receipt.statement.outputs],
                "proof_bytes": len(receipt.proof.data),
                "prove_s": receipt.proof.usage.wall_s if receipt.proof.usage else None,
            }
            for receipt in run.receipts
        ],
        "input_sha256": dict(run.input_digests),
        "output_sha256": dict(run.output_digests),
        "carried_tensors": sorted(run.tensors),
    }


def _spec(spec: TensorSpec) -> dict[str, object]:
    return {"shape": list(spec.shape), "dtype": spec.dtype, "scale_bits": spec.scale_bits}


def _package(path: Path) -> Inspection:
    found = inspect(path / KEY_NAME) if (path / KEY_NAME).is_file() else None
    steps = sorted(record.stem for record in (path / "steps").glob("*.json"))
    facts: dict[str, object] = {"steps_done": steps}
    if found is None:
        problem = f"it has no {KEY_NAME}: the build did not finish" if steps else "no package"
        return Inspection(path, "model package", facts, problem)
    return Inspection(path, "model package", {**found.facts, **facts}, found.problem)


def _model(path: Path) -> Inspection:
    # onnx is heavy to import and only needed here.
    from zkdps.circuits.load import load_model, model_digest
    from zkdps.workflows.plan import operators

    try:
        model = load_model(path)
        facts: dict[str, object] = {
            "source_sha256": model_digest(model),
            "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
            "inputs": {value.name: _shape(value) for value in model.graph.input},
            "outputs": {value.name: _shape(value) for value in model.graph.output},
            "operators": operators(model.SerializeToString()),
        }
    except ZkdpsError as error:
        return Inspection(path, "ONNX model", {}, str(error))
    return Inspection(path, "ONNX model", facts)


def _shape(value: object) -> list[int | str]:
    axes = value.type.tensor_type.shape.dim  # type: ignore[attr-defined]
    return [axis.dim_param or axis.dim_value for axis in axes]
