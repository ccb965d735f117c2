"""Relative resolution against generator pT, its ratio to the standard correction's, and the gain by flavour."""

from __future__ import annotations

from jetcal.evaluation.binning import ALL_ETA, WIDE_PT_RANGES, Range
from jetcal.evaluation.flavour import ALL, GROUPS
from jetcal.evaluation.measurement import Cell, Measurements
from jetcal.evaluation.page.plots.looks import FLAVOUR_LOOKS, Look, looks, name_of
from jetcal.evaluation.page.plots.ranges import (
    GEN_PT,
    TOO_FEW,
    Quantity,
    against_gen_pt,
    described,
    eta_label,
    holding,
    mark_too_few,
    pt_limits,
    resolution_after,
)
from jetcal.evaluation.page.plots.style import INK, draw, figure, lay_out, level, places, pt_axis
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal.evaluation.response import CALIBRATED, NETWORK, STANDARD
from jetcal.evaluation.statistics.estimate import Estimate

_EVERYONE: Look = {"color": INK, "marker": "P"}


def resolution(measurements: Measurements, eta: Range) -> Plot:
    """Resolution of every correction in one range of |eta|, with the ratio to the standard correction below."""

    def ratio(name: str) -> Quantity:
        mine, standard = resolution_after(measurements, name), resolution_after(measurements, STANDARD)

        def of(cell: Cell) -> Estimate | None:
            above, below = mine(cell), standard(cell)
            return None if above is None or below is None else above / below

        return of

    names = [name for name in measurements.corrections if name != CALIBRATED or NETWORK not in measurements.corrections]
    widths = {name: against_gen_pt(measurements, resolution_after(measurements, name), eta) for name in names}
    ratios = {name: against_gen_pt(measurements, ratio(name), eta) for name in names}
    appearance = looks(measurements.corrections)
    low, high = pt_limits(measurements)
    key = f"resolution-{eta}".replace(".", "_")
    with figure(figsize=(8, 7.4)) as drawing:
        main, below = drawing.subplots(2, 1, sharex=True, height_ratios=(1.4, 1))
        for place, name in zip(places(len(names)), names, strict=True):
            if widths[name]:
                draw(main, widths[name], place, **appearance[name])
            if ratios[name] and name != STANDARD:
                draw(below, ratios[name], place, **appearance[name])
        main.set_ylim(0, 1.2 * main.get_ylim()[1])
        main.set_ylabel("resolution")
        main.text(0.98, 0.94, eta_label(eta), transform=main.transAxes, ha="right", va="top")
        below.axhline(1, color=INK, linewidth=1)
        below.set_ylabel("ratio to\nstandard")
        below.set_ylim(*_ratio_limits([value for name in names for value in ratios[name].values]))
        pt_axis(below, GEN_PT, low, high)
        mark_too_few(below, measurements, eta)
        main.set_xlabel("")
        lay_out(drawing, main)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{name_of(name)} {described(series)}" for name, series in widths.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"Resolution, |η| {eta}",
        caption=(
            "Interquartile range / 1.349 / median of the response. Below: ratio to the standard correction with "
            f"paired errors; less than 1 is better. The residual hardly changes it. {TOO_FEW}"
        ),
        alt=f"Relative resolution against generator pT for |eta| {eta}: {words}.",
    )


def gain(measurements: Measurements, correction: str, order: int) -> Plot:
    """Gain of a correction over the standard one against generator pT, for each flavour; ``order`` numbers the plot."""

    def of(cell: Cell) -> Estimate | None:
        found = measurements.gain(cell, correction, STANDARD)
        return None if found is None else Estimate(100 * found.value, 100 * found.replicas)

    curves = {group: against_gen_pt(measurements, of, ALL_ETA, group, WIDE_PT_RANGES) for group in (ALL, *GROUPS)}
    low, high = pt_limits(measurements)
    key = f"gain-{order}"
    with figure() as drawing:
        axes = drawing.subplots()
        level(axes, 0)
        for place, (group, series) in zip(places(len(curves)), curves.items(), strict=True):
            if series:
                draw(axes, series, place, label=group, **FLAVOUR_LOOKS.get(group, _EVERYONE))
        axes.set_ylim(*holding(0, curves.values(), 2))
        axes.set_ylabel("gain in resolution [%]")
        pt_axis(axes, GEN_PT, max(low, 28), high)
        lay_out(drawing, axes, ncols=5)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{group} {described(series, digits=1)}" for group, series in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"Gain by flavour, {name_of(correction)}",
        caption="1 - resolution / resolution of the standard correction on the same jets, all |η|; above 0 is better.",
        alt=f"Gain in resolution in percent against generator pT, {name_of(correction)}: {words}.",
    )


def _ratio_limits(values: list[float]) -> tuple[float, float]:
    low, high = min([0.85, *values]), max([1.05, *values])
    return max(low - 0.04, 0.3), min(high + 0.04, 1.5)
