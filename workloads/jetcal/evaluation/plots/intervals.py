"""Coverage of the predicted 68 % interval."""

from __future__ import annotations

from typing import Any

from jetcal.evaluation.binning import ALL_ETA, PT_BINS, Range
from jetcal.evaluation.intervals import NOMINAL_COVERAGE
from jetcal.evaluation.measurement import Measurements
from jetcal.evaluation.plots.ranges import around, described, pt_limits
from jetcal.evaluation.plots.style import FLAVOUR_LOOKS, Plot, Series, draw, figure, lay_out, look, pt_axis, to_svg

_TAIL = (1 - NOMINAL_COVERAGE) / 2
_ETA_LOOKS = list(FLAVOUR_LOOKS.values())
_SIDES: dict[str, dict[str, Any]] = {
    "below": {"label": "truth below the interval", "color": "#d9760a", "marker": "v"},
    "above": {"label": "truth above the interval", "color": "#832db6", "marker": "^"},
}


def coverage(measurements: Measurements, correction: str) -> Plot:
    """Share of jets with the truth inside the interval, per |eta|, against pT after the correction."""
    curves = {eta: _series(measurements, correction, eta, "inside") for eta in measurements.eta}
    low, high = pt_limits(measurements)
    key = f"coverage-{correction}"
    with figure() as drawing:
        axes = drawing.subplots()
        axes.axhline(NOMINAL_COVERAGE, color="#555555", linewidth=1.2, linestyle="--", zorder=0.5)
        for order, (eta, series) in enumerate(curves.items()):
            if series:
                draw(axes, series, order, label=rf"$|\eta|$ {eta}", **_ETA_LOOKS[order % len(_ETA_LOOKS)])
        axes.set_ylim(*around(NOMINAL_COVERAGE, curves.values(), 0.1, 0.32))
        axes.set_ylabel("share of jets inside")
        pt_axis(axes, f"{look(correction, 0)['label']} jet $p_T$ [GeV]", low, high)
        lay_out(drawing, axes)
        svg = to_svg(drawing, key)
    words = "; ".join(f"|eta| {eta} {described(series)}" for eta, series in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title="Inside the predicted 68 % interval",
        caption="Share of jets whose generator pT lies between the predicted 16 % and 84 % quantiles; dashed: 0.68.",
        alt=f"Coverage of the 68 % interval against corrected pT: {words}.",
    )


def sides(measurements: Measurements, correction: str) -> Plot:
    """Shares of jets with the truth below and above the interval, all |eta|, against pT after the correction."""
    curves = {part: _series(measurements, correction, ALL_ETA, part) for part in _SIDES}
    low, high = pt_limits(measurements)
    key = f"sides-{correction}"
    with figure() as drawing:
        axes = drawing.subplots()
        axes.axhline(_TAIL, color="#555555", linewidth=1.2, linestyle="--", zorder=0.5)
        for order, (part, series) in enumerate(curves.items()):
            if series:
                draw(axes, series, order, **_SIDES[part])
        axes.set_ylim(*around(_TAIL, curves.values(), 0.06, _TAIL))
        axes.set_ylabel("share of jets")
        pt_axis(axes, f"{look(correction, 0)['label']} jet $p_T$ [GeV]", low, high)
        lay_out(drawing, axes)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{_SIDES[part]['label']} {described(series)}" for part, series in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title="Outside it, by side",
        caption=(
            "All |η|. Each side should hold 16 % (dashed); unequal sides mean a shifted interval. At the ends of the "
            "spectrum the selection of generator pT alone makes them unequal."
        ),
        alt=f"Shares of jets outside the interval against corrected pT: {words}.",
    )


def _series(measurements: Measurements, correction: str, eta: Range, part: str) -> Series:
    x, estimates = [], []
    for each in measurements.coverages:
        if each.correction == correction and each.cell.eta == eta and each.cell.pt in PT_BINS and each.coverage:
            x.append((each.cell.pt.low * each.cell.pt.high) ** 0.5)
            estimates.append(getattr(each.coverage, part))
    return Series(x, estimates)
