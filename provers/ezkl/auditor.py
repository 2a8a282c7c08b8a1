"""The auditor's side: recompute commitments, verify proofs; all from key material, no SRS file."""

from __future__ import annotations

from collections.abc import Mapping

from zkdps.core.bn254 import GENERATOR
from zkdps.core.errors import CheckFailed, ProofError, ProverFailed, ProverPanicked
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.plan import TensorSpec
from zkdps.core.statement import Commitment, Link, Proof, Statement
from zkdps.provers.ezkl import commitments, proofs
from zkdps.provers.ezkl.felts import felts
from zkdps.provers.ezkl.runner import Runner
from zkdps.provers.ezkl.settings import link_of, parse_settings
from zkdps.provers.ezkl.srs import VERIFIER_LOGROWS, development_s_g2
from zkdps.provers.ezkl.srs_format import G2_GENERATOR, file_bytes, logrows_of, parse
from zkdps.provers.files import workplace

VERIFIER_MEMBER = "srs-verifier.bin"
BASIS_MEMBER = "basis.bin"


def is_development(trust: Mapping[str, bytes]) -> bool:
    """Whether a key's SRS has the development secret, whatever its encoding.

    Raises:
        CheckFailed: check 3, the member is missing or not the verifier part of an SRS.
    """
    try:
        data = trust[VERIFIER_MEMBER]
        logrows_of(data, len(data[: file_bytes(VERIFIER_LOGROWS) + 1]))
        found = parse(data)
    except (KeyError, ValueError) as error:
        raise CheckFailed(3, f"the key carries no well-formed SRS: {error}") from error
    if found.logrows != VERIFIER_LOGROWS or found.powers[0] != GENERATOR:
        raise CheckFailed(3, "the key's SRS is not the verifier part that zkdps writes")
    if found.g2 != G2_GENERATOR:
        raise CheckFailed(3, "the key's SRS has another generator than BN254's")
    return found.s_g2 == development_s_g2()


class Auditor:
    """Judges proofs with ezkl in a worker process: a hostile proof can only fail."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

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
            return self.commit_with(link, tensor, basis, -1)
        except (KeyError, ValueError) as error:
            reason = f"cannot recompute the commitment to {spec.name!r}: {error}"
            raise CheckFailed(5, reason, tensor=spec.name) from error

    def commit_with(
        self, link: Link, tensor: FixedTensor, basis: commitments.Basis | None, block: int
    ) -> Commitment:
        """The commitment to a tensor; polynomial ones need a basis, else `ValueError`."""
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
            shorter = proofs.document(statement, link, proof.data[: -proofs.SCALAR_BYTES])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckFailed(5, f"{error}", block=block) from error
        try:
            accepted = self._accepts(block, members)
        except ProofError as error:
            raise CheckFailed(5, f"the proof is invalid: {error}", block=block) from error
        if not accepted:
            raise CheckFailed(5, "the proof is invalid", block=block)
        # ezkl reads as much as it needs and ignores the rest; contracts do not.
        try:
            padded = self._accepts(block, {**members, "proof.json": shorter})
        except (ProverFailed, ProverPanicked):
            padded = False
        except ProofError as error:
            raise CheckFailed(5, f"the proof is invalid: {error}", block=block) from error
        if padded:
            raise CheckFailed(5, "the proof has bytes after its end", block=block)

    def _accepts(self, block: int, members: Mapping[str, bytes]) -> bool:
        with workplace() as folder:
            for name, data in members.items():
                (folder / name).write_bytes(data)
            proof, settings, vk, verifier_srs = (folder / name for name in members)
            return self._runner.verify(block, proof, settings, vk, verifier_srs)
