"""Claims as functionals: what the verifier computes on axes is what dense arithmetic gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.provers.sumcheck.systems import NAMES, form_values, honest
from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.axes import Axes, eq_weights, unit_weights
from zkdps.provers.sumcheck.commit import flatten
from zkdps.provers.sumcheck.contract import boxed_form
from zkdps.provers.sumcheck.eq_tables import eq_tables
from zkdps.provers.sumcheck.field import Element, P
from zkdps.provers.sumcheck.functionals import Claim, add_form, evaluate, places_of
from zkdps.provers.sumcheck.integers import form_integers
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.layout import layout_of
from zkdps.provers.sumcheck.opening_sums import OpeningSums
from zkdps.provers.sumcheck.polynomials import at_integer, coefficients
from zkdps.provers.sumcheck.polynomials import evaluate as evaluate_polynomial

KERNELS = kernels_for(4, compiled=False)


def elements(count: int, seed: int = 0) -> list[Element]:
    random = np.random.default_rng(seed)
    return [tuple(row) for row in random.integers(0, P, (count, 4)).tolist()]


def weighted(integers: np.ndarray, tables: Sequence[Sequence[Element]]) -> Element:
    """sum over all entries of entry * product of weights, one entry at a time."""
    total = field.zero(4)
    for at in np.ndindex(integers.shape):
        weight = field.element(int(integers[at]), 4)
        for place, table in zip(at, tables, strict=True):
            weight = field.mul(weight, table[place])
        total = field.add(total, weight)
    return total


@pytest.mark.parametrize("name", NAMES)
def test_integers_of_forms(name: str) -> None:
    system, values, _ = honest(name)
    for position in range(len(system.forms)):
        fast = form_integers(system, values, position)
        assert np.array_equal(fast, form_values(system, values, position))


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("product_127", "matmul")])
def test_a_form_is_its_functional(name: str) -> None:
    """<L, W> + constants = the form at the weights, and L~ agrees with L entry by entry."""
    system, values, _ = honest(name)
    layout = layout_of(system)
    places = places_of(system, layout)
    axes = Axes(KERNELS, {p: values[p].ravel() for p in system.public})
    weights = {
        position: eq_weights(KERNELS, elements(label.bits, position), 0, label.size)
        for position, label in enumerate(system.labels)
    }
    for position, form in enumerate(system.forms[:4]):
        claim = Claim(field.zero(4))
        add_form(system, axes, claim, field.one(4), position, weights)
        tables = [KERNELS.to_elements(weights[label].vec) for label in form.labels]
        expected = weighted(form_values(system, values, position), tables)
        flat = [flatten(system, c, values) for c in layout.commitments]
        # The prover's sum-check starts from <L, W>: t(0) + t(1) of its first round.
        sums = OpeningSums(KERNELS, layout, places, [claim], [field.one(4)], flat)
        point: list[Element] = []
        value = field.sub(expected, field.neg(claim.value))
        for x in elements(layout.variables, 9):
            t0, t2 = sums.round()
            t1 = field.sub(value, t0)
            slope = field.sub(field.sub(t1, t0), t2)
            value = evaluate_polynomial([t0, slope, t2], x)
            sums.bind(x)
            point.insert(0, x)
        functional = evaluate(KERNELS, layout, places, [claim], [field.one(4)], point)
        whole = np.zeros(1 << layout.variables, np.int64)
        for commitment, part in zip(layout.commitments, flat, strict=True):
            whole[commitment.slot : commitment.slot + len(part)] = part
        extension = KERNELS.dot(KERNELS.lift(whole), KERNELS.eq_table(point))
        assert field.mul(functional, extension) == value


@pytest.mark.parametrize("name", ["heads", "window", "mixed", "picked", "matmul"])
def test_forms_with_some_labels_fixed(name: str) -> None:
    """Contraction of some labels leaves the form over the box of the others, padded by zeros."""
    system, values, _ = honest(name)
    axes = Axes(KERNELS, {p: values[p].ravel() for p in system.public})
    for position, form in enumerate(system.forms):
        integers = form_values(system, values, position)
        for kept in [(), form.labels[:1], form.labels[1:], form.labels]:
            box = tuple(sorted(kept))
            fixed = {
                label: eq_weights(
                    KERNELS,
                    elements(system.labels[label].bits, label),
                    0,
                    system.labels[label].size,
                )
                if label % 2
                else unit_weights(KERNELS, system.labels[label].size)
                for label in form.labels
                if label not in kept
            }
            vec = boxed_form(system, axes, values, position, fixed, box)
            order = [form.labels.index(label) for label in box]
            rest = [axis for axis, label in enumerate(form.labels) if label not in kept]
            moved = integers.transpose(order + rest)
            tables = [KERNELS.to_elements(fixed[form.labels[axis]].vec) for axis in rest]
            shape = tuple(1 << system.labels[label].bits for label in box)
            got = KERNELS.to_elements(vec)
            for number, at in enumerate(np.ndindex(shape)):
                inside = all(i < system.labels[b].size for i, b in zip(at, box, strict=True))
                expected = weighted(moved[at], tables) if inside else field.zero(4)
                assert got[number] == expected


def test_eq_tables_side_by_side() -> None:
    points = [elements(bits, bits) for bits in (0, 1, 2, 5, 8, 3)]
    for point, table in zip(points, eq_tables(KERNELS, points), strict=True):
        assert KERNELS.to_elements(table) == field.eq_table(point, 4)
    assert eq_tables(KERNELS, []) == []


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_polynomials_through_their_values(count: int) -> None:
    values = elements(count)
    polynomial = coefficients(values)
    for x, value in enumerate(values):
        assert at_integer(polynomial, x) == value
        assert evaluate_polynomial(polynomial, field.element(x, 4)) == value
