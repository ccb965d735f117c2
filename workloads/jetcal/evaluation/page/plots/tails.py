"""How many jets lie far from the median response."""

from __future__ import annotations

from jetcal.evaluation.binning import ALL_ETA, WIDE_PT_RANGES
from jetcal.evaluation.measurement import Cell, Measurements
from jetcal.evaluation.page.plots.looks import looks, name_of
from jetcal.evaluation.page.plots.ranges import GEN_PT, Quantity, against_gen_pt, described, pt_limits
from jetcal.evaluation.page.plots.style import INK, draw, figure, lay_out, places, pt_axis
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal.evaluation.statistics.estimate import Estimate
from jetcal.evaluation.statistics.summary import TAIL_WIDTH

_GAUSSIAN = 0.135
_SIDES = {"tails_high": "above [%]", "tails_low": "below [%]"}


def tails(measurements: Measurements) -> Plot:
    """Share of the jets beyond 3 widths above and below the median, for every correction, against generator pT."""

    def share(name: str, side: str) -> Quantity:
        def of(cell: Cell) -> Estimate | None:
            summary = measurements.summary(cell, name)
            if summary is None:
                return None
            found: Estimate = getattr(summary, side)
            return Estimate(100 * found.value, 100 * found.replicas)

        return of

    curves = {
        side: {
            name: against_gen_pt(measurements, share(name, side), ALL_ETA, bins=WIDE_PT_RANGES)
            for name in measurements.corrections
        }
        for side in _SIDES
    }
    appearance = looks(measurements.corrections)
    low, high = pt_limits(measurements)
    key = "tails"
    with figure(figsize=(8, 7.4)) as drawing:
        panels = drawing.subplots(2, 1, sharex=True)
        for axes, (side, label) in zip(panels, _SIDES.items(), strict=True):
            axes.axhline(_GAUSSIAN, color=INK, linewidth=1.2, linestyle="--", zorder=0.5)
            for place, (name, series) in zip(places(len(curves[side])), curves[side].items(), strict=True):
                if series:
                    draw(axes, series, 2 * place, **appearance[name])
            axes.set_ylim(0, 1.1 * max(axes.get_ylim()[1], 3 * _GAUSSIAN))
            axes.set_ylabel(label)
        pt_axis(panels[1], GEN_PT, max(low, 28), high)
        panels[0].set_xlabel("")
        lay_out(drawing, panels[0])
        svg = to_svg(drawing, key)
    words = "; ".join(f"{name_of(name)} {described(series, digits=2)}" for name, series in curves["tails_low"].items())
    return Plot(
        key=key,
        svg=svg,
        title="Tails of the response",
        caption=(
            f"Share of jets more than {TAIL_WIDTH:g} widths, (q75 - q25) / 1.349, above and below the median; all |η|; "
            "dashed: a Gaussian."
        ),
        alt=f"Share of jets in the lower tail in percent against generator pT: {words}.",
    )
