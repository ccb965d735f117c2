"""One look for all plots: colours that the colour-blind can tell apart, markers that differ without colour."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from jetcal.evaluation.estimate import Estimate
from jetcal.evaluation.response import BASELINE, CALIBRATED, NETWORK, RAW, STANDARD

NAMES = {
    RAW: "before correction",
    STANDARD: "standard correction",
    NETWORK: "network",
    CALIBRATED: "network + residual",
    BASELINE: "served revision",
}
"""Names of corrections as people read them."""

_LOOKS: dict[str, dict[str, Any]] = {
    RAW: {"color": "#717581", "marker": "D", "markerfacecolor": "white"},
    STANDARD: {"color": "#d9760a", "marker": "s", "markerfacecolor": "white"},
    NETWORK: {"color": "#2257c4", "marker": "o"},
    CALIBRATED: {"color": "#00798c", "marker": "P"},
    BASELINE: {"color": "#832db6", "marker": "^", "markerfacecolor": "white"},
}
_OTHER_COLOURS = ("#00798c", "#a96b59", "#4d5a00", "#b2174f")
FLAVOUR_LOOKS: dict[str, dict[str, Any]] = {
    "uds": {"color": "#2257c4", "marker": "o"},
    "c": {"color": "#00798c", "marker": "^"},
    "b": {"color": "#bd1f01", "marker": "s"},
    "g": {"color": "#d9760a", "marker": "D"},
}

_STYLE = {
    **mplhep.style.CMS,
    "figure.figsize": (8, 6.2),
    "font.size": 20,
    "axes.linewidth": 1.2,
    "axes.labelsize": 21,
    "xtick.labelsize": 18.5,
    "ytick.labelsize": 18.5,
    "legend.fontsize": 17.5,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.3,
    "xtick.major.size": 8,
    "xtick.minor.size": 4,
    "ytick.major.size": 8,
    "ytick.minor.size": 4,
    "lines.markersize": 7,
    "lines.linewidth": 1.8,
    "svg.fonttype": "path",
    "axes.unicode_minus": True,
}
_PT_TICKS = (20, 50, 100, 200, 500, 1000, 2000, 5000)
_DODGE = 1.02
_LEFT = 0.155
_BOTTOM, _MARGIN, _LEGEND_ROW = 0.95, 0.22, 0.33
"""Inches below the axes, above everything, and for each row of the legend."""


@dataclass(frozen=True)
class Plot:
    """A drawing for the report.

    Attributes
    ----------
    key
        Name of the drawing among all, fit for a file.
    svg
        The drawing as an ``<svg>`` element whose ids no other drawing on the page has.
    title
        What is seen, in a few words.
    caption
        How to read it.
    alt
        The same in words and numbers, for who cannot see it.
    tells
        Whether its lines tell more about themselves when they are pointed at.
    """

    key: str
    svg: str
    title: str
    caption: str
    alt: str
    tells: bool = False


@dataclass(frozen=True)
class Series:
    """Points of one curve: positions, and what was measured there."""

    x: Sequence[float]
    estimates: Sequence[Estimate]

    def __bool__(self) -> bool:
        return bool(self.x)

    @property
    def values(self) -> list[float]:
        """The central values."""
        return [estimate.value for estimate in self.estimates]


def look(correction: str, order: int) -> dict[str, Any]:
    """Colour and marker of a correction; ``order`` is its place among all, for those without a look of their own."""
    other = {"color": _OTHER_COLOURS[order % len(_OTHER_COLOURS)], "marker": "v"}
    return {"label": NAMES.get(correction, correction), **_LOOKS.get(correction, other)}


@contextmanager
def figure(**options: Any) -> Iterator[Figure]:
    """An empty figure in the house style, independent of any display."""
    with mpl.rc_context():
        mpl.rcParams.update(_STYLE)
        canvas = Figure(**options)
        FigureCanvasSVG(canvas)
        yield canvas


def draw(axes: Axes, series: Series, place: int = 0, **appearance: Any) -> None:
    """Draw points with their statistical errors; ``place`` moves curves apart that would lie on each other."""
    x = np.asarray(series.x) * _DODGE**place
    errors = [estimate.error for estimate in series.estimates]
    axes.errorbar(x, series.values, yerr=errors, capsize=0, linestyle="none", **appearance)
    axes.plot(x, series.values, linewidth=1, alpha=0.45, color=appearance.get("color"))


def pt_axis(axes: Axes, label: str, low: float, high: float) -> None:
    """A logarithmic axis of transverse momentum with plain numbers, GeV."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks([tick for tick in _PT_TICKS if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


def lay_out(drawing: Figure, axes: Axes, ncols: int = 2, title: str | None = None) -> None:
    """Fix the margins, the same for all plots, and name the curves of ``axes`` above, where nothing is covered."""
    handles, labels = axes.get_legend_handles_labels()
    rows = -(-len(handles) // ncols) + (title is not None)
    height = drawing.get_figheight()
    top = 1 - (_MARGIN + rows * _LEGEND_ROW) / height
    drawing.subplots_adjust(left=_LEFT, right=0.975, bottom=_BOTTOM / height, top=top, hspace=0.06)
    if handles:
        drawing.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(_LEFT, top),
            ncols=ncols,
            title=title,
            alignment="left",
            borderaxespad=0.1,
            borderpad=0.2,
        )


def to_svg(drawing: Figure, key: str) -> str:
    """The figure as an ``<svg>`` element that fills the width it is given; ``key`` keeps its ids apart from others'."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": key, "svg.fonttype": "path"}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{key}-', text)
    text = re.sub(r"url\(#", f"url(#{key}-", text)
    text = re.sub(r'href="#', f'href="#{key}-', text)
    text = re.sub(r"scale\([^)]*\)|(-?\d+\.\d{2})\d+", lambda number: number[1] or number[0], text)
    return re.sub(r' width="[^"]*pt" height="[^"]*pt"', "", text, count=1)
