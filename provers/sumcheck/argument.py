"""The argument: proves, and verifies, that integers under given roots satisfy a System.

One text serves both ends (`channel`).  The order of messages is the order of this file.

Source: docs/sumcheck.md, section 5.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.axes import Axes
from zkdps.provers.sumcheck.channel import Channel, ProverChannel, VerifierChannel
from zkdps.provers.sumcheck.commit import (
    commit,
    commit_boundary,
    commit_weights,
    flatten,
    open_weights,
)
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.functionals import places_of
from zkdps.provers.sumcheck.integers import Tensors
from zkdps.provers.sumcheck.kernels.interface import Kernels
from zkdps.provers.sumcheck.layout import Layout, layout_of
from zkdps.provers.sumcheck.leaves import prove_or_check_lookups
from zkdps.provers.sumcheck.merkle import DIGEST_BYTES, root_of
from zkdps.provers.sumcheck.opening import Committed, prove_or_check_opening
from zkdps.provers.sumcheck.relations import prove_or_check_relations
from zkdps.provers.sumcheck.system import Holder, Int64s, System, Values
from zkdps.provers.sumcheck.system_json import system_digest

__all__ = ["commit_boundary", "commit_weights", "open_weights", "prove", "verify"]

PROTOCOL = b"zkdps-sumcheck-1"


@dataclass(frozen=True, slots=True)
class Witness:
    """The prover's data."""

    values: Tensors
    """Integers of all tensors."""
    committed: Mapping[int, Committed]
    """By position of the commitment in slot order."""


def prove(
    system: System, values: Values, weights: Committed | None, context: bytes, kernels: Kernels
) -> bytes:
    """The proof that `values` satisfy the System.

    It is made for wrong values too, and then does not verify.

    Args:
        system: with its weights root.
        values: integers of all tensors, |x| < 2^31.
        weights: what `open_weights` gives.
        context: what the proof is bound to: run and block.
        kernels: of the preset's degree.
    """
    layout = layout_of(system)
    small = {position: np.ascontiguousarray(x, np.int32) for position, x in values.items()}
    committed: dict[int, Committed] = {}
    for number, commitment in enumerate(layout.commitments):
        if commitment.holder is Holder.WEIGHTS:
            if weights is None:
                raise ValueError("the System has weights, and none are given")
            committed[number] = weights
        else:
            committed[number] = commit(system, kernels, flatten(system, commitment, small))
    roots = {
        commitment.tensors[0]: root_of(committed[number].tree)
        for number, commitment in enumerate(layout.commitments)
        if commitment.holder is Holder.BOUNDARY
    }
    channel = ProverChannel(system.preset.degree, kernels.grind)
    _run(
        channel,
        system,
        layout,
        [roots[position] for position in system.inputs],
        [roots[position] for position in system.outputs],
        context,
        kernels,
        Witness(small, committed),
    )
    return channel.proof()


def verify(
    system: System,
    input_roots: Sequence[bytes],
    output_roots: Sequence[bytes],
    context: bytes,
    proof: bytes,
    kernels: Kernels,
) -> None:
    """Check a proof against roots of the boundary tensors, in the System's order.

    Raises:
        CheckFailed: number 5: integers under the roots that satisfy the System are not shown.
    """
    channel = VerifierChannel(system.preset.degree, proof)
    layout = layout_of(system)
    if len(proof) < 4 * system.preset.degree << layout.columns_log:
        raise CheckFailed(5, "the proof is cut off")
    _run(channel, system, layout, input_roots, output_roots, context, kernels, None)
    channel.finish()


def _run(
    channel: Channel,
    system: System,
    layout: Layout,
    input_roots: Sequence[bytes],
    output_roots: Sequence[bytes],
    context: bytes,
    kernels: Kernels,
    witness: Witness | None,
) -> None:
    by_tensor = _boundary_roots(system, input_roots, output_roots)
    weights_root = bytes.fromhex(system.weights_root)
    transcript = channel.transcript
    transcript.absorb("protocol", PROTOCOL)
    transcript.absorb("system", system_digest(system))
    transcript.absorb("context", context)
    transcript.absorb("roots", b"".join([*input_roots, *output_roots, weights_root]))
    public = {
        position: _public_values(channel, system, position, witness) for position in system.public
    }
    roots: list[bytes] = []
    for number, commitment in enumerate(layout.commitments):
        if commitment.holder is Holder.WEIGHTS:
            if len(weights_root) != DIGEST_BYTES:
                raise CheckFailed(5, "the key does not name the root of its weights")
            roots.append(weights_root)
        elif commitment.holder is Holder.BOUNDARY:
            roots.append(by_tensor[commitment.tensors[0]])
        else:
            compute = functools.partial(_root_of_aux, witness, number)
            roots.append(channel.message("aux", DIGEST_BYTES, compute))
    axes = Axes(kernels, public)
    values = None if witness is None else witness.values
    claims = prove_or_check_lookups(channel, system, axes, values)
    claims += prove_or_check_relations(channel, system, axes, values)
    committed = None
    if witness is not None:
        committed = [witness.committed[number] for number in range(len(layout.commitments))]
    prove_or_check_opening(
        channel,
        kernels,
        system.preset,
        layout,
        places_of(system, layout),
        roots,
        claims,
        committed,
    )


def _held(witness: Witness | None) -> Witness:
    if witness is None:
        raise ValueError("only a prover computes messages")
    return witness


def _root_of_aux(witness: Witness | None, number: int) -> bytes:
    return root_of(_held(witness).committed[number].tree)


def _boundary_roots(
    system: System, input_roots: Sequence[bytes], output_roots: Sequence[bytes]
) -> dict[int, bytes]:
    positions = system.inputs + system.outputs
    given = [*input_roots, *output_roots]
    if len(input_roots) != len(system.inputs) or len(given) != len(positions):
        raise CheckFailed(5, "not one root for each boundary tensor")
    if any(len(root) != DIGEST_BYTES for root in given):
        raise CheckFailed(5, "a root is not 32 bytes")
    return dict(zip(positions, given, strict=True))


def _public_values(
    channel: Channel, system: System, position: int, witness: Witness | None
) -> Int64s:
    """The values of a public tensor, flat; they travel as residues modulo p.

    Raises:
        CheckFailed: a word is not below p, or a value leaves the tensor's range.
    """
    tensor = system.tensors[position]

    def compute() -> bytes:
        values = _held(witness).values[position].astype(np.int64)
        return (values.ravel() % P).astype("<u4").tobytes()

    data = channel.message("public", 4 * tensor.size, compute)
    words = np.frombuffer(data, "<u4").astype(np.int64)
    values = np.where(words > P // 2, words - P, words)
    if not channel.proving and (
        int(words.max()) >= P or int(values.min()) < tensor.low or int(values.max()) > tensor.high
    ):
        raise CheckFailed(5, f"public tensor {tensor.name!r} leaves its range")
    return values
