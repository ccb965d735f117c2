"""Coverage of the predicted 68 % interval."""

from __future__ import annotations

import math
from collections.abc import Mapping

from jetcal.evaluation.binning import ALL_ETA, PT_BINS, WIDE_PT_RANGES, Range
from jetcal.evaluation.flavour import ALL, GROUPS
from jetcal.evaluation.measurement import Measurements
from jetcal.evaluation.page.plots.looks import FLAVOUR_LOOKS, RANGE_LOOKS, Look, looks, name_of
from jetcal.evaluation.page.plots.ranges import around, described, pt_limits
from jetcal.evaluation.page.plots.style import INK, Series, draw, figure, lay_out, places, pt_axis
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal.evaluation.statistics.intervals import NOMINAL_COVERAGE

_OPEN = 2.0
"""Where a range without upper end is drawn as if it had one, in units of its lower one."""
_TAIL = (1 - NOMINAL_COVERAGE) / 2
_SIDES: dict[str, Look] = {
    "below": {"label": "truth below the interval", "color": "#d9760a", "marker": "v"},
    "above": {"label": "truth above the interval", "color": "#832db6", "marker": "^"},
}


def compared(measurements: Measurements) -> Plot:
    """Share of jets with the truth inside the interval of each correction that predicts one, all |eta|."""
    names = dict.fromkeys(each.correction for each in measurements.coverages)
    appearance = looks(measurements.corrections)
    curves = {name: _series(measurements, name, ALL_ETA, "inside") for name in names}
    svg = _drawn(
        measurements,
        "coverage-compared",
        [(series, appearance[name]) for name, series in curves.items()],
        (NOMINAL_COVERAGE, 0.1, 0.32),
        "jet $p_T$ after each [GeV]",
    )
    words = "; ".join(f"{name_of(name)} {described(series)}" for name, series in curves.items())
    return Plot(
        key="coverage-compared",
        svg=svg,
        title="Inside the predicted 68 % interval, side by side",
        caption="All |η|; dashed: 0.68.",
        alt=f"Coverage of the 68 % interval against corrected pT: {words}.",
    )


def coverage(measurements: Measurements, correction: str) -> Plot:
    """Share of jets with the truth inside the interval, per |eta|, against pT after the correction."""
    curves = {eta: _series(measurements, correction, eta, "inside") for eta in measurements.eta}
    svg = _drawn(
        measurements,
        "coverage",
        [(curves[eta], {"label": rf"$|\eta|$ {eta}", **look}) for eta, look in _by_eta(curves).items()],
        (NOMINAL_COVERAGE, 0.1, 0.32),
        f"jet $p_T$ after {name_of(correction)} [GeV]",
    )
    words = "; ".join(f"|eta| {eta} {described(series)}" for eta, series in curves.items())
    return Plot(
        key="coverage",
        svg=svg,
        title="Inside the predicted 68 % interval",
        caption="Share of jets whose generator pT lies between the predicted 16 % and 84 % quantiles; dashed: 0.68.",
        alt=f"Coverage of the 68 % interval against corrected pT: {words}.",
    )


def by_flavour(measurements: Measurements, correction: str) -> Plot:
    """Share of jets with the truth inside the interval, by flavour, all |eta|, against pT after the correction."""
    curves = {group: _series(measurements, correction, ALL_ETA, "inside", group) for group in GROUPS}
    svg = _drawn(
        measurements,
        "coverage-flavour",
        [(series, {"label": group, **FLAVOUR_LOOKS[group]}) for group, series in curves.items()],
        (NOMINAL_COVERAGE, 0.1, 0.32),
        f"jet $p_T$ after {name_of(correction)} [GeV]",
    )
    words = "; ".join(f"{group} {described(series)}" for group, series in curves.items())
    return Plot(
        key="coverage-flavour",
        svg=svg,
        title="Inside the predicted 68 % interval, by flavour",
        caption="All |η|; dashed: 0.68.",
        alt=f"Coverage of the 68 % interval against corrected pT by flavour: {words}.",
    )


def sides(measurements: Measurements, correction: str) -> Plot:
    """Shares of jets with the truth below and above the interval, all |eta|, against pT after the correction."""
    curves = {part: _series(measurements, correction, ALL_ETA, part) for part in _SIDES}
    svg = _drawn(
        measurements,
        "sides",
        [(series, _SIDES[part]) for part, series in curves.items()],
        (_TAIL, 0.06, _TAIL),
        f"jet $p_T$ after {name_of(correction)} [GeV]",
    )
    words = "; ".join(f"{_SIDES[part]['label']} {described(series)}" for part, series in curves.items())
    return Plot(
        key="sides",
        svg=svg,
        title="Outside it, by side",
        caption=(
            "All |η|. Each side should hold 16 % (dashed); unequal sides mean a shifted interval. At the ends of the "
            "spectrum the selection of generator pT alone makes them unequal."
        ),
        alt=f"Shares of jets outside the interval against corrected pT: {words}.",
    )


def _drawn(
    measurements: Measurements,
    key: str,
    curves: list[tuple[Series, Look]],
    limits: tuple[float, float, float],
    label: str,
) -> str:
    """The curves about an ideal share; ``limits``: the share, and least and largest distance of the axis from it."""
    with figure() as drawing:
        axes = drawing.subplots()
        axes.axhline(limits[0], color=INK, linewidth=1.2, linestyle="--", zorder=0.5)
        for place, (series, look) in zip(places(len(curves)), curves, strict=True):
            if series:
                draw(axes, series, place, **look)
        axes.set_ylim(*around(limits[0], [series for series, _ in curves], *limits[1:]))
        axes.set_ylabel("share of jets")
        pt_axis(axes, label, *pt_limits(measurements))
        lay_out(drawing, axes)
        return to_svg(drawing, key)


def _by_eta(etas: Mapping[Range, Series]) -> dict[Range, Look]:
    return {eta: RANGE_LOOKS[order % len(RANGE_LOOKS)] for order, eta in enumerate(etas)}


def _series(measurements: Measurements, correction: str, eta: Range, part: str, flavour: str = ALL) -> Series:
    """A share against pT; of a single flavour, which has fewer jets, in wide ranges."""
    bins = PT_BINS if flavour == ALL else WIDE_PT_RANGES
    x, estimates = [], []
    for each in measurements.coverages:
        pt = each.cell.pt
        here = each.correction == correction and each.cell.eta == eta and each.cell.flavour == flavour and pt in bins
        if here and each.coverage:
            x.append(math.sqrt(pt.low * min(pt.high, _OPEN * pt.low)))
            estimates.append(getattr(each.coverage, part))
    return Series(x, estimates)
