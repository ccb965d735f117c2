"""Response and resolution against |eta|, pile-up density and vertices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jetcal.evaluation.binning import INCLUSIVE_PT, Range
from jetcal.evaluation.measurement import Cell, Measured, Measurements
from jetcal.evaluation.page.plots.looks import looks, name_of
from jetcal.evaluation.page.plots.ranges import around, described
from jetcal.evaluation.page.plots.style import INK, Series, draw, figure, lay_out, level, places
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal.evaluation.response import RAW, STANDARD
from jetcal.evaluation.statistics.estimate import Estimate

_LEAST, _MOST = 0.025, 0.15


@dataclass(frozen=True)
class Axis:
    """What response and resolution are drawn against.

    Attributes
    ----------
    key, title, label
        Part of the plot's key, of its title, and the axis' own label.
    bins
        Its bins among the measurements.
    cell
        The cell of one bin in a range of generator pT.
    mean
        Where a cell's point lies; None without jets.
    """

    key: str
    title: str
    label: str
    bins: Callable[[Measurements], tuple[Range, ...]]
    cell: Callable[[Range, Range], Cell]
    mean: Callable[[Measured], float | None]


ETA = Axis(
    "eta",
    "|η|",
    r"$|\eta|$",
    lambda measurements: measurements.eta_bins,
    lambda each, pt: Cell(eta=each, pt=pt),
    lambda found: found.mean_abs_eta,
)
RHO = Axis(
    "rho",
    "pile-up density",
    r"$\rho$ [GeV per unit area]",
    lambda measurements: measurements.rho_bins,
    lambda each, pt: Cell(rho=each, pt=pt),
    lambda found: found.mean_rho,
)
VERTICES = Axis(
    "vertices",
    "vertices",
    "reconstructed vertices",
    lambda measurements: measurements.vertex_bins,
    lambda each, pt: Cell(vertices=each, pt=pt),
    lambda found: found.mean_vertices,
)


def profile(measurements: Measurements, axis: Axis, pt: Range = INCLUSIVE_PT) -> Plot | None:
    """Median response after every correction but raw and, below, resolution relative to the standard correction's.

    None where no bin of the axis was measured in that range of generator pT (GeV).
    """
    names = [name for name in measurements.corrections if name != RAW]
    found = [(axis.cell(each, pt), measurements.cells.get(axis.cell(each, pt))) for each in axis.bins(measurements)]
    points = [(cell, x) for cell, one in found if one and one.summaries and (x := axis.mean(one)) is not None]
    if not points:
        return None
    medians = {name: Series(*_columns(measurements, points, name)) for name in names}
    ratios = {name: _ratios(measurements, points, name) for name in names if name != STANDARD}
    appearance = looks(measurements.corrections)
    key = f"{axis.key}-{pt.low:g}-{pt.high:g}"
    with figure(figsize=(8, 7.4)) as drawing:
        above, below = drawing.subplots(2, 1, sharex=True, height_ratios=(1.6, 1))
        level(above, 1, 0.01)
        below.axhline(1, color=INK, linewidth=1)
        for place, name in zip(places(len(names)), names, strict=True):
            draw(above, medians[name], place / 2, **appearance[name])
            if ratios.get(name):
                draw(below, ratios[name], place / 2, **appearance[name])
        above.set_ylim(*around(1, medians.values(), _LEAST, _MOST))
        above.set_ylabel("median response")
        above.text(0.98, 0.94, f"$p_T$ {pt} GeV", transform=above.transAxes, ha="right", va="top")
        below.set_ylim(*around(1, ratios.values(), 0.1, 0.5))
        below.set_ylabel("resolution,\nratio to std.")
        below.set_xlabel(axis.label)
        below.set_xlim(left=0)
        lay_out(drawing, above)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{name_of(name)} {described(series)}" for name, series in medians.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"Against {axis.title}, pT {pt} GeV",
        caption=(
            "Median response (band: ±1 %) and, below, resolution relative to the standard correction's with paired "
            "errors. Bins with too few jets have no point."
        ),
        alt=f"Median response against {axis.title} for generator pT {pt} GeV: {words}.",
    )


def _columns(
    measurements: Measurements, points: list[tuple[Cell, float]], name: str
) -> tuple[list[float], list[Estimate]]:
    found = [(x, summary) for cell, x in points if (summary := measurements.summary(cell, name)) is not None]
    return [x for x, _ in found], [summary.median for _, summary in found]


def _ratios(measurements: Measurements, points: list[tuple[Cell, float]], name: str) -> Series:
    found = [
        (x, mine.resolution / standard.resolution)
        for cell, x in points
        if (mine := measurements.summary(cell, name)) and (standard := measurements.summary(cell, STANDARD))
    ]
    return Series([x for x, _ in found], [ratio for _, ratio in found])
