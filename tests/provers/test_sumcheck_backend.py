"""What the sumcheck back end promises beyond the contract of all back ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provers import blocks
from tests.provers.test_contract import CONTEXT, A, B, build
from zkdps.core.canonical import Json, canonical_json, parse_canonical, sha256_hex
from zkdps.core.errors import CheckFailed, OutOfRange, StalePackage
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.prover import Circuit, Prover
from zkdps.core.statement import Link
from zkdps.provers import load_prover, strength_of
from zkdps.provers.engine import Limits
from zkdps.provers.sumcheck.choices import Choice, choice_of
from zkdps.provers.sumcheck.costs import Counts, columns_log, cost_of
from zkdps.provers.sumcheck.stored import read_graph, read_record, write_circuit
from zkdps.provers.sumcheck.system import PRESETS

GRAPH = blocks.linear(index=5)
CHOICE = Choice(PRESETS["S100"], 8, 6, {"a": 1 << 24})


@pytest.fixture(scope="module")
def solid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prover]:
    made = load_prover("sumcheck", Limits(timeout_s=120), tmp_path_factory.mktemp("none"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def circuit(solid: Prover, tmp_path_factory: pytest.TempPathFactory) -> Circuit:
    return build(solid, GRAPH, Link.MERKLE, tmp_path_factory.mktemp("circuit"))


def test_equal_slices_and_parameters_make_equal_bytes(
    solid: Prover, circuit: Circuit, tmp_path: Path
) -> None:
    again = solid.compile(GRAPH, circuit.parameters, tmp_path)
    solid.setup(again)
    names = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(names) >= 6
    for name in names:
        assert (tmp_path / name).read_bytes() == (circuit.directory / name).read_bytes(), name


def test_the_bounds_lie_beside_the_system_that_names_their_digest(circuit: Circuit) -> None:
    bounds = (circuit.directory / "bounds.json").read_bytes()
    system = parse_canonical((circuit.directory / "system.json").read_bytes(), "system.json")
    assert sha256_hex(bounds) == system["bounds_sha256"]


def test_a_value_beyond_its_range_is_refused_before_proving(
    solid: Prover, circuit: Circuit
) -> None:
    wide = FixedTensor(A.integers * 1000, A.scale_bits)
    with pytest.raises(OutOfRange) as caught:
        solid.execute(circuit, [[wide, B]])
    assert caught.value.block == 5 and caught.value.expected[1] < 1000 * 700


def test_a_commitment_to_values_out_of_range_is_refused(solid: Prover, circuit: Circuit) -> None:
    material = solid.material(circuit, ())
    for far in (1 << 40, 2**31 - 2**24 + 1):
        tensor = FixedTensor(np.full((1, 6), far, dtype=np.int64), 8)
        with pytest.raises(CheckFailed):
            solid.commit(material, Link.MERKLE, GRAPH.inputs[0], tensor)


def test_a_system_that_is_not_its_slices_is_noticed(
    solid: Prover, circuit: Circuit, tmp_path: Path
) -> None:
    made = build(solid, GRAPH, Link.MERKLE, tmp_path)
    (trace,) = solid.execute(made, [[A, B]])
    other = build(solid, blocks.linear(seed=3, index=5), Link.MERKLE, tmp_path / "other")
    text = (other.directory / "system.json").read_bytes()
    (made.directory / "system.json").write_bytes(text.replace(b'"rows":', b'"rows" :', 1))
    with pytest.raises((StalePackage, CheckFailed)):
        solid.prove(made, trace, CONTEXT)


def test_a_program_that_is_not_the_keys_is_noticed(
    solid: Prover, circuit: Circuit, tmp_path: Path
) -> None:
    made = build(solid, GRAPH, Link.MERKLE, tmp_path)
    path = made.directory / "program.json"
    record = json.loads(path.read_bytes())
    record["widths"]["b"][1] -= 1
    path.write_bytes(canonical_json(record))
    # What a worker has laid out goes by the record beside it.
    (made.directory / "circuit.json").touch()
    (trace,) = solid.execute(circuit, [[A, B]])
    with pytest.raises(StalePackage, match="not the one of its program"):
        solid.prove(made, trace, CONTEXT)


def test_other_weights_in_the_program_prove_nothing(
    solid: Prover, circuit: Circuit, tmp_path: Path
) -> None:
    made = build(solid, GRAPH, Link.MERKLE, tmp_path)
    path = made.directory / "integers" / "0.npy"
    weights = np.load(path)
    # Another weight within the range, so that the System stays the key's.
    inner = np.argmin(np.abs(weights))
    weights.reshape(-1)[inner] += 1
    np.save(path, weights)
    (made.directory / "circuit.json").touch()
    (trace,) = solid.execute(made, [[A, B]])
    statement, proof = solid.prove(made, trace, CONTEXT)
    with pytest.raises(CheckFailed, match="do not hold"):
        solid.verify(solid.material(circuit, ()), {}, statement, proof, CONTEXT)


@pytest.mark.slow
@pytest.mark.parametrize("security", ["100-small", "128"])
def test_every_level_of_security_goes_all_the_way(security: str, tmp_path: Path) -> None:
    prover = load_prover("sumcheck", Limits(timeout_s=300), tmp_path, security=security)
    try:
        circuit = build(prover, GRAPH, Link.MERKLE, tmp_path)
        (trace,) = prover.execute(circuit, [[A, B]])
        statement, proof = prover.prove(circuit, trace, CONTEXT)
        material = prover.material(circuit, ())
        prover.verify(material, {}, statement, proof, CONTEXT)
        strength = strength_of("sumcheck", [material])
        assert strength is not None and not strength.is_zero_knowledge
        assert strength.bits >= (125 if security == "128" else 100)
    finally:
        prover.close()


def test_a_circuits_files_hold_all_that_compiling_needs(tmp_path: Path) -> None:
    write_circuit(GRAPH, CHOICE.record(), tmp_path)
    read = read_record(tmp_path)
    assert read_graph(tmp_path, read) == GRAPH and choice_of(read.parameters) == CHOICE


@pytest.mark.parametrize(
    "change",
    [
        {"preset": "S99"},
        {"preset": 7},
        {"scale_bits": 0},
        {"scale_bits": 25},
        {"scale_bits": True},
        {"columns_log": 99},
        {"interior": 3},
        {"interior": {"a": -1}},
        {"interior": {"a": "1"}},
        {"more": 1},
    ],
)
def test_parameters_of_strangers_are_read_strictly(change: dict[str, Json]) -> None:
    with pytest.raises(ValueError):
        choice_of({**CHOICE.record(), **change})
    missing = {name: value for name, value in CHOICE.record().items() if name not in change}
    if len(missing) < len(CHOICE.record()):
        with pytest.raises(ValueError):
            choice_of(missing)


counts = st.builds(
    Counts,
    st.floats(1, 1e8),
    st.floats(1, 1e8),
    st.integers(0, 1 << 27),
)


@given(counts, counts)
def test_more_work_costs_more(one: Counts, other: Counts) -> None:
    preset = PRESETS["S100"]
    both = Counts(
        one.entries + other.entries, one.lookups + other.lookups, one.weights + other.weights
    )
    for part in (one, other):
        assert cost_of(part, preset).prove_s <= cost_of(both, preset).prove_s
        assert cost_of(part, preset).prove_rss_bytes <= cost_of(both, preset).prove_rss_bytes


@given(st.integers(1, 1 << 28))
def test_columns_grow_with_entries(entries: int) -> None:
    small, large = (columns_log(n, PRESETS["S100"]) for n in (entries, 4 * entries))
    assert 0 < small <= large <= small + 1
    assert columns_log(entries, replace(PRESETS["S100"], queries=150)) <= small
