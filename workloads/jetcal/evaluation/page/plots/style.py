"""One style for all plots: sizes that stay legible on a phone, points with errors, axes, legends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from jetcal.evaluation.statistics.estimate import Estimate

INK = "#555555"
"""Colour of lines that mark a level."""

SHADE = "#d3dae8"
"""Colour of the band of 1 %."""

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
_ROWS = 2
"""Rows of the legend that a figure has room for; it grows for more."""
_LONGEST = 24
"""Letters of a label of which two go beside each other."""


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


@contextmanager
def figure(**options: Any) -> Iterator[Figure]:
    """An empty figure in the house style, independent of any display."""
    with mpl.rc_context():
        mpl.rcParams.update(_STYLE)
        canvas = Figure(**options)
        FigureCanvasSVG(canvas)
        yield canvas


def draw(axes: Axes, series: Series, place: float = 0, **appearance: Any) -> None:
    """Draw points with their statistical errors; ``place`` moves curves apart that would lie on each other."""
    x = np.asarray(series.x) * _DODGE**place
    errors = [estimate.error for estimate in series.estimates]
    gid = appearance.pop("gid", None)
    points = axes.errorbar(x, series.values, yerr=errors, capsize=0, linestyle="none", **appearance)
    line = axes.plot(x, series.values, linewidth=1, alpha=0.45, color=appearance.get("color"))
    mark([*points.get_children(), *line], gid)


def mark(artists: Iterable[Artist], gid: str | None) -> None:
    """Give the artists the gid by which the page finds them."""
    for artist in artists:
        artist.set_gid(gid)


def places(count: int) -> list[float]:
    """Places of so many curves, symmetric about where they were measured."""
    return [each - (count - 1) / 2 for each in range(count)]


def level(axes: Axes, value: float, band: float = 0.0) -> None:
    """A line at the ideal value, with a band about it."""
    if band:
        axes.axhspan(value - band, value + band, color=SHADE, linewidth=0, zorder=0)
    axes.axhline(value, color=INK, linewidth=1, zorder=0.5)


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
    if max(map(len, labels), default=0) > _LONGEST:
        ncols = 1
    rows = -(-len(handles) // ncols) + (title is not None)
    drawing.set_figheight(drawing.get_figheight() + max(0, rows - _ROWS) * _LEGEND_ROW)
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
