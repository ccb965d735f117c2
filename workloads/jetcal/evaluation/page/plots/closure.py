"""Median response against generator pT: whether the scale closes."""

from __future__ import annotations

from matplotlib.axes import Axes

from jetcal.evaluation.acceptance import judged_range
from jetcal.evaluation.binning import Range
from jetcal.evaluation.measurement import Measurements
from jetcal.evaluation.page.plots.looks import looks, name_of
from jetcal.evaluation.page.plots.ranges import (
    GEN_PT,
    TOO_FEW,
    against_gen_pt,
    around,
    described,
    eta_label,
    mark_too_few,
    median_after,
    pt_limits,
)
from jetcal.evaluation.page.plots.style import INK, Series, draw, figure, lay_out, places, pt_axis
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal.evaluation.response import RAW

BANDS = ((0.02, "#e9ecf2"), (0.01, "#d3dae8"))
_LEAST, _MOST = 0.035, 0.15


def closure(measurements: Measurements, eta: Range, limit: float | None) -> Plot:
    """Median response of every correction in one range of |eta|; ``limit`` is maxNonClosure (no unit), if judged."""
    curves = {
        name: against_gen_pt(measurements, median_after(measurements, name), eta) for name in measurements.corrections
    }
    appearance = looks(measurements.corrections)
    low, high = pt_limits(measurements)
    key = f"closure-{eta}".replace(".", "_")
    with figure(figsize=(8, 7.4)) as drawing:
        whole, zoom = drawing.subplots(2, 1, sharex=True, height_ratios=(1, 1.9))
        for axes in (whole, zoom):
            _bands(axes, limit)
            for place, (name, series) in zip(places(len(curves)), curves.items(), strict=True):
                if series and not (axes is zoom and name == RAW):
                    draw(axes, series, place, **appearance[name])
        whole.set_ylim(*_whole(list(curves.values())))
        corrected = [_judged(series) for name, series in curves.items() if name != RAW]
        zoom.set_ylim(*around(1, corrected, max(_LEAST, 1.4 * (limit or 0)), _MOST))
        pt_axis(zoom, GEN_PT, low, high)
        whole.set_xlabel("")
        zoom.axvline(judged_range().low, color=INK, linestyle=":", linewidth=1.4)
        if limit:
            zoom.text(
                judged_range().low * 1.03, 0.06, "judged from here", transform=zoom.get_xaxis_transform(), fontsize=14
            )
        mark_too_few(zoom, measurements, eta)
        zoom.set_ylabel("median response")
        zoom.text(0.98, 0.94, eta_label(eta), transform=zoom.transAxes, ha="right", va="top")
        lay_out(drawing, whole)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{name_of(name)} {described(series)}" for name, series in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"Median response, |η| {eta}",
        caption=(
            f"Above: all corrections. Below: the same, enlarged. Bands: ±1 % and ±2 %"
            f"{'; dashed: the threshold' if limit else ''}. Bars: statistical error. {TOO_FEW}"
        ),
        alt=f"Median response against generator pT for |eta| {eta}: {words}.",
    )


def _bands(axes: Axes, limit: float | None) -> None:
    for half, colour in BANDS:
        axes.axhspan(1 - half, 1 + half, color=colour, linewidth=0, zorder=0)
    axes.axhline(1, color=INK, linewidth=1, zorder=0.5)
    for edge in (1 - limit, 1 + limit) if limit else ():
        axes.axhline(edge, color=INK, linewidth=1.2, linestyle="--", zorder=0.5)


def _judged(series: Series) -> Series:
    inside = [(x, e) for x, e in zip(series.x, series.estimates, strict=True) if x >= judged_range().low]
    return Series([x for x, _ in inside], [e for _, e in inside])


def _whole(curves: list[Series]) -> tuple[float, float]:
    values = [value for series in curves for value in series.values] or [0.9, 1.1]
    margin = 0.12 * (max(values) - min(values)) + 0.02
    return min(values) - margin, max(values) + margin
