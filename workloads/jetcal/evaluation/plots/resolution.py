"""Relative resolution against generator pT, and its ratio to the standard correction's."""

from __future__ import annotations

from jetcal.evaluation.binning import Range
from jetcal.evaluation.estimate import Estimate
from jetcal.evaluation.measurement import Cell, Measurements
from jetcal.evaluation.plots.ranges import (
    GEN_PT,
    Quantity,
    against_gen_pt,
    described,
    eta_label,
    pt_limits,
    resolution_after,
)
from jetcal.evaluation.plots.style import Plot, draw, figure, lay_out, look, pt_axis, to_svg
from jetcal.evaluation.response import STANDARD


def resolution(measurements: Measurements, eta: Range) -> Plot:
    """Resolution of every correction in one range of |eta|, with the ratio to the standard correction below."""

    def ratio(name: str) -> Quantity:
        mine, standard = resolution_after(measurements, name), resolution_after(measurements, STANDARD)

        def of(cell: Cell) -> Estimate | None:
            above, below = mine(cell), standard(cell)
            return None if above is None or below is None else above / below

        return of

    names = measurements.corrections
    widths = {name: against_gen_pt(measurements, resolution_after(measurements, name), eta) for name in names}
    ratios = {name: against_gen_pt(measurements, ratio(name), eta) for name in names}
    low, high = pt_limits(measurements)
    key = f"resolution-{eta}".replace(".", "_")
    with figure(figsize=(8, 7.4)) as drawing:
        main, below = drawing.subplots(2, 1, sharex=True, height_ratios=(1.6, 1))
        for order, name in enumerate(names):
            if widths[name]:
                draw(main, widths[name], order - 1, **look(name, order))
            if ratios[name] and name != STANDARD:
                draw(below, ratios[name], order - 1, **look(name, order))
        main.set_ylim(0, 1.2 * main.get_ylim()[1])
        main.set_ylabel("resolution")
        main.text(0.98, 0.94, eta_label(eta), transform=main.transAxes, ha="right", va="top")
        below.axhline(1, color="#555555", linewidth=1)
        below.set_ylabel("ratio to\nstandard")
        below.set_ylim(*_ratio_limits([value for name in names for value in ratios[name].values]))
        pt_axis(below, GEN_PT, low, high)
        main.set_xlabel("")
        lay_out(drawing, main)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{look(name, 0)['label']} {described(series)}" for name, series in widths.items())
    return Plot(
        key=key,
        svg=svg,
        title=f"Resolution, |η| {eta}",
        caption=(
            "Interquartile range / 1.349 / median of the response. Below: ratio to the standard correction with "
            "paired errors; less than 1 is better."
        ),
        alt=f"Relative resolution against generator pT for |eta| {eta}: {words}.",
    )


def _ratio_limits(values: list[float]) -> tuple[float, float]:
    low, high = min([0.85, *values]), max([1.05, *values])
    return max(low - 0.04, 0.3), min(high + 0.04, 1.5)
