"""The auditor's side, from key material alone: numpy, no numba, no onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from zkdps.core.errors import CheckFailed
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.plan import TensorSpec
from zkdps.core.prover import Strength
from zkdps.core.statement import Commitment, Link, Statement
from zkdps.provers.sumcheck import stored
from zkdps.provers.sumcheck.soundness import strength_of
from zkdps.provers.sumcheck.system import System
from zkdps.provers.sumcheck.system_json import system_from_files

ROOT_BYTES = 32


def read_system(material: Mapping[str, bytes]) -> System:
    """The System in a block's key material.

    Raises:
        CheckFailed: check 2, there is none, or it is not well-formed.
    """
    try:
        text, tables = material[stored.SYSTEM], material[stored.TABLES]
    except KeyError as error:
        raise CheckFailed(2, f"the key's material misses {error}") from error
    return _parsed(text, tables)


@lru_cache(maxsize=256)
def _parsed(text: bytes, tables: bytes) -> System:
    return system_from_files(text, tables)


def check_material(
    material: Mapping[str, bytes],
    link: Link,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
) -> dict[str, str]:
    """As the protocol: how each tensor is committed to, and in which range."""
    system = read_system(material)
    if link is not Link.MERKLE:
        raise CheckFailed(2, "sumcheck links blocks by merkle roots", expected="merkle", got=link)
    if set(material) != set(stored.MATERIAL):
        raise CheckFailed(2, f"the key's material is not {', '.join(stored.MATERIAL)}")
    code = f"{system.preset.name}, 2^{system.columns_log} columns"
    found = {}
    for side, specs, positions in (
        ("inputs", inputs, system.inputs),
        ("outputs", outputs, system.outputs),
    ):
        if len(specs) != len(positions):
            raise CheckFailed(
                2, f"the System has other {side}", expected=str(len(specs)), got=str(len(positions))
            )
        for spec, position in zip(specs, positions, strict=True):
            tensor = system.tensors[position]
            if tensor.name != spec.name or tensor.size != spec.size:
                raise CheckFailed(
                    2,
                    f"the System's {side} are not the plan's",
                    tensor=spec.name,
                    expected=f"{spec.name} of {spec.size}",
                    got=f"{tensor.name} of {tensor.size}",
                )
            shape = "x".join(map(str, tensor.shape))
            found[spec.name] = f"{code}, {shape} in {tensor.low}..{tensor.high}"
    return found


def commit(
    material: Mapping[str, bytes], link: Link, spec: TensorSpec, tensor: FixedTensor
) -> Commitment:
    """As the protocol: the root of a boundary tensor.

    Raises:
        CheckFailed: check 5, the block has no such tensor; 7, integers lie outside the range that
            its proofs are about (a root binds residues, and x + p has that of x).
    """
    # Imported here: only who knows an input or an output comes by.
    from zkdps.provers.sumcheck.commit import commit_boundary
    from zkdps.provers.sumcheck.kernels import kernels_for

    try:
        system = read_system(material)
    except CheckFailed as error:
        raise CheckFailed(5, error.reason, tensor=spec.name) from error
    ends = {system.tensors[p].name: p for p in (*system.inputs, *system.outputs)}
    if spec.name not in ends:
        reason = f"cannot recompute the commitment to {spec.name!r}: the block has no such tensor"
        raise CheckFailed(5, reason, tensor=spec.name)
    position = ends[spec.name]
    held = system.tensors[position]
    low, high = int(tensor.integers.min()), int(tensor.integers.max())
    if not held.low <= low <= high <= held.high:
        raise CheckFailed(
            7,
            f"no proof is about these values of {spec.name!r}: they leave its range",
            tensor=spec.name,
            expected=f"{held.low}..{held.high}",
            got=f"{low}..{high}",
        )
    shape = held.shape
    kernels = kernels_for(system.preset.degree, compiled=False)
    root = commit_boundary(system, position, tensor.integers.reshape(shape), kernels)
    return Commitment(link, root)


def roots_of(statement: Statement) -> tuple[str, str]:
    """The statement's roots as `verifying.split_roots` reads them.

    Raises:
        CheckFailed: check 5, a commitment is no root.
    """
    inputs, outputs = (
        "".join(root_of(commitment, statement.block).hex() for commitment in side)
        for side in (statement.inputs, statement.outputs)
    )
    return inputs, outputs


def root_of(commitment: Commitment, block: int | None = None) -> bytes:
    """The root that a commitment is.

    Raises:
        CheckFailed: check 5, it is none.
    """
    if commitment.link is not Link.MERKLE or len(commitment.value) != ROOT_BYTES:
        raise CheckFailed(5, "a commitment is no merkle root of 32 bytes", block=block)
    return commitment.value


def strength(materials: Sequence[Mapping[str, bytes]]) -> Strength:
    """What proofs under these blocks' material are worth together."""
    return strength_of([read_system(material) for material in materials])
