"""Curves against generator pT, and the axis ranges that show them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from matplotlib.axes import Axes

from jetcal.evaluation.binning import MIN_JETS, PT_BINS, Range
from jetcal.evaluation.flavour import ALL
from jetcal.evaluation.measurement import Cell, Measurements
from jetcal.evaluation.page.plots.style import INK, Series
from jetcal.evaluation.statistics.estimate import Estimate

Quantity = Callable[[Cell], Estimate | None]
"""Something that is measured in each cell with enough jets."""

GEN_PT = "generator jet $p_T$ [GeV]"

TOO_FEW = f"Cross at the foot: fewer than {MIN_JETS} jets, not measured."
"""Explains what :func:`mark_too_few` draws."""


def against_gen_pt(
    measurements: Measurements,
    quantity: Quantity,
    eta: Range,
    flavour: str = ALL,
    bins: Sequence[Range] = PT_BINS,
) -> Series:
    """The quantity in each bin of generator pT that could be measured, at the bin's mean pT (GeV)."""
    x, estimates = [], []
    for pt in bins:
        cell = Cell(eta, pt, flavour)
        estimate = quantity(cell)
        mean = measurements.cells[Cell(eta, pt)].mean_gen_pt
        if estimate is not None and mean is not None:
            x.append(mean)
            estimates.append(estimate)
    return Series(x, estimates)


def median_after(measurements: Measurements, correction: str) -> Quantity:
    """Median response after the correction, as a function of the cell."""

    def median(cell: Cell) -> Estimate | None:
        summary = measurements.summary(cell, correction)
        return summary.median if summary else None

    return median


def resolution_after(measurements: Measurements, correction: str) -> Quantity:
    """Resolution after the correction, as a function of the cell."""

    def resolution(cell: Cell) -> Estimate | None:
        summary = measurements.summary(cell, correction)
        return summary.resolution if summary else None

    return resolution


def pt_limits(measurements: Measurements) -> tuple[float, float]:
    """Range of generator pT that holds jets, GeV."""
    filled = [cell.pt for cell, found in measurements.cells.items() if cell.pt in PT_BINS and found.jets]
    if not filled:
        return 20.0, 1000.0
    return min(pt.low for pt in filled) * 0.93, max(pt.high for pt in filled) * 1.07


def mark_too_few(axes: Axes, measurements: Measurements, eta: Range, flavour: str = ALL) -> None:
    """A cross at the foot of each bin of generator pT that holds jets, but too few to measure."""
    sparse = [pt for pt in PT_BINS if 0 < measurements.cells[Cell(eta, pt, flavour)].jets < MIN_JETS]
    x = [math.sqrt(pt.low * pt.high) for pt in sparse]
    axes.plot(
        x, [0.03] * len(x), "x", color=INK, markersize=9, transform=axes.get_xaxis_transform(), clip_on=False, zorder=5
    )


def around(centre: float, series: Iterable[Series], least: float, most: float) -> tuple[float, float]:
    """Limits symmetric about ``centre`` that hold the points, but no closer than ``least`` nor wider than ``most``."""
    reach = max((abs(e.value - centre) + e.error for each in series for e in each.estimates), default=0.0)
    half = min(max(1.15 * reach, least), most)
    return centre - half, centre + half


def holding(level: float, series: Iterable[Series], least: float) -> tuple[float, float]:
    """Limits that hold the points with their errors and reach at least ``least`` to both sides of ``level``."""
    estimates = [estimate for each in series for estimate in each.estimates]
    low = min([level - least, *(estimate.value - estimate.error for estimate in estimates)])
    high = max([level + least, *(estimate.value + estimate.error for estimate in estimates)])
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def described(series: Series, scale: float = 1.0, digits: int = 3) -> str:
    """The smallest and the largest value in words, for a text alternative."""
    finite = [value * scale for value in series.values if math.isfinite(value)]
    if not finite:
        return "not measured"
    return f"{min(finite):.{digits}f} to {max(finite):.{digits}f}"


def eta_label(eta: Range) -> str:
    """A range of abs(eta) for an axis."""
    return rf"${eta.low:g} \leq |\eta| < {eta.high:g}$"
