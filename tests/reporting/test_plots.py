"""Plots of any numbers: everything inside the frame, nothing that is no number."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from tests.reporting import samples
from zkdps.calibration.accuracy import Points
from zkdps.core.fixed_point import MAX_ABS_INTEGER
from zkdps.pages import plots

reals = st.floats(-1.7e308, 1.7e308, allow_nan=False)
integers = st.integers(-MAX_ABS_INTEGER, MAX_ABS_INTEGER)
pairs = st.lists(st.tuples(reals, integers), min_size=1, max_size=30)


@given(pairs)
@example([(5e-324, 0)])
@example([(-1.7e308, 0), (1.7e308, 0)])
@example([(1e300, 0)])
@example([(0.0, 0)])
def test_every_point_and_tick_is_inside(found: list[tuple[float, int]]) -> None:
    values = Points("y", tuple(real for real, _ in found), tuple(each for _, each in found))
    (scatter,) = plots.scatters(replace(samples.accuracy(), points=(values,)))
    places = [float(each) for point in scatter.points for each in point]
    places += [float(tick.offset) for tick in scatter.ticks]
    assert all(-0.1 <= place <= plots.SIDE + 0.1 for place in places), places
    assert len(scatter.ticks) <= 8 and len(scatter.points) == len(found)


def test_ticks_are_round() -> None:
    (scatter,) = plots.scatters(samples.accuracy())
    assert [tick.text for tick in scatter.ticks] == ["-2", "-1", "0", "1", "2"]


def test_bars_are_in_proportion_and_bounded() -> None:
    report = samples.accuracy()
    drawn = plots.bars(report)
    widths = [bar.largest_width for bar in drawn.bars]
    assert widths == ["73.3", "73.3", "146.7", "146.7", "220.0"], "1, 1, 2, 2 and 3 steps"
    many = plots.bars(replace(report, tensors=report.tensors * 20))
    assert len(many.bars) == plots.MAX_BARS
    assert many.left_out == 20 * len(report.tensors) - plots.MAX_BARS
    none = replace(report.tensors[0], max_abs=0.0, mean_abs=0.0)
    flat = plots.bars(replace(report, tensors=(none,)))
    assert (flat.bars[0].largest_width, flat.bars[0].mean_width) == ("0.0", "0.0")
