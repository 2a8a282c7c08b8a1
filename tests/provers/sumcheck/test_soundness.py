"""Bits of soundness: the review's figures, and that parameters move them the right way."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.provers.sumcheck.systems import NAMES, honest
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.soundness import soundness_of, strength_of
from zkdps.provers.sumcheck.system import PRESETS, Preset


def test_queries_by_hand() -> None:
    """Rate 1/2, C = 8, n = 16: e = 4, so a query misses with chance 11/16."""
    system, _, _ = honest("single", Preset("TEST", 4, 1, 10, 7), 3)
    bits = soundness_of(system).steps["queries"]
    assert bits == pytest.approx(-10 * math.log2(11 / 16) + 7)


def test_lookups_by_hand() -> None:
    """11 look-ups and 10 rows: 20 of |F| challenges are bad."""
    system, _, _ = honest("no_relations", Preset("TEST", 4, 1, 10, 7), 3)
    bits = soundness_of(system).steps["look-ups"]
    assert bits == pytest.approx(4 * math.log2(P) - math.log2(20) + 7)


@pytest.mark.parametrize(
    ("name", "least"), [("S100", 100.0), ("S100_SMALL", 100.0), ("S128", 125.0)]
)
def test_presets_reach_their_name(name: str, least: float) -> None:
    """At the width of a real key, C = 2^14, where codes are longest."""
    for system_name in NAMES:
        system, _, _ = honest(system_name, PRESETS[name], 14)
        found = soundness_of(system)
        assert found.sum >= least
        assert found.round_by_round >= found.sum
        assert min(found.steps.values()) >= found.round_by_round


def test_large_systems_stay_above_100_bits() -> None:
    """Look-ups of 2^20 values and 2^7 rows of 2^14: the size of an encoder layer."""
    system, _, _ = honest("no_relations", PRESETS["S100"], 14)
    label, tensor = system.labels[0], system.tensors[0]
    large = replace(
        system,
        labels=(replace(label, size=1 << 20),),
        tensors=(replace(tensor, shape=(1 << 20,)), *system.tensors[1:]),
    )
    found = soundness_of(large)
    assert 100 < found.sum < soundness_of(system).sum
    assert found.round_by_round > 106


def test_more_queries_more_bits() -> None:
    system, _, _ = honest("matmul")
    more = replace(system, preset=replace(system.preset, queries=system.preset.queries + 1))
    assert soundness_of(more).sum > soundness_of(system).sum


def test_strength_is_the_weakest_round_and_the_sum_of_all() -> None:
    one, two = honest("matmul")[0], honest("single")[0]
    strength = strength_of([one, two])
    single = [soundness_of(one), soundness_of(two)]
    assert strength.bits == min(block.round_by_round for block in single)
    together = sum(2.0**-block.sum for block in single)
    assert strength.sum_bits == pytest.approx(-math.log2(together))
    assert strength.sum_bits < min(block.sum for block in single) <= strength.bits
    assert set(soundness_of(one).steps) <= set(strength.steps)
    assert not strength.is_zero_knowledge
