"""The report's plots in the order in which they are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from jetcal.evaluation.binning import WIDE_PT_RANGES
from jetcal.evaluation.measurement import Measurements
from jetcal.evaluation.plots import closure, distributions, flavour, intervals, resolution
from jetcal.evaluation.plots.style import Plot
from jetcal.evaluation.response import NETWORK, STANDARD


@dataclass(frozen=True)
class Section:
    """Plots under one heading.

    Attributes
    ----------
    anchor, title, text
        Its id, heading and introduction.
    plots
        What is looked at first.
    more
        What the page folds away.
    """

    anchor: str
    title: str
    text: str
    plots: tuple[Plot, ...]
    more: tuple[Plot, ...] = ()


def sections(measurements: Measurements, limit: float | None) -> list[Section]:
    """The plots in the order of the page; none if no range holds enough jets.

    Parameters
    ----------
    measurements
        What was found.
    limit
        Largest non-closure that is allowed (no unit), if anything is judged.
    """
    if not any(found.summaries for found in measurements.cells.values()):
        return []
    histograms = [distributions.distribution(measurements, pt) for pt in WIDE_PT_RANGES]
    found = [
        Section(
            "closure",
            "Closure",
            "The scale closes where the median response R = pT / pT(gen) is 1.",
            tuple(closure.closure(measurements, eta, limit) for eta in measurements.eta),
        ),
        Section(
            "resolution",
            "Resolution",
            "Relative width of the response, divided by its median so that a wrong scale cannot pass for a gain.",
            tuple(resolution.resolution(measurements, eta) for eta in measurements.eta),
        ),
        Section(
            "flavour",
            "Flavour",
            "Jets of different flavour have different particles. The standard correction is right only for their "
            "average mixture; what remains is an uncertainty of every measurement.",
            (
                flavour.inclusive(measurements),
                *(flavour.difference(measurements, pair) for pair in flavour.GLUON_PAIRS),
            ),
            tuple(
                flavour.by_pt(measurements, name) for name in (STANDARD, NETWORK) if name in measurements.corrections
            ),
        ),
        Section(
            "interval",
            "Predicted interval",
            "The network gives the 16 % and the 84 % quantile of the true pT for each jet.",
            (intervals.coverage(measurements, NETWORK), intervals.sides(measurements, NETWORK))
            if any(each.correction == NETWORK for each in measurements.coverages)
            else (),
        ),
        Section(
            "distributions",
            "Distributions of the response",
            "What the medians and widths are taken from.",
            (),
            tuple(plot for plot in histograms if plot),
        ),
    ]
    return [section for section in found if section.plots or section.more]
