"""The model key: all that an auditor needs beside a run, and what the whole chain is bound to.

A key is a manifest (canonical JSON) and the members it names by SHA-256.  Its digest is the SHA-256
of the manifest, so it covers every member.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zkdps.core.canonical import Json, canonical_json, sha256_hex
from zkdps.core.plan import Plan
from zkdps.core.srs import SrsIdentity
from zkdps.core.statement import Link

KEY_FORMAT = "zkdps-key"
KEY_VERSION = 1


JOINT_PREFIX = "joint-"
"""Of the `trust` members that joint proofs verify against."""


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """How far a proven output may lie from the float model's, measured on held-out samples."""

    tensor: str
    """A model output."""
    max_abs_steps: int
    """Largest absolute difference seen, in units of 2**-scale_bits, rounded up."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What calibration measured; a statement about data, not a proof."""

    samples: int
    """Held-out samples measured."""
    data_sha256: str
    """Digest of the calibration data, as the operator had it."""
    bounds: tuple[ErrorBound, ...]
    """One per model output, in the model's order."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model the key is of."""

    name: str
    """For people."""
    source_sha256: str
    """Digest of the publisher's ONNX graph and weights (`circuits.load.model_digest`)."""
    circuit_sha256: str
    """Digest of the normalised and rewritten graph that the blocks were cut from."""
    rewrite_scale_bits: int
    """The scale that rewrites were made exact for: at least the chain's."""


@dataclass(frozen=True, slots=True)
class BlockKey:
    """What one block's proofs verify against."""

    onnx_sha256: str
    """Digest of the block's ONNX slice, for `key audit`."""
    parameters: Mapping[str, Json]
    """The back end's choices, for `key audit`."""
    material: Mapping[str, bytes]
    """Member name (within the block) to content: verifying key, settings, commitment bases."""


@dataclass(frozen=True, slots=True)
class ModelKey:
    """A parsed, shape-checked key; its members match the digests in its manifest."""

    model: ModelIdentity
    plan: Plan
    prover: str
    link: Link
    blocks: tuple[BlockKey, ...]
    """One a block, in the plan's order."""
    srs: SrsIdentity | None
    """`None` for back ends without a trusted set-up."""
    trust: Mapping[str, bytes]
    """Member name to content: the verifier part of the SRS, and the System of joint proofs."""
    accuracy: Accuracy
    tools: Mapping[str, str]
    """Tool name to version, of what made the key."""

    def manifest(self) -> dict[str, Json]:
        """The record that the key's digest is taken of."""
        return {
            "format": KEY_FORMAT,
            "version": KEY_VERSION,
            "model": {
                "name": self.model.name,
                "source_sha256": self.model.source_sha256,
                "circuit_sha256": self.model.circuit_sha256,
                "rewrite_scale_bits": self.model.rewrite_scale_bits,
            },
            "prover": self.prover,
            "link": self.link.value,
            "inputs": list(self.plan.inputs),
            "outputs": list(self.plan.outputs),
            "tensors": [
                {
                    "name": tensor.name,
                    "shape": list(tensor.shape),
                    "dtype": tensor.dtype,
                    "scale_bits": tensor.scale_bits,
                }
                for tensor in self.plan.tensors
            ],
            "blocks": [
                {
                    "name": block.name,
                    "inputs": list(block.inputs),
                    "outputs": list(block.outputs),
                    "onnx_sha256": key.onnx_sha256,
                    "parameters": dict(key.parameters),
                    "material": _digests(key.material),
                }
                for block, key in zip(self.plan.blocks, self.blocks, strict=True)
            ],
            "srs": None
            if self.srs is None
            else {
                "kind": self.srs.kind.value,
                "source": self.srs.source,
                "digests": {str(k): digest for k, digest in self.srs.digests.items()},
                "verifier_sha256": self.srs.verifier_sha256,
            },
            "trust": _digests(self.trust),
            "accuracy": {
                "samples": self.accuracy.samples,
                "data_sha256": self.accuracy.data_sha256,
                "bounds": [
                    {"tensor": bound.tensor, "max_abs_steps": bound.max_abs_steps}
                    for bound in self.accuracy.bounds
                ],
            },
            "tools": dict(self.tools),
        }

    def members(self) -> dict[str, bytes]:
        """Archive member name to content, the manifest included."""
        files = {"manifest.json": canonical_json(self.manifest())}
        files.update((f"trust/{name}", data) for name, data in self.trust.items())
        for index, block in enumerate(self.blocks):
            files.update((f"blocks/{index}/{name}", data) for name, data in block.material.items())
        return files

    @property
    def is_joint(self) -> bool:
        """Whether one proof covers all blocks of a run."""
        return any(name.startswith(JOINT_PREFIX) for name in self.trust)

    @property
    def joint_material(self) -> dict[str, bytes]:
        """Member name to content of what joint proofs verify against, named as a block's."""
        return {
            name.removeprefix(JOINT_PREFIX): data
            for name, data in self.trust.items()
            if name.startswith(JOINT_PREFIX)
        }

    @property
    def digest(self) -> str:
        """SHA-256 hex of the manifest: what auditors pin and runs name."""
        return sha256_hex(canonical_json(self.manifest()))


def _digests(members: Mapping[str, bytes]) -> dict[str, Json]:
    return {name: sha256_hex(data) for name, data in members.items()}
