"""Proofs of the sampler's Systems, made once per process; the compiled kernels are not needed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tests.provers.sumcheck.systems import PRESET, honest
from zkdps.provers.sumcheck.argument import prove, verify
from zkdps.provers.sumcheck.commit import commit_boundary, commit_weights, open_weights
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.system import Preset, System, Values


@dataclass(frozen=True)
class Proved:
    """Everything that a verifier is given."""

    system: System
    input_roots: tuple[bytes, ...]
    output_roots: tuple[bytes, ...]
    context: bytes
    proof: bytes

    def verify(self) -> None:
        kernels = kernels_for(self.system.preset.degree, compiled=False)
        verify(self.system, self.input_roots, self.output_roots, self.context, self.proof, kernels)


def prove_values(system: System, values: Values, context: bytes) -> Proved:
    """Commit and prove, whatever the values are."""
    kernels = kernels_for(system.preset.degree, compiled=False)
    with tempfile.TemporaryDirectory() as folder:
        root = commit_weights(system, values, Path(folder), kernels)
        system = replace(system, weights_root=root.hex())
        weights = open_weights(system, Path(folder))
        proof = prove(system, values, weights, context, kernels)
        roots = {
            position: commit_boundary(system, position, values[position], kernels)
            for position in system.inputs + system.outputs
        }
    return Proved(
        system,
        tuple(roots[position] for position in system.inputs),
        tuple(roots[position] for position in system.outputs),
        context,
        proof,
    )


@cache
def proved(name: str, preset: Preset = PRESET, columns_log: int = 3) -> Proved:
    """An honest proof of a System of the sampler."""
    return prove_values(*honest(name, preset, columns_log))
