"""Operator programs in float64: what calibration measures ranges on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zkdps.provers.sumcheck.operators.calibrated import Calibrated
from zkdps.provers.sumcheck.program import Program
from zkdps.provers.sumcheck.wires import Wire

Reals = NDArray[np.float64]


def evaluate(program: Program, inputs: Mapping[str, Reals]) -> dict[str, Reals]:
    """Every value of a program: inputs, results, and outputs by boundary tensor."""
    values = {name: np.asarray(held, dtype=np.float64) for name, held in inputs.items()}
    for operation in program.operations:
        operands = [read(wire, values) for wire in operation.reads]
        values[operation.name] = operation.real(operands).reshape(operation.shape)
    values.update({name: read(wire, values) for name, wire in program.outputs})
    return values


def magnitudes(program: Program, inputs: Mapping[str, Reals]) -> dict[str, float]:
    """Largest absolute value of every value of a program, by name."""
    return _sizes(evaluate(program, inputs))


def measured(
    program: Program, inputs: Mapping[str, Reals]
) -> tuple[dict[str, Reals], dict[str, float]]:
    """Every value, and what `widths.choose` needs: their sizes and operators' inner ones."""
    values = evaluate(program, inputs)
    sizes = _sizes(values)
    for operation in program.operations:
        if isinstance(operation, Calibrated):
            sizes.update(operation.measure([read(wire, values) for wire in operation.reads]))
    return values, sizes


def _sizes(values: Mapping[str, Reals]) -> dict[str, float]:
    return {name: float(np.abs(held).max(initial=0.0)) for name, held in values.items()}


def read(wire: Wire, values: Mapping[str, Reals]) -> Reals:
    """What a wire reads, float64, of its shape."""
    return np.asarray(wire.read(values), dtype=np.float64)
