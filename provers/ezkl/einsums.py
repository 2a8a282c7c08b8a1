"""How many cells ezkl's einsum columns must hold: a port of its reduction planner.

A contraction of two tensors that both keep axes is checked by Freivalds' argument in columns of
their own.  ezkl sizes them by the sum of the lengths of all reductions of *every* equation of the
circuit, also of those that it lays out elsewhere.

Source: ezkl `circuit/ops/chip/einsum/{analysis,reduction_planner}.rs` (23.0.5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reduction:
    """One step of the planner: tensors that share an axis lose it, or are multiplied along it."""

    operands: int
    length: int
    """Length of each dot product."""
    output: str
    """Axes that remain."""


def capacity_cells(equations: Sequence[Sequence[Any]]) -> int:
    """Cells of each einsum column group, for `einsum_params.equations` of a settings file."""
    return sum(_equation_cells(equation, dims) for equation, dims in equations)


def output_axes(equations: Sequence[Sequence[Any]]) -> int:
    """The most axes that any equation keeps: ezkl makes one gate of each kind for each."""
    kept = [_without_trivial(equation, dims)[1] for equation, dims in equations]
    return max((len(output) for output in kept), default=0)


def _equation_cells(equation: str, dims: Mapping[str, int]) -> int:
    inputs, output = _without_trivial(equation, dims)
    cells = 0
    for reduction in _reductions(inputs, output, dims):
        products = math.prod(dims[axis] for axis in reduction.output)
        width = reduction.operands if reduction.operands > 2 else 1
        cells += products * reduction.length * width
    # The output is folded axis by axis, from the last.
    sizes = [dims[axis] for axis in output]
    return cells + sum(math.prod(sizes[: count + 1]) for count in range(len(sizes)))


def _without_trivial(equation: str, dims: Mapping[str, int]) -> tuple[list[str], str]:
    left, _, right = equation.partition("->")
    inputs = ["".join(a for a in term if dims[a] > 1) for term in left.split(",")]
    return inputs, "".join(axis for axis in right if dims.get(axis, 1) > 1)


def _reductions(inputs: Sequence[str], output: str, dims: Mapping[str, int]) -> list[Reduction]:
    terms = list(inputs)
    steps: list[Reduction] = []
    for axis in output:
        while any(axis in term for term in terms):
            terms, step = _reduce(terms, axis, axis in output, dims)
            steps.append(step)
    for axis in sorted({axis for term in terms for axis in term}):
        terms, step = _reduce(terms, axis, False, dims)
        steps.append(step)
    return steps


def _reduce(
    terms: Sequence[str], axis: str, kept: bool, dims: Mapping[str, int]
) -> tuple[list[str], Reduction]:
    joined = [term for term in terms if axis in term]
    axes = {other for term in joined for other in term}
    pairwise = kept and len(joined) > 1
    output = "".join(sorted(axes if pairwise else axes - {axis}))
    # A term equal to one that was joined goes with it, as in the original.
    rest = [term for term in terms if term not in joined]
    return [*rest, output], Reduction(len(joined), 1 if pairwise else dims[axis], output)
