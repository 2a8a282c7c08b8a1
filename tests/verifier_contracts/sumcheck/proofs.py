"""Honest proofs of the sampler's systems, and one question to both verifiers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tests.provers.sumcheck.proofs import prove_values
from tests.provers.sumcheck.systems import NAMES, PRESET, PRESET_5, PRESETS, honest
from tests.verifier_contracts.sumcheck.samples import TEST_PRESETS
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import argument
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.system import System, Values
from zkdps.provers.sumcheck.system_json import system_from_files, system_to_files
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system
from zkdps.verifier_contracts.reference.sumcheck.verify import verify_system

ALL = tuple((name, preset) for preset in (PRESET.name, PRESET_5.name) for name in NAMES)


@dataclass(frozen=True)
class Proved:
    """All that a verifier is given."""

    text: bytes
    tables: bytes
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    context: bytes
    proof: bytes


@cache
def proved(name: str, preset: str) -> Proved:
    return prove(*honest(name, PRESETS[preset]))


def prove(system: System, values: Values, context: bytes) -> Proved:
    """A proof that the values satisfy the system, whether they do or not."""
    made = prove_values(system, values, context)
    files = system_to_files(made.system)
    return Proved(*files, made.input_roots, made.output_roots, context, made.proof)


def reference_accepts(given: Proved) -> bool:
    """The reference verifier's answer; only `CheckFailed` with number 5 is a no."""
    try:
        system = parse_system(given.text, given.tables, TEST_PRESETS)
        verify_system(system, given.inputs, given.outputs, given.context, given.proof)
    except CheckFailed as error:
        if error.check != 5:
            raise
        return False
    return True


def prover_accepts(given: Proved) -> bool:
    """The answer of the verifier that shares its code with the prover."""
    try:
        system = system_from_files(given.text, given.tables, PRESETS)
        kernels = kernels_for(system.preset.degree, compiled=False)
        argument.verify(system, given.inputs, given.outputs, given.context, given.proof, kernels)
    except CheckFailed:
        return False
    return True
