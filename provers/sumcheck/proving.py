"""Set-up and proofs of one block, in the process that does the work; needs numba."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zkdps.provers.sumcheck import stored
from zkdps.provers.sumcheck.argument import prove as prove_system
from zkdps.provers.sumcheck.commit import commit_boundary, commit_weights, open_weights
from zkdps.provers.sumcheck.compiled_blocks import built_of, compiled, complete
from zkdps.provers.sumcheck.executing import values_of
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.kernels.interface import Kernels
from zkdps.provers.sumcheck.system import Int64s


@functools.cache
def kernels_of_degree(degree: int) -> Kernels:
    """The compiled kernels, loaded once a process."""
    return kernels_for(degree, compiled=True)


def setup(directory: Path) -> None:
    """Commit to the weights, write codeword and tree, and put the root into `system.json`."""
    built = built_of(compiled(directory))
    system = built.system
    folder = directory / stored.WEIGHTS
    folder.mkdir()
    places = {tensor.name: position for position, tensor in enumerate(system.tensors)}
    values = {places[name]: integers for name, integers in built.weights.items()}
    root = commit_weights(system, values, folder, kernels_of_degree(system.preset.degree))
    stored.write_system(directory, replace(system, weights_root=root.hex()))


def boundary_roots(directory: Path, tensors: Sequence[Int64s]) -> list[bytes]:
    """The roots of the block's inputs and outputs, from their integers."""
    system = built_of(compiled(directory)).system
    kernels = kernels_of_degree(system.preset.degree)
    return [
        commit_boundary(system, position, integers, kernels)
        for position, integers in zip((*system.inputs, *system.outputs), tensors, strict=True)
    ]


def prove(directory: Path, inputs: Sequence[Int64s], context: bytes) -> bytes:
    """Prove the execution of these inputs.

    Raises:
        OutOfRange: a value leaves its range.
        StalePackage: the folder's files do not belong together.
    """
    built = complete(directory)
    values = values_of(directory, compiled(directory), inputs)
    system = built.system
    weights = open_weights(system, directory / stored.WEIGHTS)
    return prove_system(system, values, weights, context, kernels_of_degree(system.preset.degree))
