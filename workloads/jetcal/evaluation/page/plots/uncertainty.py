"""How wrong the calibrated scale may be, source by source."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jetcal.evaluation.binning import Range
from jetcal.evaluation.corrections.uncertainty import Source, Uncertainties
from jetcal.evaluation.page.plots.looks import RANGE_LOOKS
from jetcal.evaluation.page.plots.ranges import eta_label
from jetcal.evaluation.page.plots.style import figure, lay_out, pt_axis
from jetcal.evaluation.page.plots.svg import Plot, to_svg

_LINES = ("-", "--", ":")
_PERCENT = 100.0
_LOW, _HIGH = 15.0, 3000.0
_MOST = 8.0


def uncertainty(found: Uncertainties, eta: Range) -> Plot:
    """Total and every source against pT in one range of |eta|; the larger of the two directions is drawn."""
    chosen = [number for number, each in enumerate(found.bins) if each.eta == eta]
    edges = np.array([found.bins[chosen[0]].pt.low, *(found.bins[number].pt.high for number in chosen)])
    shown = (max(edges[0], _LOW), min(edges[-1], _HIGH))
    key = f"uncertainty-{eta}".replace(".", "_")
    words = []
    with figure(figsize=(8, 6.6)) as drawing:
        axes = drawing.subplots()
        total = _larger(found.total, chosen)
        axes.stairs(total, edges, fill=True, color="#d3dae8", label="total", baseline=0)
        words.append(f"total {total.min():.2f} to {total.max():.2f}")
        for order, (name, source) in enumerate(found.sources.items()):
            size = _larger(source, chosen)
            words.append(f"{name} {size.min():.2f} to {size.max():.2f}")
            _stairs(axes, size, edges, order, name if source.in_total else f"{name} (not in total)")
        for number, edge in zip(chosen, edges[:-1], strict=True):
            if not all(source.measured[number] for source in found.sources.values()):
                upper = found.bins[number].pt.high
                middle = np.sqrt(max(edge, shown[0]) * min(upper, shown[1]))
                axes.plot([middle], [0.03], "x", color="#555555", markersize=9, transform=axes.get_xaxis_transform())
        axes.set_ylim(0, min(1.12 * max(float(total.max()), 0.5), _MOST))
        axes.set_ylabel("uncertainty of the scale [%]")
        axes.text(0.98, 0.95, eta_label(eta), transform=axes.transAxes, ha="right", va="top")
        pt_axis(axes, "calibrated jet $p_T$ [GeV]", *shown)
        lay_out(drawing, axes)
        svg = to_svg(drawing, key)
    return Plot(
        key=key,
        svg=svg,
        title=f"Uncertainty of the scale, |η| {eta}",
        caption=(
            "Larger of the two directions. The total adds its sources in quadrature. Cross at the foot: a source had "
            "too few jets there and takes over its neighbour's value."
        ),
        alt=f"Uncertainty of the calibrated scale in percent against pT for |eta| {eta}: {'; '.join(words)}.",
    )


def _stairs(axes: Axes, size: NDArray[np.float64], edges: NDArray[np.float64], order: int, label: str) -> None:
    look = RANGE_LOOKS[order % len(RANGE_LOOKS)]
    line = _LINES[order // len(RANGE_LOOKS) % len(_LINES)]
    axes.stairs(size, edges, color=look["color"], linestyle=line, linewidth=2.2, baseline=None, label=label)


def _larger(source: Source, chosen: list[int]) -> NDArray[np.float64]:
    return _PERCENT * np.maximum(np.abs(source.up[chosen]), np.abs(source.down[chosen]))
