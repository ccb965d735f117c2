"""Response by flavour: inclusive, against pT, and as differences to gluon jets."""

from __future__ import annotations

from jetcal.evaluation.binning import ALL_ETA, WIDE_PT_RANGES
from jetcal.evaluation.estimate import Estimate
from jetcal.evaluation.flavour import GROUPS
from jetcal.evaluation.measurement import Cell, Measurements
from jetcal.evaluation.plots.ranges import (
    GEN_PT,
    Quantity,
    against_gen_pt,
    around,
    described,
    holding,
    median_after,
    pt_limits,
)
from jetcal.evaluation.plots.style import FLAVOUR_LOOKS, Plot, draw, figure, lay_out, look, pt_axis, to_svg
from jetcal.evaluation.response import RAW

_LEAST, _MOST = 0.03, 0.12
GLUON_PAIRS = (("uds", "g"), ("c", "g"), ("b", "g"))


def inclusive(measurements: Measurements) -> Plot:
    """Median response of each flavour above 30 GeV for every correction but raw, one row to a flavour."""
    names = [name for name in measurements.corrections if name != RAW]
    rows = list(GROUPS)
    words = []
    key = "flavour-inclusive"
    with figure(figsize=(8, 5.4)) as drawing:
        axes = drawing.subplots()
        axes.axvspan(0.99, 1.01, color="#d3dae8", linewidth=0, zorder=0)
        axes.axvline(1, color="#555555", linewidth=1, zorder=0.5)
        for order, name in enumerate(names, start=1):
            found = [(row, median_after(measurements, name)(Cell(flavour=group))) for row, group in enumerate(rows)]
            points = [(row, estimate) for row, estimate in found if estimate is not None]
            y = [row + 0.16 * (order - (len(names) + 1) / 2) for row, _ in points]
            axes.errorbar(
                [estimate.value for _, estimate in points],
                y,
                xerr=[estimate.error for _, estimate in points],
                linestyle="none",
                **{**look(name, order), "markersize": 9},
            )
            words += [f"{look(name, order)['label']} {rows[row]} {estimate.value:.3f}" for row, estimate in points]
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(axis="y", which="minor", left=False, right=False)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("median response, generator jet $p_T$ > 30 GeV")
        lay_out(drawing, axes)
        svg = to_svg(drawing, key)
    return Plot(
        key=key,
        svg=svg,
        title="Median response by flavour",
        caption="All |η|; band: ±1 %. The closer the flavours, the less a sample's flavour mixture matters.",
        alt="Median response by flavour above 30 GeV: " + ", ".join(words) + ".",
    )


def by_pt(measurements: Measurements, correction: str) -> Plot:
    """Median response of each flavour against generator pT after one correction."""
    every = {
        name: {
            group: against_gen_pt(measurements, median_after(measurements, name), ALL_ETA, group, WIDE_PT_RANGES)
            for group in GROUPS
        }
        for name in measurements.corrections
        if name != RAW
    }
    curves = every[correction]
    low, high = pt_limits(measurements)
    label = look(correction, 0)["label"]
    key = f"flavour-{correction}"
    with figure() as drawing:
        axes = drawing.subplots()
        axes.axhspan(0.99, 1.01, color="#d3dae8", linewidth=0, zorder=0)
        axes.axhline(1, color="#555555", linewidth=1, zorder=0.5)
        for order, (group, series) in enumerate(curves.items()):
            if series:
                draw(axes, series, 2 * order - 3, label=group, **FLAVOUR_LOOKS[group])
        axes.set_ylim(*around(1, [series for one in every.values() for series in one.values()], _LEAST, _MOST))
        axes.set_ylabel("median response")
        pt_axis(axes, GEN_PT, max(low, 28), high)
        lay_out(drawing, axes, ncols=4, title=label)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{group} {described(series)}" for group, series in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"By flavour and pT: {label}",
        caption="All |η|; band: ±1 %. Same scale for every correction.",
        alt=f"Median response against generator pT by flavour, {label}: {words}.",
    )


def difference(measurements: Measurements, pair: tuple[str, str]) -> Plot:
    """R_a - R_b against generator pT for every correction but raw."""
    names = [name for name in measurements.corrections if name != RAW]

    def minus(name: str) -> Quantity:
        def of(cell: Cell) -> Estimate | None:
            return measurements.flavour_difference(cell.eta, cell.pt, pair, name)

        return of

    curves = {name: against_gen_pt(measurements, minus(name), ALL_ETA, bins=WIDE_PT_RANGES) for name in names}
    low, high = pt_limits(measurements)
    first, second = pair
    key = f"difference-{first}-{second}"
    with figure(figsize=(8, 5.2)) as drawing:
        axes = drawing.subplots()
        axes.axhline(0, color="#555555", linewidth=1, zorder=0.5)
        for order, (name, series) in enumerate(curves.items(), start=1):
            if series:
                draw(axes, series, 2 * order - 3, **look(name, order))
        axes.set_ylim(*holding(0, curves.values(), 0.02))
        axes.set_ylabel(rf"$R_{{{first}}} - R_{{{second}}}$")
        pt_axis(axes, GEN_PT, max(low, 28), high)
        lay_out(drawing, axes)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{look(name, 0)['label']} {described(series)}" for name, series in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"Difference {first} - {second}",
        caption=f"Difference of the median responses of {first} and {second} jets; 0 is ideal.",
        alt=f"Difference of median responses {first} minus {second} against generator pT: {words}.",
    )
