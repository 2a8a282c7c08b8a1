"""Joint proofs behind the prover protocol: all blocks of a run as one System.

`joint` says how Systems are merged.  A joint key names the merged System and its tables; both
follow from the blocks' own, but for the root of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zkdps.core.errors import CheckFailed, ProofError
from zkdps.core.model_key import JOINT_PREFIX
from zkdps.core.prover import Circuit, Trace
from zkdps.core.statement import Commitment, Proof, Usage
from zkdps.provers.files import storage, workplace
from zkdps.provers.sumcheck import auditor, stored
from zkdps.provers.sumcheck.arrays import write_arrays
from zkdps.provers.sumcheck.runner import Runner
from zkdps.provers.sumcheck.system_json import system_from_files, system_to_files

WORKER = 0
"""The worker that joins and proves, and the block that errors name."""


class SumcheckJointProver:
    """See `zkdps.core.prover.JointProver` for the methods."""

    def __init__(self, runner: Runner, usage: Callable[[int, Mapping[str, Any]], Usage]) -> None:
        """`usage` completes what a call measured by the memory of the worker of a block."""
        self._runner = runner
        self._usage = usage

    def join(self, circuits: Sequence[Circuit], directory: Path) -> None:
        """As the protocol."""
        folders = [str(circuit.directory) for circuit in circuits]
        with storage(directory):
            self._runner.call("setup", WORKER, "join", directory, *folders)

    def members(self, directory: Path) -> Mapping[str, bytes]:
        """As the protocol."""
        return {
            JOINT_PREFIX + name: stored.member(directory, name).read_bytes()
            for name in stored.MATERIAL
        }

    def prove(
        self,
        circuits: Sequence[Circuit],
        traces: Sequence[Trace],
        directory: Path,
        context: bytes,
    ) -> Proof:
        """As the protocol."""
        folders = [str(circuit.directory) for circuit in circuits]
        with workplace() as folder:
            for index, trace in enumerate(traces):
                arrays = [tensor.integers for tensor in trace.inputs]
                write_arrays(folder / f"{index}.npz", arrays)
            answer = self._runner.call(
                "prove", WORKER, "prove_joint", directory, folder, context.hex(), *folders
            )
            data = (folder / "proof.bin").read_bytes()
        return Proof(data, self._usage(WORKER, answer), joint=True)

    def check_trust(
        self, trust: Mapping[str, bytes], materials: Sequence[Mapping[str, bytes]]
    ) -> None:
        """As the protocol: merges the blocks' Systems again."""
        from zkdps.provers.sumcheck.joint import merge

        text, tables = _files(trust, 2)
        if len(trust) != len(stored.MATERIAL):
            raise CheckFailed(2, "the key carries more than the System of joint proofs")
        given = system_from_files(text, tables)
        try:
            merged = merge([auditor.read_system(material) for material in materials]).system
        except ValueError as error:
            raise CheckFailed(2, f"the key's blocks cannot be merged: {error}") from error
        if system_to_files(replace(merged, weights_root=given.weights_root)) != (text, tables):
            raise CheckFailed(2, "the System of joint proofs is not the one that the blocks make")

    def verify(
        self,
        trust: Mapping[str, bytes],
        commitments: Mapping[str, Commitment],
        proof: Proof,
        context: bytes,
    ) -> None:
        """As the protocol, in a worker: a hostile key can only fail."""
        text, tables = _files(trust, 5)
        system = system_from_files(text, tables)
        sides = []
        for positions in (system.inputs, system.outputs):
            names = [system.tensors[position].name for position in positions]
            if any(name not in commitments for name in names):
                raise CheckFailed(5, "the statements do not name every boundary tensor")
            sides.append("".join(auditor.root_of(commitments[name]).hex() for name in names))
        with workplace() as folder:
            (folder / stored.SYSTEM).write_bytes(text)
            (folder / stored.TABLES).write_bytes(tables)
            (folder / "proof.bin").write_bytes(proof.data)
            try:
                self._runner.judge(WORKER, "verify", folder, *sides, context.hex())
            except CheckFailed as error:
                raise replace(error, check=5, block=None) from error
            except ProofError as error:
                raise CheckFailed(5, f"the verifier came to no answer: {error}") from error


def _files(trust: Mapping[str, bytes], check: int) -> tuple[bytes, bytes]:
    try:
        return trust[JOINT_PREFIX + stored.SYSTEM], trust[JOINT_PREFIX + stored.TABLES]
    except KeyError as error:
        raise CheckFailed(check, f"the key misses {error}") from error
