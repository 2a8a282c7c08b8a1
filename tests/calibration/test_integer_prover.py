"""The twin is a back end of its own: what it proves verifies, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.calibration.integer_prover import IntegerProver
from tests.calibration.small_models import random_samples, residual_chain
from zkdps.calibration.execution import quantise_samples
from zkdps.calibration.ranges import compile_blocks, graphs_at_scale
from zkdps.core.errors import CheckFailed
from zkdps.core.prover import Prover
from zkdps.core.statement import Commitment, Link


def test_proofs_of_the_twin(tmp_path: Path) -> None:
    plan, graphs, _ = residual_chain()
    scaled, prover = plan.at_scale(8), IntegerProver()
    protocol: Prover = prover
    placed = graphs_at_scale(graphs, scaled)
    chosen = protocol.choose(placed, scale_bits=8, link=Link.PUBLIC, ranges=None)
    circuit = compile_blocks(protocol, placed, chosen, tmp_path)[0]
    tensor = quantise_samples(scaled, random_samples(1))["x"][0]
    statement, proof = protocol.prove(circuit, protocol.execute(circuit, [(tensor,)])[0])
    material = protocol.material(circuit, circuit.graph.inputs)
    protocol.verify(material, {}, statement, proof)
    assert statement.inputs[0] == protocol.commit(material, Link.PUBLIC, scaled.specs["x"], tensor)
    value = bytearray(statement.outputs[0].value)
    value[0] ^= 1
    lying = replace(statement, outputs=(Commitment(Link.PUBLIC, bytes(value)),))
    with pytest.raises(CheckFailed) as caught:
        protocol.verify(material, {}, lying, proof)
    assert caught.value.check == 5
