"""The residual correction: points that were measured on validation jets, and the curves through them."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from jetcal.evaluation.corrections.residual import EtaResidual, Residual
from jetcal.evaluation.page.plots.style import INK, SHADE, figure, level, pt_axis
from jetcal.evaluation.page.plots.svg import Plot, to_svg

_COLUMNS = 2
_A_PAGE = 8
_POINTS = 200
_LEAST, _MOST = 0.02, 0.15
_PT = "jet $p_T$ after the network [GeV]"


def factors(residual: Residual) -> Plot:
    """The factor against corrected pT in every range of |eta|."""
    low, high = _limits(residual)
    pt = np.geomspace(low, high, _POINTS)
    colours = mpl.colormaps["cividis"]
    words = []
    key = "residual"
    with figure(figsize=(8, 6.2)) as drawing:
        axes = drawing.subplots()
        level(axes, 1, 0.01)
        highest = residual.max_abs_eta
        for each in residual.bins:
            values = each.factor(pt)
            axes.plot(pt, values, color=colours(each.eta.low / highest))
            words.append(f"|eta| {each.eta} {values.min():.3f} to {values.max():.3f}")
        scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, highest), colours)
        drawing.subplots_adjust(left=0.155, right=0.86, top=0.97, bottom=0.155)
        bar = drawing.colorbar(scale, cax=drawing.add_axes((0.88, 0.155, 0.025, 0.815)))
        bar.set_label(r"$|\eta|$")
        half = max(abs(np.concatenate([each.factor(pt) for each in residual.bins]) - 1).max() * 1.15, _LEAST)
        axes.set_ylim(1 - min(half, _MOST), 1 + min(half, _MOST))
        axes.set_ylabel("residual factor")
        pt_axis(axes, _PT, low, high)
        svg = to_svg(drawing, key)
    return Plot(
        key=key,
        svg=svg,
        title="Residual correction",
        caption="Factor after the network in each range of |η|; band: ±1 %. Constant beyond the outermost points.",
        alt=f"Residual factor against corrected pT: {'; '.join(words)}.",
    )


def fits(residual: Residual) -> tuple[Plot, ...]:
    """Points with their errors, curve and its error for every range of |eta|, a few to a drawing."""
    bins = [each for each in residual.bins if len(each.points)]
    return tuple(
        _grid(bins[first : first + _A_PAGE], _limits(residual), first) for first in range(0, len(bins), _A_PAGE)
    )


def _grid(bins: list[EtaResidual], limits: tuple[float, float], first: int) -> Plot:
    rows = -(-len(bins) // _COLUMNS)
    pt = np.geomspace(*limits, _POINTS)
    key = f"residual-fits-{first}"
    with figure(figsize=(8, 2.3 * rows + 1.0)) as drawing:
        grid = drawing.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
        for axes, each in zip(grid.flat, bins, strict=False):
            level(axes, 1)
            error = each.replicas(pt).std(axis=1, ddof=1)
            axes.fill_between(pt, each.factor(pt) - error, each.factor(pt) + error, color=SHADE, linewidth=0)
            axes.plot(pt, each.factor(pt), color="#2257c4")
            axes.errorbar(
                each.points.pt, each.points.factor, yerr=each.points.error, fmt="o", color="#1b2333", markersize=4
            )
            axes.text(0.96, 0.93, rf"$|\eta|$ {each.eta}", transform=axes.transAxes, ha="right", va="top", fontsize=16)
        for axes in list(grid.flat)[len(bins) :]:
            axes.set_axis_off()
        values = np.concatenate([abs(each.points.factor - 1) + each.points.error for each in bins])
        half = min(max(1.2 * float(values.max()), _LEAST), _MOST)
        for axes in grid.flat:
            pt_axis(axes, "", *limits)
            axes.set_xticks([50, 200, 1000])
            axes.set_ylim(1 - half, 1 + half)
            axes.tick_params(labelbottom=axes in grid[-1] or axes in grid.flat[len(bins) - _COLUMNS : len(bins)])
        height = drawing.get_figheight()
        drawing.subplots_adjust(
            left=0.13, right=0.98, top=1 - 0.1 / height, bottom=0.9 / height, hspace=0.08, wspace=0.05
        )
        drawing.text(0.98, 0.12 / height, _PT, ha="right", va="bottom", fontsize=20, color=INK)
        svg = to_svg(drawing, key)
    return Plot(
        key=key,
        svg=svg,
        title=f"Points and curves, |η| {bins[0].eta.low:g}-{bins[-1].eta.high:g}",
        caption="1 / median response of validation jets against their mean pT, and the polynomial with its error.",
        alt="Residual factors and their fits: "
        + "; ".join(f"|eta| {each.eta}, {len(each.points)} points of {each.jets} jets" for each in bins)
        + ".",
    )


def _limits(residual: Residual) -> tuple[float, float]:
    ends = [each.pt_range for each in residual.bins if len(each.points)] or [(30.0, 1000.0)]
    return 0.9 * min(low for low, _ in ends), 1.1 * max(high for _, high in ends)
