"""Histograms of the response."""

from __future__ import annotations

import numpy as np

from jetcal.evaluation.binning import Range
from jetcal.evaluation.measurement import RESPONSE_EDGES, Cell, Measurements
from jetcal.evaluation.page.plots.looks import LINES, looks, name_of
from jetcal.evaluation.page.plots.style import INK, figure, lay_out
from jetcal.evaluation.page.plots.svg import Plot, to_svg


def distribution(measurements: Measurements, pt: Range) -> Plot | None:
    """Response of every correction in one wide range of generator pT; None with too few jets."""
    if not measurements.cells[Cell(pt=pt)].summaries:
        return None
    width = float(RESPONSE_EDGES[1] - RESPONSE_EDGES[0])
    words = []
    appearance = looks(measurements.corrections)
    key = f"response-{pt.low:g}"
    with figure() as drawing:
        axes = drawing.subplots()
        for order, (name, jets) in enumerate(measurements.histograms[pt].items()):
            summary = measurements.summary(Cell(pt=pt), name)
            if summary is None:
                continue
            density = jets / (measurements.cells[Cell(pt=pt)].jets * width)
            label = f"{name_of(name)}: {summary.median.value:.3f}, {100 * summary.resolution.value:.1f} %"
            words.append(label)
            axes.stairs(
                density,
                RESPONSE_EDGES,
                label=label,
                color=appearance[name]["color"],
                gid=appearance[name]["gid"],
                linewidth=2.2,
                linestyle=LINES[order % len(LINES)],
            )
        axes.axvline(1, color=INK, linewidth=1, zorder=0.5)
        axes.set_xlim(RESPONSE_EDGES[0], RESPONSE_EDGES[-1])
        axes.set_ylim(0, axes.get_ylim()[1] * 1.05)
        axes.set_xticks(np.arange(0.4, 1.61, 0.2))
        axes.set_xlabel("response")
        axes.set_ylabel("density")
        axes.text(0.98, 0.94, f"$p_T$ {pt} GeV", transform=axes.transAxes, ha="right", va="top")
        lay_out(drawing, axes, ncols=1, title="median, resolution")
        svg = to_svg(drawing, key)
    return Plot(
        key=key,
        svg=svg,
        title=f"Response, generator pT {pt} GeV",
        caption="All |η| and flavours, normalised to 1. Legend: median and resolution.",
        alt=f"Distribution of the response for generator pT {pt} GeV; median and resolution: " + "; ".join(words) + ".",
    )
