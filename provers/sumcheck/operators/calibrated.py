"""Operators with inner quantities whose widths are calibrated, not derived.

`measure` says how large they get on one input, `choose` turns the largest of all inputs into
widths.  Their names are `operator.what`, beside those of the values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from zkdps.provers.sumcheck.operators.interface import Reals
from zkdps.provers.sumcheck.program import Width, Widths
from zkdps.provers.sumcheck.wires import Wire


@runtime_checkable
class Calibrated(Protocol):
    """An operator that plans its inner widths from measurements."""

    def measure(self, operands: Sequence[Reals]) -> dict[str, float]:
        """Non-negative size of each inner quantity on these operands, in real units.

        Args:
            operands: as for `real`.
        """

    def choose(self, maxima: Mapping[str, float], widths: Widths) -> dict[str, Width]:
        """Widths of the inner quantities; the result's own may be among them, and then it holds.

        Args:
            maxima: largest measurements over all inputs, a margin applied.
            widths: of the values that the operator reads, and of its result as planned.
        """


def width_of(wire: Wire, widths: Widths) -> Width:
    """Scale and range of what a wire reads: values aligned to the finest scale, as `operand` does.

    Zero is in the range where some place of the wire holds no entry, and where it has no part.
    """
    found = [widths(part.value) for part in wire.parts]
    scale_bits = max((width.scale_bits for width in found), default=0)
    spans = [
        (width.low << gain, width.high << gain)
        for width in found
        for gain in (scale_bits - width.scale_bits,)
    ]
    filled = sum(int((part.index >= 0).sum()) for part in wire.parts)
    if filled < wire.size or not spans:
        spans.append((0, 0))
    return Width(scale_bits, min(low for low, _ in spans), max(high for _, high in spans))


def signed(bits: int, scale_bits: int) -> Width:
    """The range of two's complement integers of that many bits."""
    return Width(scale_bits, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def fitting_scale(limit: int, largest: float) -> int:
    """The finest scale_bits at which reals up to `largest` are integers up to `limit`.

    Args:
        limit: at least 1.
        largest: below 2^-40 counts as that.
    """
    return math.floor(math.log2(limit / max(largest, 2.0**-40)))
