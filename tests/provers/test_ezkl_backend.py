"""What is ezkl's own: reproducible keys, exact integers, no proof attempted outside the tables."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from tests.provers import blocks
from zkdps.core.canonical import canonical_json, sha256_hex
from zkdps.core.errors import (
    CheckFailed,
    LayoutFailed,
    MissingSrs,
    OutOfRange,
    ScaleDrift,
    StalePackage,
    StorageFailed,
    WrongSrs,
)
from zkdps.core.prover import BlockGraph, Circuit, Ranges
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Link, Proof
from zkdps.provers.engine import Limits
from zkdps.provers.ezkl import srs
from zkdps.provers.ezkl.backend import EzklProver
from zkdps.provers.ezkl.settings import (
    ASSIGNMENT_STEP,
    Choice,
    canonical_settings,
    choice_of,
)

RANGES = Ranges(-1000, 1000, 1 << 12)


def chosen(
    prover: EzklProver, graph: BlockGraph, ranges: Ranges = RANGES, link: Link = Link.POLYCOMMIT
) -> Choice:
    choices = prover.choose([graph], scale_bits=blocks.SCALE_BITS, link=link, ranges=[ranges])
    return choice_of(choices[0])


@pytest.fixture(scope="module")
def sigmoid(ezkl_prover: EzklProver, tmp_path_factory: pytest.TempPathFactory) -> Circuit:
    graph = blocks.activation("Sigmoid", 1, 5)
    directory = tmp_path_factory.mktemp("sigmoid")
    circuit = ezkl_prover.compile(graph, chosen(ezkl_prover, graph).record(), directory)
    ezkl_prover.setup(circuit)
    return circuit


def test_keys_are_reproducible(ezkl_prover: EzklProver, sigmoid: Circuit, tmp_path: Path) -> None:
    assert isinstance(sigmoid.graph, BlockGraph)
    digests = set()
    for attempt in range(3):
        directory = tmp_path / str(attempt)
        directory.mkdir()
        circuit = ezkl_prover.compile(sigmoid.graph, sigmoid.parameters, directory)
        if attempt == 0:
            ezkl_prover.setup(circuit)
            assert ezkl_prover.material(circuit, []) == ezkl_prover.material(sigmoid, [])
        digests.add(sha256_hex((directory / "settings.json").read_bytes()))
    digests.add(sha256_hex((sigmoid.directory / "settings.json").read_bytes()))
    assert len(digests) == 1, "settings, and with them keys, must not depend on the run"


def test_settings_have_one_form(sigmoid: Circuit) -> None:
    data = (sigmoid.directory / "settings.json").read_bytes()
    shuffled = json.loads(data)
    generator = random.Random(0)
    generator.shuffle(shuffled["required_range_checks"])
    generator.shuffle(shuffled["einsum_params"]["equations"])
    shuffled["timestamp"] = 99
    # ezkl counts a few cells more or less from call to call.
    shuffled["total_assignments"] -= 40
    shuffled["num_rows"] -= 40 // int(shuffled["run_args"]["num_inner_cols"])
    choice = choice_of(sigmoid.parameters)
    assert canonical_settings(json.dumps(shuffled).encode(), choice) == data
    for wrong in (choice.assignments + 1, choice.assignments - 3 * ASSIGNMENT_STEP):
        shuffled["total_assignments"] = wrong
        with pytest.raises(ValueError, match="cells"):
            canonical_settings(json.dumps(shuffled).encode(), choice)


def test_parameters_are_canonical_json(sigmoid: Circuit) -> None:
    assert choice_of(json.loads(canonical_json(sigmoid.parameters))).record() == sigmoid.parameters
    with pytest.raises(ValueError, match="logrows"):
        choice_of({name: value for name, value in sigmoid.parameters.items() if name != "logrows"})


@pytest.mark.parametrize("value", [(1 << 37) + 1, -(1 << 36) - 3])
def test_integers_arrive_unchanged(ezkl_prover: EzklProver, tmp_path: Path, value: int) -> None:
    # More bits than a float32, or a decimal with a fixed number of digits, would carry.
    graph = blocks.activation("Identity", 1, 2)
    node = helper.make_node("Add", ["x", "x"], ["y"])
    graph = blocks.block_graph([node], [blocks.spec("x", 1, 2)], [blocks.spec("y", 1, 2)], {})
    (rough,) = ezkl_prover.choose(
        [graph], scale_bits=blocks.SCALE_BITS, link=Link.POLYCOMMIT, ranges=None
    )
    circuit = ezkl_prover.compile(graph, rough, tmp_path)
    fed = blocks.tensor([[value, value - 1]])
    (trace,) = ezkl_prover.execute(circuit, [[fed]])
    assert trace.inputs[0].equals(fed)
    assert np.array_equal(trace.outputs[0].integers, 2 * fed.integers)


def test_an_index_outside_the_table_is_told_before_proving(
    ezkl_prover: EzklProver, sigmoid: Circuit
) -> None:
    choice = choice_of(sigmoid.parameters)
    inside = blocks.tensor([[choice.lookup_max, choice.lookup_min, 0, 1, -1]])
    (trace,) = ezkl_prover.execute(sigmoid, [[inside]])
    ezkl_prover.check_ranges(sigmoid, trace)
    for value in (choice.lookup_max + 1, choice.lookup_min - 1):
        outside = blocks.tensor([[value, 0, 0, 0, 0]])
        (trace,) = ezkl_prover.execute(sigmoid, [[outside]])
        with pytest.raises(OutOfRange, match="table index"):
            ezkl_prover.check_ranges(sigmoid, trace)
        with pytest.raises(OutOfRange):
            ezkl_prover.prove(sigmoid, trace)


def test_the_edges_of_the_table_are_provable(ezkl_prover: EzklProver, sigmoid: Circuit) -> None:
    choice = choice_of(sigmoid.parameters)
    edges = blocks.tensor([[choice.lookup_max, choice.lookup_min, 0, 1, -1]])
    (trace,) = ezkl_prover.execute(sigmoid, [[edges]])
    statement, proof = ezkl_prover.prove(sigmoid, trace)
    _, trust = ezkl_prover.trust([sigmoid])
    material = ezkl_prover.material(sigmoid, sigmoid.graph.inputs)
    ezkl_prover.verify(material, trust, statement, proof)
    # The same under another ceremony's verifier part: refused.
    other = bytearray(trust["srs-verifier.bin"])
    other[-1] ^= 1
    with pytest.raises(CheckFailed):
        ezkl_prover.verify(material, {"srs-verifier.bin": bytes(other)}, statement, proof)
    with pytest.raises(CheckFailed):
        ezkl_prover.verify(material, {}, statement, Proof(proof.data))


def test_a_value_too_large_is_out_of_range(ezkl_prover: EzklProver, sigmoid: Circuit) -> None:
    limit = choice_of(sigmoid.parameters).max_abs
    with pytest.raises(OutOfRange, match="input 'x'"):
        ezkl_prover.execute(sigmoid, [[blocks.tensor([[limit + 1, 0, 0, 0, 0]])]])


def test_a_value_too_large_inside_is_out_of_range(ezkl_prover: EzklProver, tmp_path: Path) -> None:
    graph = blocks.linear()
    circuit = ezkl_prover.compile(graph, chosen(ezkl_prover, graph).record(), tmp_path)
    limit = choice_of(circuit.parameters).max_abs
    fed = np.sign(blocks.weights(1)[:, 0])[None, :] * (limit - 1)
    with pytest.raises(OutOfRange, match=r"inside|value"):
        (trace,) = ezkl_prover.execute(circuit, [[blocks.tensor(fed), blocks.tensor([[0] * 4])]])
        ezkl_prover.check_ranges(circuit, trace)


def test_a_drifting_scale_is_refused(ezkl_prover: EzklProver, tmp_path: Path) -> None:
    node = helper.make_node("Mul", ["x", "half"], ["y"])
    graph = blocks.block_graph(
        [node],
        [blocks.spec("x", 1, 4)],
        [blocks.spec("y", 1, 4)],
        {"half": np.array(0.5, dtype=np.float32)},
        index=7,
    )
    choice = chosen(ezkl_prover, graph)
    with pytest.raises(ScaleDrift) as caught:
        ezkl_prover.compile(graph, choice.record(), tmp_path)
    drift = caught.value
    assert (drift.block, drift.tensor, drift.expected) == (7, "y", blocks.SCALE_BITS)


def test_what_is_no_model_cannot_be_laid_out(ezkl_prover: EzklProver, tmp_path: Path) -> None:
    whole = blocks.linear(index=2)
    graph = replace(whole, onnx=b"not a model")
    (rough,) = ezkl_prover.choose([whole], scale_bits=8, link=Link.PUBLIC, ranges=None)
    with pytest.raises(LayoutFailed) as caught:
        ezkl_prover.choose([graph], scale_bits=8, link=Link.PUBLIC, ranges=None)
    assert caught.value.block == 2
    with pytest.raises(LayoutFailed) as caught:
        ezkl_prover.compile(graph, rough, tmp_path)
    assert caught.value.block == 2


def test_missing_files_and_other_ceremonies_are_told(
    ezkl_prover: EzklProver, sigmoid: Circuit, tmp_path: Path
) -> None:
    with pytest.raises(StalePackage, match=r"circuit\.ezkl"):
        ezkl_prover.open(sigmoid.graph, sigmoid.parameters, tmp_path)
    record = {"kind": "development", "source": "", "sha256": "0" * 64}
    copy = replace(sigmoid, directory=tmp_path)
    (tmp_path / "srs.json").write_bytes(canonical_json(record))
    with pytest.raises(WrongSrs):
        ezkl_prover.trust([copy])
    strict = EzklProver(Limits(), tmp_path / "none", srs_kind=SrsKind.CEREMONY)
    with pytest.raises(MissingSrs):
        strict.setup(sigmoid)


@pytest.mark.parametrize("limit_bytes", [40_000, 1_000_000])
def test_a_full_disk_during_setup_leaves_no_half_key(
    ezkl_prover: EzklProver, sigmoid: Circuit, tmp_path: Path, limit_bytes: int
) -> None:
    assert isinstance(sigmoid.graph, BlockGraph)
    circuit = ezkl_prover.compile(sigmoid.graph, sigmoid.parameters, tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        with pytest.raises(StorageFailed):
            ezkl_prover.setup(circuit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name for path in tmp_path.iterdir()} == {
        "block.onnx",
        "circuit.ezkl",
        "settings.json",
    }


def test_trust_names_the_srs(ezkl_prover: EzklProver, sigmoid: Circuit, srs_cache: Path) -> None:
    identity, members = ezkl_prover.trust([sigmoid])
    assert identity is not None
    file = srs.find(12, srs_cache)
    assert (identity.kind, identity.digests) == (SrsKind.DEVELOPMENT, {12: file.sha256})
    (member,) = members.values()
    assert identity.verifier_sha256 == sha256_hex(member)
    assert ezkl_prover.is_development({"srs-verifier.bin": member})


def test_verifying_needs_neither_ezkl_nor_a_model_library_in_process() -> None:
    script = (
        "import sys, zkdps\n"
        "before = set(sys.modules)\n"
        "import pathlib, zkdps.provers as p, zkdps.provers.engine as e\n"
        "first = set(sys.modules)\n"
        "p.load_prover('ezkl', e.Limits(), pathlib.Path('/nonexistent'))\n"
        "heavy = {'ezkl', 'onnx', 'onnxruntime', 'torch'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)), 'py_ecc' in first - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["[]", "False"]
