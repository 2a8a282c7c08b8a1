"""Scale and range of every value of a block, from how large calibration saw it become.

Scales are powers of two.  A value gets as many bits as its most demanding consumer affords: what is
multiplied with another activation few, what is only added or normalised many, and more where one
massive entry would hide the others.  Then the scale is the finest at which what calibration saw,
margin included, fits.  Boundaries have the chain's scale, and the range that their largest value
needs, on both sides alike.

The choice is a function of its arguments alone, so an auditor makes it again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zkdps.core.canonical import Json
from zkdps.core.errors import LayoutFailed
from zkdps.provers.sumcheck.operators.calibrated import Calibrated, fitting_scale, signed
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.operators.interface import Role
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.program import InputSpec, Kind, Program, Width

OPERAND_BITS = {
    Role.LINEAR: 14,
    Role.PRODUCT: 12,
    Role.PROBABILITY: 12,
    Role.TABLE: 13,
    Role.NORM: 16,
    Role.RESIDUAL: 16,
}
"""Bits of what an operator of that role reads.  `Role.EXACT` asks for what its result gets."""
MAX_BITS = 16
MAX_STREAM_BITS = 20
"""The same where ordinary entries would be too coarse beside the largest."""
TOLERATED_STEP = 1 / 64
"""Of a norm's operand, in standard deviations of an ordinary row."""
MAX_BOUNDARY_BITS = 20
"""A wider boundary is refused: its chain's scale is too fine."""
MAX_SCALE_BITS = 24
"""Of a value that is nearly 0 throughout calibration."""


@dataclass(frozen=True, slots=True, eq=False)
class WidthTable:
    """The widths of a block's values and of its operators' inner quantities."""

    block: int
    widths: Mapping[str, Width]

    def __call__(self, name: str) -> Width:
        """The width of a value.

        Raises:
            LayoutFailed: it has none.
        """
        if name not in self.widths:
            raise LayoutFailed(self.block, f"no width was chosen for {name!r}")
        return self.widths[name]

    def record(self) -> dict[str, Json]:
        """As JSON: name to scale_bits, low, high."""
        return {
            name: [width.scale_bits, width.low, width.high]
            for name, width in sorted(self.widths.items())
        }


def choose(
    program: Program, maxima: Mapping[str, float], scale_bits: int, block: int
) -> WidthTable:
    """Choose the widths of a block.

    Args:
        program: its operators, and their own choices.
        maxima: largest magnitude of every input, result and output, and of what operators measure,
            by name, margin included.
        scale_bits: of the chain's boundaries.
        block: index, for errors.

    Raises:
        LayoutFailed: calibration did not see a value, or a boundary is too wide.
    """
    chosen: dict[str, Width] = {}
    table = WidthTable(block, chosen)
    seen = _Seen(block, maxima)
    for spec in program.inputs:
        chosen[spec.name] = _input_width(program, spec, seen, scale_bits)
    for name, _ in program.outputs:
        if name not in chosen:
            chosen[name] = _boundary_width(name, seen, scale_bits)
    bits, steps = _bits(program), _steps(program, seen)
    for operation in program.operations:
        name = operation.name
        afforded = bits.get(name)
        if afforded is None:
            chosen[name] = _boundary_width(name, seen, scale_bits)
        else:
            if afforded == MAX_BITS and name in steps:
                needed = math.ceil(math.log2(max(seen(name) / steps[name], 1.0))) + 1
                afforded = min(max(needed, MAX_BITS), MAX_STREAM_BITS)
            chosen[name] = _inner_width(seen(name), afforded)
        if isinstance(operation, Calibrated):
            chosen.update(operation.choose(_Maxima(seen), table))
    return table


def _bits(program: Program) -> dict[str, int]:
    """Bits that the consumers of every value afford; none for what only outputs read."""
    bits: dict[str, int] = {}
    for operation in reversed(program.operations):
        if operation.role is Role.EXACT:
            afforded = bits.get(operation.name, MAX_BITS)
        else:
            afforded = OPERAND_BITS[operation.role]
        for wire in operation.reads:
            for part in wire.parts:
                bits[part.value] = min(afforded, bits.get(part.value, MAX_BITS))
    return bits


def _inner_width(largest: float, bits: int) -> Width:
    """The finest width of that many bits; of fewer where nothing is left to be finer for."""
    scale_bits = fitting_scale((1 << (bits - 1)) - 1, largest)
    if scale_bits <= MAX_SCALE_BITS:
        return signed(bits, scale_bits)
    needed = math.ceil(largest * 2.0**MAX_SCALE_BITS).bit_length() + 2
    return signed(min(bits, needed), MAX_SCALE_BITS)


def _steps(program: Program, seen: _Seen) -> dict[str, float]:
    """How coarse a value may be for the norms that read it, or sums of it: a real step.

    A single massive entry would make everything around it coarse otherwise.
    """
    steps: dict[str, float] = {}
    for operation in reversed(program.operations):
        step = steps.get(operation.name) if operation.role is Role.RESIDUAL else None
        if isinstance(operation, Norm):
            ordinary = 1.0 / max(seen(f"{operation.name}.quiet"), 2.0**-20)
            step = TOLERATED_STEP * ordinary / math.sqrt(operation.shape[-1])
        if step is None:
            continue
        for wire in operation.reads:
            for part in wire.parts:
                steps[part.value] = min(step, steps.get(part.value, math.inf))
    return steps


@dataclass(frozen=True, slots=True)
class _Seen:
    """What calibration saw."""

    block: int
    maxima: Mapping[str, float]

    def __call__(self, name: str) -> float:
        largest = self.maxima.get(name)
        if largest is None or not math.isfinite(largest):
            raise LayoutFailed(self.block, f"calibration has no magnitude of {name!r}")
        return largest


class _Maxima(dict[str, float]):
    """A mapping for operators whose missing names raise what `_Seen` raises."""

    def __init__(self, seen: _Seen) -> None:
        super().__init__(seen.maxima)
        self._seen = seen

    def __missing__(self, name: str) -> float:
        return self._seen(name)


def _input_width(program: Program, spec: InputSpec, seen: _Seen, scale_bits: int) -> Width:
    if spec.kind is Kind.BOOLEAN:
        return Width(0, 0, 1)
    if spec.kind is Kind.REAL:
        return _boundary_width(spec.name, seen, scale_bits)
    rows = [
        operation.table.shape[0]
        for operation in program.operations
        if isinstance(operation, Gather)
        and any(part.value == spec.name for part in operation.ids.parts)
    ]
    if rows:
        return Width(0, 0, min(rows) - 1)
    return _boundary_width(spec.name, seen, 0)


def _boundary_width(name: str, seen: _Seen, scale_bits: int) -> Width:
    largest = math.ceil(seen(name) * 2.0**scale_bits)
    bits = largest.bit_length() + 1
    if bits > MAX_BOUNDARY_BITS:
        reason = (
            f"{name!r} reaches {seen(name):g}, which takes {bits} bits at scale_bits {scale_bits}, "
            f"and a boundary has at most {MAX_BOUNDARY_BITS}"
        )
        raise LayoutFailed(seen.block, reason)
    return signed(bits, scale_bits)
