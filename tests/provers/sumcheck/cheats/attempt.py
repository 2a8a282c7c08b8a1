"""Proofs of anything at all, and what both verifiers say of them.

A `Claimed` is a System with integers that need not satisfy it.  `proof_of` runs the honest
prover's code on them, perhaps through a channel that changes messages on their way; `judged`
hands the bytes to both verifiers, which see files and roots only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from tests.provers.sumcheck import systems
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import argument
from zkdps.provers.sumcheck.build import Built
from zkdps.provers.sumcheck.channel import ProverChannel
from zkdps.provers.sumcheck.commit import commit, flatten
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.kernels.interface import Kernels
from zkdps.provers.sumcheck.layout import layout_of
from zkdps.provers.sumcheck.merkle import root_of
from zkdps.provers.sumcheck.opening import Committed
from zkdps.provers.sumcheck.system import Holder, System, Values
from zkdps.provers.sumcheck.system_json import system_from_files, system_to_files
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system
from zkdps.verifier_contracts.reference.sumcheck.system import Preset as ReferencePreset
from zkdps.verifier_contracts.reference.sumcheck.verify import verify_system

CONTEXT = b"run 00, block 0"
REFERENCE_PRESETS = {
    name: ReferencePreset(preset.degree, preset.rate_bits, preset.queries, preset.grind_bits)
    for name, preset in systems.PRESETS.items()
}
WHY = {
    "rows": ("the look-ups are not rows", "are not the same fractions"),
    "claims": ("the claims on committed integers", "do not satisfy the claims"),
    "products": ("sum-check of the relations", "factors of the products"),
    "linear": ("linear relations do not hold", "relations do not hold"),
    "tree": ("a layer of fractions", "a layer of a tree of fractions"),
    "denominators": ("denominators of table rows", "denominators of the tables"),
    "numerators": ("numerators of look-ups", "numerators of the look-ups"),
    "combined": ("combined row does not have the value", "combined row does not have the value"),
    "columns": ("not those of the combined row", "not of the combined row"),
    "path": ("opened columns are not under", "columns are not under the root"),
    "limb": ("not below p", "not below p"),
    "canonical": ("not canonical", "not below p"),
    "work": ("does not show the work", "does not show the work"),
    "end": ("goes on after its end", "trailing bytes"),
    "cut": ("cut off", "too short"),
    "public": ("leaves its range", "out of its range"),
}
"""Name of a check to what the verifiers say where it fails: the first one, the reference."""


@cache
def kernels_of(degree: int) -> Kernels:
    return kernels_for(degree, compiled=False)


@dataclass(frozen=True)
class Claimed:
    """What a prover says."""

    system: System
    """With the root of its own weights."""
    values: Values
    weights: Committed | None
    """Of the root, whatever the values are."""
    context: bytes = CONTEXT

    @property
    def inputs(self) -> list[bytes]:
        return [self.root(position) for position in self.system.inputs]

    @property
    def outputs(self) -> list[bytes]:
        return [self.root(position) for position in self.system.outputs]

    def root(self, position: int) -> bytes:
        kernels = kernels_of(self.system.preset.degree)
        return argument_root(self.system, position, self.values, kernels)

    def position(self, name: str) -> int:
        return [tensor.name for tensor in self.system.tensors].index(name)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[self.position(name)]

    def edited(self, **changes: object) -> Claimed:
        """Other integers for some tensors; `__` in a keyword stands for the dot of a name."""
        values = dict(self.values)
        for name, integers in changes.items():
            position = self.position(name.replace("__", "."))
            shape = self.system.tensors[position].shape
            values[position] = np.broadcast_to(np.asarray(integers, np.int64), shape).copy()
        return replace(self, values=values)


def argument_root(system: System, position: int, values: Values, kernels: Kernels) -> bytes:
    for commitment in layout_of(system).commitments:
        if commitment.holder is Holder.BOUNDARY and commitment.tensors == (position,):
            return root_of(commit(system, kernels, flatten(system, commitment, values)).tree)
    raise KeyError(position)


def claimed(system: System, values: Values, context: bytes = CONTEXT) -> Claimed:
    """The System with the root that these weights have."""
    kernels = kernels_of(system.preset.degree)
    weights = None
    for commitment in layout_of(system).commitments:
        if commitment.holder is Holder.WEIGHTS:
            made = commit(system, kernels, flatten(system, commitment, values))
            weights = made
            system = replace(system, weights_root=root_of(made.tree).hex())
    return Claimed(system, values, weights, context)


@cache
def sample(name: str, preset: str = "TEST") -> Claimed:
    """An honest one, of the sampler."""
    return claimed(*systems.honest(name, systems.PRESETS[preset]))


def built_case(built: Built, values: Values) -> Claimed:
    """A block that was built and run, under the tests' preset."""
    return claimed(replace(built.system, preset=systems.PRESET), values)


def proof_of(case: Claimed, channel: Callable[..., ProverChannel] | None = None) -> bytes:
    """The honest prover's code on these integers; `channel` stands in for its channel."""
    kernels = kernels_of(case.system.preset.degree)
    with pytest.MonkeyPatch.context() as patch:
        if channel is not None:
            patch.setattr(argument, "ProverChannel", channel)
        return argument.prove(case.system, case.values, _opened(case), case.context, kernels)


def _opened(case: Claimed) -> Committed | None:
    """The tree of the honest weights, and the rows of those that are claimed."""
    for commitment in layout_of(case.system).commitments:
        if commitment.holder is Holder.WEIGHTS and case.weights is not None:
            return replace(case.weights, integers=flatten(case.system, commitment, case.values))
    return case.weights


def judged(
    system: System,
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    context: bytes,
    proof: bytes,
) -> tuple[str | None, str | None]:
    """What the first verifier and the reference say; None where one accepts."""
    return (
        _said(lambda: _first(system, inputs, outputs, context, proof)),
        _said(lambda: _reference(system, inputs, outputs, context, proof)),
    )


def refused(under: Claimed, proof: bytes, *, by: str | None = None) -> str:
    """Both verifiers refuse the proof of this claim; `by` is a name in `WHY`.

    Returns:
        What the first verifier says.
    """
    found = judged(under.system, under.inputs, under.outputs, under.context, proof)
    assert None not in found, f"accepted: {found}"
    first, second = (said or "" for said in found)
    if by is not None:
        parts = WHY[by]
        assert parts[0] in first, found
        assert parts[1] in second, found
    return first


def accepted(under: Claimed, proof: bytes) -> None:
    found = judged(under.system, under.inputs, under.outputs, under.context, proof)
    assert found == (None, None)


def _said(check: Callable[[], None]) -> str | None:
    try:
        check()
    except CheckFailed as error:
        assert error.check == 5, error
        return str(error)
    return None


def _first(
    system: System, inputs: Sequence[bytes], outputs: Sequence[bytes], context: bytes, proof: bytes
) -> None:
    read = system_from_files(*system_to_files(system), systems.PRESETS)
    argument.verify(read, inputs, outputs, context, proof, kernels_of(system.preset.degree))


def _reference(
    system: System, inputs: Sequence[bytes], outputs: Sequence[bytes], context: bytes, proof: bytes
) -> None:
    read = parse_system(*system_to_files(system), REFERENCE_PRESETS)
    verify_system(read, inputs, outputs, context, proof)
