"""Set-up and proofs of all blocks of a plan together, in the process that does the work.

A folder made by `join` holds the merged System (`joint`), its tables, and the weights' commitment:
the same files as a circuit's, without a slice of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zkdps.provers.sumcheck import stored
from zkdps.provers.sumcheck.argument import prove as prove_system
from zkdps.provers.sumcheck.commit import commit_weights, open_weights
from zkdps.provers.sumcheck.compiled_blocks import built_of, compiled
from zkdps.provers.sumcheck.executing import values_of
from zkdps.provers.sumcheck.joint import Joint, merge
from zkdps.provers.sumcheck.proving import kernels_of_degree
from zkdps.provers.sumcheck.system import Holder, Int64s


def join(circuits: Sequence[Path], directory: Path) -> None:
    """Merge the circuits' Systems, commit to all weights, and write `directory`."""
    joint = _merged(circuits)
    values = {}
    for circuit, places in zip(circuits, joint.tensors, strict=True):
        built = built_of(compiled(circuit))
        for position, tensor in enumerate(built.system.tensors):
            if tensor.holder is Holder.WEIGHTS:
                values[places[position]] = built.weights[tensor.name]
    folder = directory / stored.WEIGHTS
    folder.mkdir()
    kernels = kernels_of_degree(joint.system.preset.degree)
    root = commit_weights(joint.system, values, folder, kernels)
    stored.write_system(directory, replace(joint.system, weights_root=root.hex()))


def prove_joint(
    circuits: Sequence[Path],
    inputs: Sequence[Sequence[Int64s]],
    directory: Path,
    context: bytes,
) -> bytes:
    """One proof that every circuit ran on its inputs.

    Raises:
        OutOfRange: a value leaves its range.
        StalePackage: the folder's System is not the one that the circuits make.
    """
    joint = _merged(circuits)
    system = stored.completed(
        directory, joint.system, "its System is not the one that the blocks make"
    )
    values = joint.merge_values(
        [
            values_of(circuit, compiled(circuit), given)
            for circuit, given in zip(circuits, inputs, strict=True)
        ]
    )
    weights = open_weights(system, directory / stored.WEIGHTS)
    return prove_system(system, values, weights, context, kernels_of_degree(system.preset.degree))


def _merged(circuits: Sequence[Path]) -> Joint:
    return merge([built_of(compiled(circuit)).system for circuit in circuits])
