"""Proofs of honest values verify; nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.provers.sumcheck.proofs import Proved, prove_values, proved
from tests.provers.sumcheck.systems import NAMES, PRESET_5, honest, unsatisfied
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.system import Bound, Holder, System

SAMPLED_BYTES = 60


def rejected(case: Proved) -> None:
    with pytest.raises(CheckFailed) as caught:
        case.verify()
    assert caught.value.check == 5


@pytest.mark.parametrize("name", NAMES)
def test_honest_accepted(name: str) -> None:
    proved(name).verify()


@pytest.mark.parametrize("name", NAMES)
def test_honest_accepted_in_degree_5(name: str) -> None:
    proved(name, PRESET_5, 4).verify()


@pytest.mark.parametrize("name", ["heads", "picked", "product_3", "squares"])
def test_changed_byte_rejected(name: str) -> None:
    case = proved(name)
    random = np.random.default_rng(7)
    ends = [0, 1, len(case.proof) - 1]
    for position in [*ends, *random.integers(0, len(case.proof), SAMPLED_BYTES).tolist()]:
        changed = bytearray(case.proof)
        changed[position] ^= 1 << int(random.integers(8))
        with pytest.raises(CheckFailed):
            replace(case, proof=bytes(changed)).verify()


@pytest.mark.parametrize("name", NAMES)
def test_cut_off_or_extended_rejected(name: str) -> None:
    case = proved(name)
    rejected(replace(case, proof=case.proof[:-1]))
    rejected(replace(case, proof=case.proof[: len(case.proof) // 2]))
    rejected(replace(case, proof=case.proof + b"\0"))
    rejected(replace(case, proof=b""))


@pytest.mark.parametrize("name", NAMES)
def test_other_statement_rejected(name: str) -> None:
    case = proved(name)
    rejected(replace(case, context=case.context + b"1"))
    rejected(replace(case, output_roots=case.output_roots[:-1]))
    other = bytes(32)
    rejected(replace(case, output_roots=(other, *case.output_roots[1:])))
    if case.input_roots:
        rejected(replace(case, input_roots=(other, *case.input_roots[1:])))
        rejected(replace(case, input_roots=case.output_roots, output_roots=case.input_roots))
    if len(case.output_roots) > 1:
        rejected(replace(case, output_roots=case.output_roots[::-1]))
    if case.system.weights_root:
        rejected(replace(case, system=replace(case.system, weights_root=other.hex())))


def _change_coefficient(system: System) -> System:
    relation = system.relations[0]
    term = replace(relation.terms[0], coefficient=relation.terms[0].coefficient + 1)
    changed = replace(relation, terms=(term, *relation.terms[1:]))
    return replace(system, relations=(changed, *system.relations[1:]))


def _change_constant(system: System) -> System:
    form = replace(system.forms[0], constant=system.forms[0].constant + 1)
    return replace(system, forms=(form, *system.forms[1:]))


def _change_name(system: System) -> System:
    return replace(system, tensors=(replace(system.tensors[0], high=99), *system.tensors[1:]))


@pytest.mark.parametrize("change", [_change_coefficient, _change_constant, _change_name])
@pytest.mark.parametrize("name", ["matmul", "heads", "maximum"])
def test_other_system_rejected(name: str, change: Callable[[System], System]) -> None:
    case = proved(name)
    rejected(replace(case, system=change(case.system)))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "single"])
def test_wrong_witness_rejected(name: str) -> None:
    """Any tensor off by one somewhere: its relation or its look-up no longer holds."""
    system, values, context = honest(name)
    random = np.random.default_rng(3)
    for position, tensor in enumerate(system.tensors):
        changed = dict(values)
        wrong = values[position].copy()
        at = int(random.integers(tensor.size))
        wrong.reshape(-1)[at] += 1
        changed[position] = wrong
        if tensor.bound is not Bound.MULTIPLICITY and not unsatisfied(system, changed):
            continue
        rejected(prove_values(system, changed, context))


def test_swapped_counts_rejected() -> None:
    """Counts of look-ups that add up, and belong to other rows."""
    system, values, context = honest("no_relations")
    table = system.tables[0]
    counts = values[table.multiplicity]
    most, least = counts.argmax(), counts.argmin()
    assert counts[most] != counts[least]
    counts[[most, least]] = counts[[least, most]]
    rejected(prove_values(system, values, context))


def test_public_value_out_of_range_rejected() -> None:
    system, values, context = honest("public_output")
    position = system.public[0]
    tensor = system.tensors[position]
    narrow = replace(tensor, high=tensor.high - 1)
    tensors = tuple(narrow if t is tensor else t for t in system.tensors)
    rejected(prove_values(replace(system, tensors=tensors), values, context))


def test_roots_link_blocks() -> None:
    """The same integers of the same shape have the same root, in whatever System they are."""
    one, two = proved("product_3"), proved("product_3", columns_log=3)
    assert one.output_roots == two.output_roots
    assert len(set(one.input_roots + one.output_roots)) == 3


def test_weights_are_needed() -> None:
    system, _, _ = honest("matmul")
    assert any(tensor.holder is Holder.WEIGHTS for tensor in system.tensors)
    rejected(replace(proved("matmul"), system=system))
