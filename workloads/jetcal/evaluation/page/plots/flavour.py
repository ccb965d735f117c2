"""Response by flavour: inclusive, against pT, and as differences to gluon jets."""

from __future__ import annotations

from jetcal.evaluation.binning import ALL_ETA, WIDE_PT_RANGES
from jetcal.evaluation.flavour import GROUPS
from jetcal.evaluation.measurement import Cell, Measurements
from jetcal.evaluation.page.plots.looks import FLAVOUR_LOOKS, looks, name_of
from jetcal.evaluation.page.plots.ranges import (
    GEN_PT,
    Quantity,
    against_gen_pt,
    around,
    described,
    holding,
    median_after,
    pt_limits,
)
from jetcal.evaluation.page.plots.style import INK, SHADE, draw, figure, lay_out, level, mark, places, pt_axis
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal.evaluation.response import RAW
from jetcal.evaluation.statistics.estimate import Estimate

_LEAST, _MOST = 0.03, 0.12
GLUON_PAIRS = (("uds", "g"), ("c", "g"), ("b", "g"))


def inclusive(measurements: Measurements) -> Plot:
    """Median response of each flavour above 30 GeV for every correction but raw, one row to a flavour."""
    names = [name for name in measurements.corrections if name != RAW]
    appearance = looks(measurements.corrections)
    rows = list(GROUPS)
    words = []
    key = "flavour-inclusive"
    with figure(figsize=(8, 5.4)) as drawing:
        axes = drawing.subplots()
        axes.axvspan(0.99, 1.01, color=SHADE, linewidth=0, zorder=0)
        axes.axvline(1, color=INK, linewidth=1, zorder=0.5)
        step = min(0.16, 0.8 / max(len(names), 1))
        for place, name in zip(places(len(names)), names, strict=True):
            found = [(row, median_after(measurements, name)(Cell(flavour=group))) for row, group in enumerate(rows)]
            points = [(row, estimate) for row, estimate in found if estimate is not None]
            style = {key: value for key, value in appearance[name].items() if key != "gid"}
            drawn = axes.errorbar(
                [estimate.value for _, estimate in points],
                [row + step * place for row, _ in points],
                xerr=[estimate.error for _, estimate in points],
                linestyle="none",
                **{**style, "markersize": 9},
            )
            mark(drawn.get_children(), appearance[name]["gid"])
            words += [f"{name_of(name)} {rows[row]} {estimate.value:.3f}" for row, estimate in points]
        for row, group in enumerate(rows):
            if not measurements.cells[Cell(flavour=group)].summaries:
                axes.text(1, row, "too few jets", ha="center", va="center", fontsize=16)
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


def by_pt(measurements: Measurements, correction: str, order: int) -> Plot:
    """Median response of each flavour against generator pT after one correction; ``order`` numbers the plot."""
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
    key = f"flavour-{order}"
    with figure() as drawing:
        axes = drawing.subplots()
        level(axes, 1, 0.01)
        for place, (group, series) in zip(places(len(curves)), curves.items(), strict=True):
            if series:
                draw(axes, series, 2 * place, label=group, **FLAVOUR_LOOKS[group])
        axes.set_ylim(*around(1, [series for one in every.values() for series in one.values()], _LEAST, _MOST))
        axes.set_ylabel("median response")
        pt_axis(axes, GEN_PT, max(low, 28), high)
        lay_out(drawing, axes, ncols=4, title=name_of(correction))
        svg = to_svg(drawing, key)
    words = "; ".join(f"{group} {described(series)}" for group, series in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"By flavour and pT: {name_of(correction)}",
        caption="All |η|; band: ±1 %. Same scale for every correction.",
        alt=f"Median response against generator pT by flavour, {name_of(correction)}: {words}.",
    )


def difference(measurements: Measurements, pair: tuple[str, str]) -> Plot | None:
    """R_a - R_b against generator pT for every correction but raw; None if no range has enough jets of both."""
    names = [name for name in measurements.corrections if name != RAW]

    def minus(name: str) -> Quantity:
        def of(cell: Cell) -> Estimate | None:
            return measurements.flavour_difference(cell.eta, cell.pt, pair, name)

        return of

    curves = {name: against_gen_pt(measurements, minus(name), ALL_ETA, bins=WIDE_PT_RANGES) for name in names}
    if not any(curves.values()):
        return None
    appearance = looks(measurements.corrections)
    low, high = pt_limits(measurements)
    first, second = pair
    key = f"difference-{first}-{second}"
    with figure(figsize=(8, 5.2)) as drawing:
        axes = drawing.subplots()
        level(axes, 0)
        for place, (name, series) in zip(places(len(curves)), curves.items(), strict=True):
            if series:
                draw(axes, series, 2 * place, **appearance[name])
        axes.set_ylim(*holding(0, curves.values(), 0.02))
        axes.set_ylabel(rf"$R_{{{first}}} - R_{{{second}}}$")
        pt_axis(axes, GEN_PT, max(low, 28), high)
        lay_out(drawing, axes)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{name_of(name)} {described(series)}" for name, series in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"Difference {first} - {second}",
        caption=f"Difference of the median responses of {first} and {second} jets; 0 is ideal.",
        alt=f"Difference of median responses {first} minus {second} against generator pT: {words}.",
    )
