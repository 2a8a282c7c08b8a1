"""Addresses, forms at weights, and claims at a point: all against brute force."""

from __future__ import annotations

import itertools
import math
from random import Random

import pytest

from tests.verifier_contracts.sumcheck.samples import NAMES, sample
from tests.verifier_contracts.sumcheck.schoolbook import random_elements
from zkdps.verifier_contracts.reference.sumcheck.field import Field, P, root_of_unity
from zkdps.verifier_contracts.reference.sumcheck.functionals import Claim, Forms, Functional
from zkdps.verifier_contracts.reference.sumcheck.layout import Layout, cut, lay_out, layout_of
from zkdps.verifier_contracts.reference.sumcheck.opening import _encode
from zkdps.verifier_contracts.reference.sumcheck.polynomials import eq_table
from zkdps.verifier_contracts.reference.sumcheck.system import Affine, System, View

Values = dict[int, list[int]]
"""Tensor to its integers, row-major."""


def _layout(system: System) -> Layout:
    roots = {i: bytes(32) for i in (*system.inputs, *system.outputs)}
    return layout_of(system, roots, bytes(32))


def _addresses(system: System, layout: Layout) -> dict[int, dict[tuple[int, ...], int]]:
    """Tensor, then index, to global address."""
    found: dict[int, dict[tuple[int, ...], int]] = {}
    for tensor, pieces in layout.pieces.items():
        places = found.setdefault(tensor, {})
        for piece in pieces:
            for at, index in enumerate(itertools.product(*piece.ranges)):
                assert index not in places
                places[index] = piece.offset + at
    return found


def test_a_known_layout() -> None:
    """(3, 5) is (2+1) x (4+1): pieces of 8, 4, 2 and 1; a (2,) fits between, after the older 2."""
    pieces = lay_out([(3, 5), (2,)])
    assert [(p.source, p.ranges, p.offset) for p in pieces] == [
        (0, (range(0, 2), range(0, 4)), 0),
        (0, (range(2, 3), range(0, 4)), 8),
        (0, (range(0, 2), range(4, 5)), 12),
        (1, (range(0, 2),), 14),
        (0, (range(2, 3), range(4, 5)), 16),
    ]
    assert [len(part) for part in cut(384)] == [256, 128]


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_one_address_in_its_slot(name: str) -> None:
    system = sample(name)
    layout = _layout(system)
    addresses = _addresses(system, layout)
    columns = 1 << system.columns_log
    sizes, end = [], 0
    for commitment in layout.commitments:
        own = [addresses[tensor] for tensor in commitment.tensors]
        span = sorted(address for places in own for address in places.values())
        assert span == list(range(commitment.offset, commitment.offset + commitment.entries))
        assert commitment.entries <= commitment.rows(columns) * columns
        sizes.append(max(columns, 1 << (commitment.entries - 1).bit_length()))
        assert commitment.offset == end and end % sizes[-1] == 0
        end += sizes[-1]
    assert sizes == sorted(sizes, reverse=True)
    assert 1 << layout.bits >= end > 1 << layout.bits >> 1
    for pieces in layout.pieces.values():
        assert all(piece.offset % piece.size == 0 for piece in pieces)


def _view_at(system: System, view: View, values: Values, chosen: dict[int, int]) -> int:
    shape, index = system.tensors[view.tensor].shape, []
    for axis in view.index:
        if isinstance(axis, Affine):
            index.append(axis.offset + sum(stride * chosen[label] for label, stride in axis.terms))
        else:
            index.append(values[axis.tensor][chosen[axis.label]])
    if not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
        return 0
    flat = 0
    for i, n in zip(index, shape, strict=True):
        flat = flat * n + i
    return values[view.tensor][flat]


def _form_at(
    field: Field, system: System, form: int, values: Values, weights: dict[int, list[int]]
) -> int:
    """sum over the box of prod weights * (constant + sum coefficient * view)."""
    record, total = system.forms[form], 0
    boxes = (range(system.labels[label].size) for label in record.labels)
    for at in itertools.product(*boxes):
        chosen = dict(zip(record.labels, at, strict=True))
        integer = record.constant + sum(
            coefficient * _view_at(system, view, values, chosen)
            for coefficient, view in record.views
        )
        weight = field.product(weights[label][i] for label, i in chosen.items())
        total += field.reduce(integer % P * weight)
    return field.reduce(total)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("degree", [4, 5])
def test_claims_on_forms(name: str, degree: int) -> None:
    """A claim on a form holds of random integers, and its functional has the right extension."""
    system, field, random = sample(name), Field(degree), Random(name)
    values = {
        i: [random.randrange(tensor.low, tensor.high + 1) for _ in range(tensor.size)]
        for i, tensor in enumerate(system.tensors)
    }
    forms = Forms(field, system, {i: tuple(values[i]) for i in system.public})
    layout = _layout(system)
    addresses = _addresses(system, layout)
    point = tuple(random_elements(field, random, layout.bits))
    table, functional = eq_table(field, point), Functional(field, layout, point)
    for form in range(len(system.forms)):
        if math.prod(system.labels[label].size for label in system.forms[form].labels) > 64:
            continue
        weights = {
            label: random_elements(field, random, record.size)
            for label, record in enumerate(system.labels)
        }
        claim, (scale,) = Claim(_form_at(field, system, form, values, weights)), (5,)
        claim.value = field.reduce(scale * claim.value)
        forms.add(claim, form, weights, scale)
        dense = [0] * (1 << layout.bits)
        for outer in claim.outers:
            for index, address in addresses[outer.tensor].items():
                entries = (axis[i] for axis, i in zip(outer.axes, index, strict=True))
                dense[address] += field.product([outer.coefficient, *entries])
        committed = [0] * len(dense)
        for tensor, places in addresses.items():
            for integer, address in zip(values[tensor], sorted_row_major(places), strict=True):
                committed[address] = integer
        dense = [field.reduce(entry) for entry in dense]
        assert field.dot(dense, committed) == claim.value
        assert functional.at(claim) == field.dot(dense, table)


def sorted_row_major(places: dict[tuple[int, ...], int]) -> list[int]:
    return [places[index] for index in sorted(places)]


@pytest.mark.parametrize("columns_log", [0, 1, 3, 4, 5, 7])
@pytest.mark.parametrize("rate_bits", [1, 2])
def test_encoding_at_some_positions(columns_log: int, rate_bits: int) -> None:
    field = Field(4)
    u = random_elements(field, Random(columns_log), 1 << columns_log)
    length = len(u) << rate_bits
    omega = root_of_unity(length.bit_length() - 1)
    expected = [field.dot(u, [pow(omega, i * j, P) for j in range(len(u))]) for i in range(length)]
    assert _encode(field, u, length, range(length)) == expected
