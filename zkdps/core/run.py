"""The run: all receipts of one inference, in one file.

The run id is a digest of what the run claims (key, statements, input and output digests), so the
same inference under the same key has the same id on every machine, however often it is proved.
Proof bytes are random and are not part of it; the statements that they prove are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zkdps.core.canonical import Json, canonical_json, digest_of, sha256_hex
from zkdps.core.plan import Plan
from zkdps.core.statement import Commitment, Receipt, Statement, Usage

if TYPE_CHECKING:
    # Verifying starts its workers before it imports numpy.
    from zkdps.core.fixed_point import FixedTensor

RUN_FORMAT = "zkdps-run"
RUN_VERSION = 1


@dataclass(frozen=True, slots=True)
class Run:
    """A parsed, shape-checked run; what it claims is still to be verified."""

    key_digest: str
    """Digest of the model key that the run was proved under."""
    run_id: str
    """As the file claims it; check 1 compares it with `computed_id`."""
    receipts: tuple[Receipt, ...]
    """In the file's order."""
    input_digests: Mapping[str, str]
    """Model input name to SHA-256 hex of its integers (`FixedTensor.sha256`)."""
    output_digests: Mapping[str, str]
    """Model output name to the same."""
    tensors: Mapping[str, bytes]
    """With `--with-tensors`: model input or output name to `FixedTensor.to_bytes()`."""

    def claims(self) -> dict[str, Json]:
        """What the run id is a digest of."""
        statements = [receipt.statement for receipt in self.receipts]
        return _claims(self.key_digest, statements, self.input_digests, self.output_digests)

    @property
    def computed_id(self) -> str:
        """The run id that these claims have."""
        return digest_of(self.claims())

    def manifest(self) -> dict[str, Json]:
        """The record in the file."""
        return {
            "format": RUN_FORMAT,
            "version": RUN_VERSION,
            "run_id": self.run_id,
            "key_digest": self.key_digest,
            "receipts": [
                {
                    **statement_record(receipt.statement),
                    "evidence": "joint" if receipt.proof.joint else "proof",
                    "proof_sha256": sha256_hex(receipt.proof.data),
                    "usage": usage_record(receipt.proof.usage),
                }
                for receipt in self.receipts
            ],
            "inputs": dict(self.input_digests),
            "outputs": dict(self.output_digests),
            "tensors": {name: sha256_hex(data) for name, data in self.tensors.items()},
        }

    def members(self) -> dict[str, bytes]:
        """Archive member name to content, the manifest included."""
        files = {"manifest.json": canonical_json(self.manifest())}
        files.update(
            (proof_member(position, receipt.proof.joint), receipt.proof.data)
            for position, receipt in enumerate(self.receipts)
        )
        files.update(
            (f"tensors/{position}.bin", self.tensors[name])
            for position, name in enumerate(sorted(self.tensors))
        )
        return files


def make_run(
    key_digest: str,
    receipts: tuple[Receipt, ...],
    inputs: Mapping[str, FixedTensor],
    outputs: Mapping[str, FixedTensor],
    *,
    with_tensors: bool,
) -> Run:
    """Assemble the run of one inference."""
    both = {**inputs, **outputs}
    run = Run(
        key_digest=key_digest,
        run_id="",
        receipts=receipts,
        input_digests=_digests(inputs),
        output_digests=_digests(outputs),
        tensors={name: tensor.to_bytes() for name, tensor in both.items()} if with_tensors else {},
    )
    return replace(run, run_id=run.computed_id)


def run_id_of(
    key_digest: str,
    statements: Sequence[Statement],
    inputs: Mapping[str, FixedTensor],
    outputs: Mapping[str, FixedTensor],
) -> str:
    """The id that `make_run` will give to the run with these statements, known before proofs."""
    return digest_of(_claims(key_digest, statements, _digests(inputs), _digests(outputs)))


def commitments(plan: Plan, statements: Sequence[Statement]) -> dict[str, Commitment]:
    """Boundary tensor to the commitment that its producer states; the model's input by a consumer.

    That every other consumer states the same is check 6.
    """
    found: dict[str, Commitment] = {}
    for block, statement in zip(plan.blocks, statements, strict=True):
        for name, commitment in zip(block.inputs, statement.inputs, strict=True):
            found.setdefault(name, commitment)
        found.update(zip(block.outputs, statement.outputs, strict=True))
    return found


def proof_member(position: int, joint: bool) -> str:
    """The archive member that holds the proof of the receipt at `position`."""
    return "proofs/joint.bin" if joint else f"proofs/{position}.bin"


def proof_context(run_id: str, block: int | None) -> bytes:
    """What binds a proof to its place, for back ends that take such a thing into their proofs.

    `block` is `None` for a joint proof.
    """
    return canonical_json({"run": run_id, "block": block})


def _claims(
    key_digest: str,
    statements: Sequence[Statement],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
) -> dict[str, Json]:
    return {
        "key_digest": key_digest,
        "statements": [statement_record(statement) for statement in statements],
        "inputs": dict(inputs),
        "outputs": dict(outputs),
    }


def _digests(tensors: Mapping[str, FixedTensor]) -> dict[str, str]:
    return {name: tensor.sha256 for name, tensor in tensors.items()}


def statement_record(statement: Statement) -> dict[str, Json]:
    """The statement as the manifest holds it."""
    return {
        "block": statement.block,
        "inputs": [_commitment(commitment) for commitment in statement.inputs],
        "outputs": [_commitment(commitment) for commitment in statement.outputs],
    }


def _commitment(commitment: Commitment) -> Json:
    return {"link": commitment.link.value, "value": commitment.value.hex()}


def usage_record(usage: Usage | None) -> Json:
    """The usage as the manifest holds it; whole milliseconds."""
    if usage is None:
        return None
    return {
        "wall_ms": round(usage.wall_s * 1000),
        "cpu_ms": round(usage.cpu_s * 1000),
        "peak_rss_bytes": usage.peak_rss_bytes,
    }
