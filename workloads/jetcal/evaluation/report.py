"""report.html: one page that needs nothing else, from the verdict down to every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from jetcal.evaluation import tables
from jetcal.evaluation.acceptance import MIN_JETS_JUDGED, Verdict, judged_range
from jetcal.evaluation.binning import INCLUSIVE_MIN_PT, MIN_JETS, WIDE_PT_RANGES
from jetcal.evaluation.estimate import Estimate
from jetcal.evaluation.measurement import INCLUSIVE, Measurements
from jetcal.evaluation.plots import closure, distributions, flavour, intervals, resolution
from jetcal.evaluation.plots.style import Plot
from jetcal.evaluation.response import BASELINE, NETWORK, STANDARD
from jetcal_api.spec import Acceptance

_NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Card:
    """One figure of the first screen: its name, its number, and what it means."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """Plots under one heading."""

    anchor: str
    title: str
    text: str
    plots: tuple[Plot, ...]


def render(
    measurements: Measurements,
    verdict: Verdict,
    acceptance: Acceptance,
    provenance: dict[str, Any],
    plots: Sequence[Section],
    *,
    model_card: str = "",
) -> str:
    """The page as text.

    Parameters
    ----------
    measurements, verdict, acceptance
        What was found, how it was judged, by which thresholds.
    provenance
        As of :func:`jetcal.evaluation.provenance.provenance`.
    plots
        As of :func:`sections`.
    model_card
        The exported model's card.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jetcal.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup
    return environment.get_template("report.html").render(
        verdict=verdict,
        cards=cards(measurements, verdict, acceptance),
        served=_served(measurements),
        sections=plots,
        tables=tables.tables(measurements),
        jets=measurements.jets,
        replicas=measurements.replicas,
        thresholds=acceptance.model_dump(by_alias=True),
        provenance=provenance,
        model_card=model_card,
        min_jets=MIN_JETS,
        min_jets_judged=MIN_JETS_JUDGED,
        judged_from=judged_range().low,
        inclusive_from=INCLUSIVE_MIN_PT,
    )


def cards(measurements: Measurements, verdict: Verdict, acceptance: Acceptance) -> list[Card]:
    """The four figures of the first screen."""
    worst = verdict.worst
    network, standard = (measurements.summary(INCLUSIVE, name) for name in (NETWORK, STANDARD))
    gain = measurements.gain(INCLUSIVE, NETWORK, STANDARD)
    spread, standard_spread = (measurements.flavour_spread(name) for name in (NETWORK, STANDARD))
    covered = measurements.inclusive_coverage(NETWORK)
    return [
        Card(
            "Closure",
            tables.percent(Estimate(worst.non_closure, worst.median.replicas)) if worst else _NOT_MEASURED,
            f"largest distance of the median response from 1: at {worst.cell.pt} GeV, |η| {worst.cell.eta}; "
            f"allowed {100 * acceptance.max_non_closure:g}{tables.PERCENT} beyond its error"
            if worst
            else f"no bin above {judged_range().low:g} GeV holds {MIN_JETS_JUDGED} jets",
        ),
        Card(
            "Resolution gain",
            tables.percent(gain) if gain else _NOT_MEASURED,
            f"over the standard correction above {INCLUSIVE_MIN_PT:g} GeV: "
            f"{100 * network.resolution.value:.1f}{tables.PERCENT} instead of "
            f"{100 * standard.resolution.value:.1f}{tables.PERCENT}; "
            f"asked at least {100 * acceptance.min_resolution_gain:g}{tables.PERCENT}"
            if network and standard
            else f"fewer than {MIN_JETS} jets above {INCLUSIVE_MIN_PT:g} GeV",
        ),
        Card(
            "Flavour spread",
            tables.percent(spread) if spread else _NOT_MEASURED,
            f"between the median responses of uds, c, b and g; standard correction {tables.percent(standard_spread)}"
            if spread
            else f"fewer than two flavours with {MIN_JETS} jets",
        ),
        Card(
            "Interval",
            tables.percent(covered.inside) if covered else _NOT_MEASURED,
            "of the jets have their true pT inside the predicted 68 % interval"
            if covered
            else "the network predicts no interval, or too few jets",
        ),
    ]


def sections(measurements: Measurements, acceptance: Acceptance) -> list[Section]:
    """The plots in the order of the page; none if no range holds enough jets."""
    if not any(found.summaries for found in measurements.cells.values()):
        return []
    histograms = [distributions.distribution(measurements, pt) for pt in WIDE_PT_RANGES]
    return [
        Section(
            "closure",
            "Closure",
            "The scale closes where the median response R = pT / pT(gen) is 1.",
            tuple(closure.closure(measurements, eta, acceptance.max_non_closure) for eta in measurements.eta),
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
                *(flavour.by_pt(measurements, name) for name in (STANDARD, NETWORK)),
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
            tuple(plot for plot in histograms if plot),
        ),
    ]


def _served(measurements: Measurements) -> str:
    gain = measurements.gain(INCLUSIVE, NETWORK, BASELINE)
    if gain is None:
        return ""
    size = Estimate(abs(gain.value), gain.replicas)
    word = "better" if gain.value >= 0 else "worse"
    return f"Beside the revision accepted before: resolution {tables.percent(size)} {word} on the same jets."
