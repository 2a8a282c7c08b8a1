"""The accuracy report as two pictures: where each point and bar stands; a template draws them.

Drawn here and not by matplotlib, so that an auditor needs none, the page's colours hold in the
dark and in print, and nothing is inlined that came as markup from a file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkdps.pages.wording import producer_words, real_words, short

if TYPE_CHECKING:
    from zkdps.calibration.accuracy import AccuracyReport, Points, TensorError

SIDE = 300
"""Of a scatter plot's square."""
LEFT, TOP, RIGHT, BELOW = 56, 10, 12, 44
BAR_WIDTH = 220
BAR_WORDS = 150
"""Room for the words after the longest bar."""
BAR_ROW = 44
MAX_SCATTERS = 4
MAX_BARS = 40
_NAME_CHARACTERS = 34
_NARROWEST = 1e-300
_TICKS = 5
"""At most so many steps along an axis."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on both axes, from the lower left corner."""

    offset: str
    text: str


@dataclass(frozen=True, slots=True)
class Scatter:
    """Float model (across) against proven integers (up), with the line where they are equal."""

    tensor: str
    ticks: tuple[Tick, ...]
    points: tuple[tuple[str, str], ...]
    """Offsets from the lower left corner."""
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Largest and mean error of one tensor."""

    top: int
    label: str
    full_name: str
    largest_width: str
    mean_width: str
    words: str


@dataclass(frozen=True, slots=True)
class Bars:
    """The error at every boundary tensor."""

    height: int
    bars: tuple[Bar, ...]
    left_out: int
    """Tensors beyond `MAX_BARS`; the table has them."""


def scatters(report: AccuracyReport) -> tuple[Scatter, ...]:
    """One plot for each of the first outputs."""
    scales = {error.tensor: error.scale_bits for error in report.tensors}
    found = [
        _scatter(points, scales[points.tensor])
        for points in report.points[:MAX_SCATTERS]
        if points.tensor in scales and points.reference
    ]
    return tuple(found)


def bars(report: AccuracyReport) -> Bars:
    """A pair of bars for each boundary tensor, in steps of `2**-scale_bits`."""
    shown = report.tensors[:MAX_BARS]
    most = max((error.max_abs_steps for error in shown), default=0) or 1
    return Bars(
        BAR_ROW * len(shown),
        tuple(_bar(row, error, most) for row, error in enumerate(shown)),
        len(report.tensors) - len(shown),
    )


def _scatter(points: Points, scale_bits: int) -> Scatter:
    proven = [math.ldexp(integer, -scale_bits) for integer in points.integers]
    both = [*points.reference, *proven]
    low, high = min(both), max(both)
    if high / 2 - low / 2 < _NARROWEST:
        # All the same, or nearly: a point in the middle, however large it is.
        room = max(1.0, abs(low) / 2)
        low, high = low - room, high + room

    def place(value: float) -> str:
        # Halves, so that the widest range of float64 does not overflow.
        span = high / 2 - low / 2
        return f"{SIDE * ((value / 2 - low / 2) / span):.1f}"

    return Scatter(
        points.tensor,
        tuple(Tick(place(value), f"{value:.4g}") for value in _ticks(low, high)),
        tuple(
            (place(real), place(integer))
            for real, integer in zip(points.reference, proven, strict=True)
        ),
        f"{low:.4g}",
        f"{high:.4g}",
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round values in `low..high`: multiples of 1, 2 or 5 times a power of ten."""
    rough = high / _TICKS - low / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [count * step for count in range(first, last + 1)]


def _bar(row: int, error: TensorError, most: int) -> Bar:
    mean = min(1.0, error.mean_abs_steps / most)
    return Bar(
        top=BAR_ROW * row,
        label=f"{short(error.tensor, _NAME_CHARACTERS)} ({producer_words(error.producer)})",
        full_name=error.tensor,
        largest_width=f"{BAR_WIDTH * (error.max_abs_steps / most):.1f}",
        mean_width=f"{BAR_WIDTH * mean:.1f}",
        words=f"{error.max_abs_steps}, mean {real_words(error.mean_abs_steps)}",
    )
