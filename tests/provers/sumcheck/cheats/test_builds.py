"""What the build refuses, so that nobody can cheat there: static bounds, free entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.provers.sumcheck.cheats import blocks
from tests.provers.sumcheck.cheats.attempt import accepted, built_case, proof_of, refused
from tests.provers.sumcheck.cheats.blocks import SCORES, broken, forged, honest
from tests.provers.sumcheck.operators.blocks import Ran, build_it, program_of, run_it
from zkdps.core.errors import LayoutFailed
from zkdps.provers.sumcheck.bounds import BoundsTable
from zkdps.provers.sumcheck.coverage import check_coverage
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.mean import Mean
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.product import Product
from zkdps.provers.sumcheck.operators.softmax import Softmax
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound
from zkdps.provers.sumcheck.wires import whole

BLOCKS: tuple[Callable[[], Ran], ...] = (
    blocks.linear,
    blocks.softmax,
    blocks.attention,
    blocks.narrow_norm,
    blocks.table,
    blocks.gather,
    blocks.mean,
    blocks.maximum,
)
HUGE = Width(0, -(1 << 29), (1 << 29) - 1)
WIDE = Width(0, -(1 << 16), (1 << 16) - 1)


def _linear(size: int) -> Operator:
    weight = np.full((size, 1), 1000.0)
    return Linear("y", whole("x", (1, size)), weight, None, ("tk", "kn", "tn"))


TOO_WIDE: dict[str, tuple[Operator, tuple[int, ...], dict[str, Width]]] = {
    "linear_sum_wraps": (_linear(96), (1, 96), {"x": HUGE, "y": Width(-20, -(1 << 9), 511)}),
    "linear_result_is_not_unique": (
        _linear(1),
        (1, 1),
        {"x": WIDE, "y": Width(-20, HUGE.low, HUGE.high)},
    ),
    "logits_without_rounding": (
        Linear("y", whole("x", (1, 96)), np.full((96, 1), 4095.0), None, ("tk", "kn", "tn")),
        (1, 96),
        {"x": WIDE, "y": HUGE},
    ),
    "product_wraps": (
        Product("y", whole("x", (1, 2)), whole("x", (1, 2))),
        (1, 2),
        {"x": WIDE, "y": Width(-20, -1, 1 << 12)},
    ),
    "mean_wraps": (
        Mean("y", whole("x", (2, 96)), (1,), 1.0),
        (2, 96),
        {"x": HUGE, "y": Width(-8, -(1 << 20), (1 << 20) - 1)},
    ),
    "softmax_sum_is_not_unique": (
        Softmax("y", whole("x", (1, 96))),
        (1, 96),
        {**SCORES, "y.weight": Width(16, 0, 1 << 16), "y": Width(16, 0, 1 << 16)},
    ),
    "norm_root_is_too_wide": (
        Norm("y", (whole("x", (1, 8)),), None, None, 1e-5),
        (1, 8),
        {
            "x": WIDE,
            "y": Width(6, -(1 << 12), (1 << 12) - 1),
            "y.deviation": Width(0, 0, (1 << 17) - 1),
            "y.numerator": Width(0, 0, (1 << 17) - 1),
        },
    ),
}


@pytest.mark.parametrize("name", TOO_WIDE)
def test_bounds_that_do_not_hold_are_no_circuit(name: str) -> None:
    """Rules U and Z: what could wrap or has two decompositions is not built."""
    operation, shape, widths = TOO_WIDE[name]
    with pytest.raises(LayoutFailed):
        build_it(program_of({"x": shape}, operation), {**widths, "out": widths["y"]})


@pytest.mark.parametrize("block", BLOCKS)
def test_bounds_are_recorded_and_hold(block: Callable[[], Ran]) -> None:
    built = block().built
    assert bool(built.bounds.rows) == bool(built.system.relations)
    for row in built.bounds.rows:
        assert row.count << row.shift <= P
        assert row.magnitude + row.decomposed < P
    unnamed = {relation.name for relation in built.system.relations}
    unnamed -= {row.relation for row in built.bounds.rows}
    # About the field: a product is 0 only if a factor is, whatever their size.
    assert all(name.endswith((".reached", ".exists")) for name in unnamed)
    assert built.system.bounds_sha256 == built.bounds.sha256()


def test_the_bounds_are_in_what_is_proved() -> None:
    case = honest(blocks.softmax())
    other = replace(case, system=replace(case.system, bounds_sha256="77" * 32))
    refused(other, proof_of(case))


@pytest.mark.parametrize("block", BLOCKS)
def test_every_entry_is_bounded_by_name(block: Callable[[], Ran]) -> None:
    """Only helpers and multiplicities are free; whoever frees another column is told."""
    system = block().built.system
    free = {t.name for t in system.tensors if t.bound in (Bound.HELPER, Bound.MULTIPLICITY)}
    assert all(name.startswith("count.") or "which" in name for name in free)
    for position, tensor in enumerate(system.tensors):
        if tensor.bound in (Bound.LOOKUP, Bound.PAIR):
            narrowed = list(system.tensors)
            # No range is claimed that is smaller than what is enforced.
            narrowed[position] = replace(tensor, high=tensor.low)
            with pytest.raises(LayoutFailed):
                check_coverage(replace(system, tensors=tuple(narrowed)), 0)


@pytest.mark.parametrize("block", BLOCKS)
def test_no_entry_is_free_to_change(block: Callable[[], Ran]) -> None:
    """Perturb each committed entry: some relation or look-up notices."""
    case = honest(block())
    rng = np.random.default_rng(1)
    for position, tensor in enumerate(case.system.tensors):
        if tensor.bound in (Bound.MULTIPLICITY, Bound.WEIGHT):
            # Counts are forged elsewhere; rows of weights that no id picks are idle.
            continue
        for place in rng.permutation(tensor.size)[:3]:
            for change in (1, -(1 << 20)):
                values = case.values[position].copy()
                values.reshape(-1)[place] += change
                changed = replace(case, values={**case.values, position: values})
                assert broken(changed), (tensor.name, place)


@pytest.mark.parametrize("rows", [1, 3, 96, 127])
def test_any_number_of_rows(rows: int) -> None:
    """Constants stand for real entries only, whatever the padding of a size is."""
    width = Width(4, -100, 100)
    result = Width(10, 0, 1 << 10)
    widths: dict[str, Any] = {**SCORES, "x": width, "y": result, "out": result}
    program = program_of({"x": (rows, 3)}, Softmax("y", whole("x", (rows, 3))))
    ran = run_it(program, widths)
    case = built_case(ran.built, ran.values)
    accepted(case, proof_of(case))
    last = (rows - 1, 2)

    def lie(known: Any) -> Any:
        lied = known["y"].copy()
        lied[last] ^= 1
        return lied

    false = forged(ran, {"y": lie})
    assert broken(false) == ["relation y"]
    refused(false, proof_of(false), by="claims")


@pytest.mark.parametrize("field", ["count", "shift", "magnitude", "decomposed"])
def test_either_rule_alone_refuses(field: str) -> None:
    """The largest numbers that pass, and one more."""
    largest = {"count": P >> 4, "shift": 4, "magnitude": P // 2, "decomposed": P // 2}
    BoundsTable(0).prove("r", **largest)
    with pytest.raises(LayoutFailed):
        BoundsTable(0).prove("r", **{**largest, field: largest[field] + 1})


def test_worst_inputs_stay_within_the_recorded_bound() -> None:
    """x at the ends of its range, with the signs of a row of weights."""
    ran = blocks.linear()
    (row,) = [row for row in ran.built.bounds.rows if row.relation == "y"]
    weight, bias = ran.built.weights["y.weight"], ran.built.weights["y.bias"]
    for n in range(2):
        for sign in (1, -1):
            worst = np.where(sign * weight[:, n] > 0, 100, -100)
            assert abs(int(worst @ weight[:, n] + bias[n])) <= row.magnitude
