"""The figures of the report's first screen."""

from __future__ import annotations

from dataclasses import dataclass

from jetcal.evaluation.acceptance import MIN_JETS_JUDGED, Verdict, judged_range
from jetcal.evaluation.binning import INCLUSIVE_MIN_PT, MIN_JETS
from jetcal.evaluation.measurement import INCLUSIVE, Measurements
from jetcal.evaluation.page import tables
from jetcal.evaluation.response import BASELINE, NETWORK, STANDARD
from jetcal.evaluation.statistics.estimate import Estimate
from jetcal_api.spec import Acceptance

_NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Card:
    """One figure of the first screen: its name, its number, and what it means."""

    name: str
    value: str
    meaning: str


def cards(measurements: Measurements, verdict: Verdict, acceptance: Acceptance) -> list[Card]:
    """The four figures of the network that is judged."""
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


def beside_served(measurements: Measurements) -> str:
    """One sentence on the gain over the revision accepted before; empty without one."""
    gain = measurements.gain(INCLUSIVE, NETWORK, BASELINE)
    if gain is None:
        return ""
    size = Estimate(abs(gain.value), gain.replicas)
    word = "better" if gain.value >= 0 else "worse"
    return f"Beside the revision accepted before: resolution {tables.percent(size)} {word} on the same jets."
