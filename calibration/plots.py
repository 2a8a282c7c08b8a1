"""The accuracy report as a picture: float against proven, and the error at every boundary.

SVG, byte for byte the same for the same report and matplotlib version.
"""

from __future__ import annotations

import io
from typing import Any

from zkdps.calibration.accuracy import AccuracyReport
from zkdps.core.errors import MissingPackage
from zkdps.core.plan import MODEL

_STYLE = {"svg.hashsalt": "zkdps", "svg.fonttype": "path", "font.family": "DejaVu Sans"}
_ACCENT = "#2a6f97"
_FAINT = "#a9b4bd"
_LABEL_CHARACTERS = 32


def accuracy_svg(report: AccuracyReport) -> bytes:
    """Draw the report: left the outputs as points, right one pair of bars per boundary tensor.

    Raises:
        MissingPackage: no matplotlib.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackage("matplotlib", "drawing the accuracy plot", "operator") from error
    with matplotlib.rc_context(_STYLE):
        rows = len(report.tensors)
        figure = Figure(figsize=(11, max(4.5, 1.5 + 0.4 * rows)), layout="constrained")
        left, right = figure.subplots(1, 2)
        _scatter(left, report)
        _bars(right, report)
        buffer = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": "zkdps"})
    return buffer.getvalue()


def _scatter(axes: Any, report: AccuracyReport) -> None:
    scales = {error.tensor: error.scale_bits for error in report.tensors}
    ends: list[float] = []
    for points in report.points:
        step = float(1 << scales[points.tensor])
        proven = [integer / step for integer in points.integers]
        axes.plot(
            points.reference, proven, ".", markersize=4, alpha=0.6, label=_short(points.tensor)
        )
        ends += [*points.reference, *proven]
    if ends:
        axes.axline((min(ends), min(ends)), slope=1, color=_FAINT, linewidth=1, zorder=0)
    axes.set_xlabel("float model")
    axes.set_ylabel("proven integers / 2**scale_bits")
    axes.set_title(f"{report.samples} held-out samples, scale_bits {report.scale_bits}")
    axes.legend(loc="best", fontsize="small")


def _bars(axes: Any, report: AccuracyReport) -> None:
    places = range(len(report.tensors))
    axes.barh(
        [place - 0.2 for place in places],
        [error.max_abs_steps for error in report.tensors],
        height=0.38,
        color=_ACCENT,
        label="largest",
    )
    axes.barh(
        [place + 0.2 for place in places],
        [error.mean_abs_steps for error in report.tensors],
        height=0.38,
        color=_FAINT,
        label="mean",
    )
    labels = [
        f"{_short(error.tensor)} ({'input' if error.producer == MODEL else error.producer})"
        for error in report.tensors
    ]
    axes.set_yticks(list(places), labels, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("absolute error in steps of 2**-scale_bits")
    axes.set_title("error at each boundary tensor (producing block)")
    axes.legend(loc="best", fontsize="small")


def _short(name: str) -> str:
    # `$` would start mathematics, a leading `_` would hide the entry from the legend.
    plain = name.replace("$", r"\$").lstrip("_") or "_"
    return plain if len(plain) <= _LABEL_CHARACTERS else "…" + plain[1 - _LABEL_CHARACTERS :]
