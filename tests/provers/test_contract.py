"""What every back end owes to the protocol, over every commitment scheme it offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.provers import blocks
from zkdps.core.errors import CheckFailed, UsageConflict
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.prover import BlockGraph, Circuit, Prover, Trace
from zkdps.core.run import proof_context
from zkdps.core.statement import Commitment, Link, Proof, Statement
from zkdps.provers import load_prover
from zkdps.provers.engine import Limits

A = blocks.tensor([[256, -512, 700, 3, 0, -1]])
B = blocks.tensor([[1, -1, 1000, -1000]])
CONTEXT = proof_context("ab" * 32, 5)


@dataclass(frozen=True)
class Proved:
    """A block that went all the way."""

    graph: BlockGraph
    circuit: Circuit
    trace: Trace
    statement: Statement
    proof: Proof
    material: Mapping[str, bytes]
    trust: Mapping[str, bytes]
    link: Link


def build(prover: Prover, graph: BlockGraph, link: Link, directory: Path) -> Circuit:
    rough_directory = directory / "rough"
    rough_directory.mkdir(parents=True)
    (rough,) = prover.choose([graph], scale_bits=blocks.SCALE_BITS, link=link, ranges=None)
    (trace,) = prover.execute(prover.compile(graph, rough, rough_directory), [[A, B]])
    chosen = prover.choose(
        [graph], scale_bits=blocks.SCALE_BITS, link=link, ranges=[trace.ranges.hull(trace.ranges)]
    )
    fine_directory = directory / "fine"
    fine_directory.mkdir()
    circuit = prover.compile(graph, chosen[0], fine_directory)
    prover.setup(circuit)
    return prover.open(graph, chosen[0], fine_directory)


PAIRS = [
    *(("ezkl", link) for link in (Link.POLYCOMMIT, Link.POSEIDON, Link.PUBLIC)),
    ("sumcheck", Link.MERKLE),
]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def offer(request: pytest.FixtureRequest, srs_cache: Path) -> Iterator[tuple[Prover, Link]]:
    """A back end, and a way of linking that it offers."""
    name, link = request.param
    back_end = load_prover(name, Limits(timeout_s=120), srs_cache)
    assert set(back_end.links) == {each for owner, each in PAIRS if owner == name}
    yield back_end, link
    back_end.close()


@pytest.fixture(scope="module")
def prover(offer: tuple[Prover, Link]) -> Prover:
    return offer[0]


@pytest.fixture(scope="module")
def proved(offer: tuple[Prover, Link], tmp_path_factory: pytest.TempPathFactory) -> Proved:
    prover, link = offer
    graph = blocks.linear(index=5)
    circuit = build(prover, graph, link, tmp_path_factory.mktemp("circuit"))
    (trace,) = prover.execute(circuit, [[A, B]])
    assert prover.statement(circuit, trace).block == 5
    statement, proof = prover.prove(circuit, trace, CONTEXT)
    assert statement == prover.statement(circuit, trace)
    material = prover.material(circuit, graph.inputs + graph.outputs)
    identity, trust = prover.trust([circuit])
    assert (identity is None) == (not trust)
    return Proved(graph, circuit, trace, statement, proof, material, trust, link)


def refused(
    prover: Prover,
    proved: Proved,
    *,
    statement: Statement | None = None,
    proof: bytes | None = None,
    material: Mapping[str, bytes] | None = None,
    context: bytes = CONTEXT,
) -> None:
    with pytest.raises(CheckFailed) as caught:
        prover.verify(
            proved.material if material is None else material,
            proved.trust,
            statement or proved.statement,
            proved.proof if proof is None else Proof(proof),
            context,
        )
    assert (caught.value.check, caught.value.block) == (5, 5)


def test_execution_is_the_integers(proved: Proved) -> None:
    expected = A.integers @ blocks.weights(1) + B.integers
    assert np.array_equal(proved.trace.outputs[0].integers, expected)
    assert all(read.equals(fed) for read, fed in zip(proved.trace.inputs, (A, B), strict=True))


def test_a_good_proof_verifies(prover: Prover, proved: Proved) -> None:
    prover.verify(proved.material, proved.trust, proved.statement, proved.proof, CONTEXT)


def test_the_auditor_recomputes_every_commitment(prover: Prover, proved: Proved) -> None:
    specs = proved.graph.inputs + proved.graph.outputs
    tensors = proved.trace.inputs + proved.trace.outputs
    made = [
        prover.commit(proved.material, proved.link, spec, tensor)
        for spec, tensor in zip(specs, tensors, strict=True)
    ]
    assert tuple(made) == proved.statement.inputs + proved.statement.outputs


def test_a_changed_value_has_another_commitment(prover: Prover, proved: Proved) -> None:
    spec = proved.graph.inputs[0]
    other = FixedTensor(A.integers + np.eye(1, 6, dtype=np.int64), A.scale_bits)
    assert prover.commit(proved.material, proved.link, spec, other) != proved.statement.inputs[0]


@pytest.mark.parametrize("position", [0, 100, 0.5, -1])
def test_a_tampered_proof_is_refused(prover: Prover, proved: Proved, position: float) -> None:
    data = bytearray(proved.proof.data)
    data[int(position * len(data)) if isinstance(position, float) else position] ^= 1
    refused(prover, proved, proof=bytes(data))


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 64])
def test_a_cut_or_padded_proof_is_refused(prover: Prover, proved: Proved, cut: int) -> None:
    refused(prover, proved, proof=proved.proof.data[: len(proved.proof.data) - cut] if cut else b"")
    if cut:
        refused(prover, proved, proof=proved.proof.data + bytes(cut))


def test_garbage_is_refused_and_does_no_harm(prover: Prover, proved: Proved) -> None:
    noise = np.random.default_rng(0).bytes(len(proved.proof.data))
    refused(prover, proved, proof=noise)
    prover.verify(proved.material, proved.trust, proved.statement, proved.proof, CONTEXT)


def test_a_proof_is_bound_to_its_run_where_that_is_promised(prover: Prover, proved: Proved) -> None:
    for other in (proof_context("ab" * 32, 4), proof_context("cd" * 32, 5), b""):
        if prover.binds_run:
            refused(prover, proved, context=other)
        else:
            prover.verify(proved.material, proved.trust, proved.statement, proved.proof, other)


def test_material_says_how_each_tensor_is_committed_to(prover: Prover, proved: Proved) -> None:
    graph = proved.graph
    ways = prover.check_material(proved.material, proved.link, graph.inputs, graph.outputs)
    assert set(ways) == {"a", "b", "y"}
    with pytest.raises(CheckFailed) as caught:
        prover.check_material(proved.material, proved.link, graph.inputs[:1], graph.outputs)
    assert caught.value.check == 2


def test_a_wrong_commitment_is_refused(prover: Prover, proved: Proved) -> None:
    statement = proved.statement
    for value in (bytes(len(statement.outputs[0].value)), statement.outputs[0].value[:-1], b""):
        wrong = replace(statement, outputs=(Commitment(proved.link, value),))
        refused(prover, proved, statement=wrong)


def test_swapped_or_missing_tensors_are_refused(prover: Prover, proved: Proved) -> None:
    first, second = proved.statement.inputs
    refused(prover, proved, statement=replace(proved.statement, inputs=(second, first)))
    refused(prover, proved, statement=replace(proved.statement, inputs=(first,)))
    refused(prover, proved, statement=replace(proved.statement, outputs=()))


def test_another_scheme_is_refused(prover: Prover, proved: Proved) -> None:
    other = next(link for link in Link if link is not proved.link)
    outputs = (Commitment(other, proved.statement.outputs[0].value),)
    refused(prover, proved, statement=replace(proved.statement, outputs=outputs))


def test_missing_or_broken_key_material_is_refused(prover: Prover, proved: Proved) -> None:
    for name in proved.material:
        if name.startswith(("basis", "vka")):
            # Not what `verify` reads: commitments of ends, and the reference verifier's key.
            continue
        kept = {key: data for key, data in proved.material.items() if key != name}
        refused(prover, proved, material=kept)
        refused(prover, proved, material={**kept, name: b"{}"})
        if proved.material[name]:
            refused(prover, proved, material={**kept, name: proved.material[name][:-40]})


def test_another_blocks_key_is_refused(prover: Prover, proved: Proved, tmp_path: Path) -> None:
    other = build(prover, blocks.linear(seed=2, index=5), proved.link, tmp_path)
    refused(prover, proved, material=prover.material(other, proved.graph.inputs))


def test_unknown_names_are_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageConflict, match="ezkl"):
        load_prover("abacus", Limits(), tmp_path)
