"""The judgement: thresholds against figures, with a sentence for each one that is missed.

A threshold counts as missed only when the figure lies beyond it by more than its own statistical error (one standard
deviation of the bootstrap). A sample too small to measure a figure is no reason to accept.
"""

from __future__ import annotations

from dataclasses import dataclass

from jetcal.evaluation.binning import INCLUSIVE_MIN_PT, PT_BINS, Range
from jetcal.evaluation.measurement import INCLUSIVE, Cell, Measurements
from jetcal.evaluation.response import BASELINE, CALIBRATED, NETWORK, RAW, STANDARD
from jetcal.evaluation.statistics.estimate import Estimate
from jetcal_api.spec import Acceptance

MIN_CLOSURE_PT = 50.0
"""Closure is judged in bins of generator pT from here on, GeV; below, cuts on the reconstructed pT bias it."""

MIN_JETS_JUDGED = 200
"""Fewer jets in a bin, or above 30 GeV in all, judge nobody: their statistical error rivals the thresholds."""


@dataclass(frozen=True)
class Closure:
    """The median response in the bin that is furthest from 1, statistical error considered.

    Attributes
    ----------
    cell
        The bin.
    jets
        Its jets.
    median
        Median response there (no unit).
    """

    cell: Cell
    jets: int
    median: Estimate

    @property
    def non_closure(self) -> float:
        """abs(median response - 1) (no unit)."""
        return abs(self.median.value - 1)

    @property
    def beyond_error(self) -> float:
        """Non-closure less its statistical error (no unit)."""
        return self.non_closure - self.median.error


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate may serve.

    Attributes
    ----------
    accepted
        Whether no threshold was missed.
    reasons
        One sentence with its number for each threshold that was missed.
    figures
        The deciding numbers by stable names, all without unit; those that could not be measured are left out.
    worst
        The bin that decided about closure; None without any bin with enough jets.
    """

    accepted: bool
    reasons: tuple[str, ...]
    figures: dict[str, float]
    worst: Closure | None


def worst_closure(measurements: Measurements, correction: str) -> Closure | None:
    """The judged bin in which abs(median - 1) exceeds its statistical error by most.

    Judged are the bins of generator pT above 50 GeV in each range of |eta| that hold at least ``MIN_JETS_JUDGED`` jets.
    """
    judged = []
    for eta in measurements.eta:
        for pt in PT_BINS:
            cell = Cell(eta, pt)
            summary = measurements.summary(cell, correction)
            jets = measurements.cells[cell].jets
            if pt.low >= MIN_CLOSURE_PT and summary is not None and jets >= MIN_JETS_JUDGED:
                judged.append(Closure(cell, jets, summary.median))
    return max(judged, key=lambda closure: closure.beyond_error, default=None)


def judge(measurements: Measurements, acceptance: Acceptance, invalid: int = 0) -> Verdict:
    """Hold the network against the thresholds of ``spec.evaluation.acceptance``.

    Parameters
    ----------
    measurements
        With the corrections ``network``, ``standard`` and, where there is one to beat, ``baseline``.
    acceptance
        The thresholds.
    invalid
        Jets for which the network gave no usable correction.
    """
    closure = worst_closure(measurements, NETWORK)
    enough = measurements.cells[INCLUSIVE].jets >= MIN_JETS_JUDGED
    gain = measurements.gain(INCLUSIVE, NETWORK, STANDARD) if enough else None
    baseline_gain = measurements.gain(INCLUSIVE, NETWORK, BASELINE) if enough else None
    has_baseline = BASELINE in measurements.corrections
    reasons = [
        _invalid(invalid, measurements.jets),
        _closure(closure, acceptance.max_non_closure),
        _gain(gain, acceptance.min_resolution_gain),
        _beats_served(baseline_gain) if acceptance.must_beat_served and has_baseline else None,
    ]
    missed = tuple(reason for reason in reasons if reason is not None)
    return Verdict(
        accepted=not missed,
        reasons=missed,
        figures=_figures(measurements, closure, gain, baseline_gain),
        worst=closure,
    )


def _invalid(invalid: int, jets: int) -> str | None:
    if not invalid:
        return None
    return f"Predictions: the network gave no finite, positive correction for {invalid} of {jets + invalid} test jets."


def _closure(closure: Closure | None, limit: float) -> str | None:
    if closure is None:
        return (
            f"Closure: no bin of generator pT above {MIN_CLOSURE_PT:g} GeV holds {MIN_JETS_JUDGED} test jets; "
            "give more data or a larger share of test events."
        )
    if closure.beyond_error <= limit:
        return None
    return (
        f"Closure: the median response is {closure.median.value:.4f} ± {closure.median.error:.4f} "
        f"at generator pT {closure.cell.pt} GeV and |eta| {closure.cell.eta} ({closure.jets} jets), "
        f"further from 1 than maxNonClosure {limit:g} beyond its statistical error."
    )


def _gain(gain: Estimate | None, limit: float) -> str | None:
    if gain is None:
        return (
            f"Resolution: fewer than {MIN_JETS_JUDGED} test jets above {INCLUSIVE_MIN_PT:g} GeV; "
            "give more data or a larger share of test events."
        )
    if gain.value + gain.error >= limit:
        return None
    return (
        f"Resolution: the gain over the standard correction above {INCLUSIVE_MIN_PT:g} GeV is "
        f"{gain.value:.4f} ± {gain.error:.4f}, below minResolutionGain {limit:g} beyond its statistical error."
    )


def _beats_served(gain: Estimate | None) -> str | None:
    if gain is None or gain.value + gain.error >= 0:
        return None
    return (
        f"Served revision: the candidate's resolution above {INCLUSIVE_MIN_PT:g} GeV is worse than that of the "
        f"revision accepted before by {-gain.value:.4f} ± {gain.error:.4f} of it (mustBeatServed)."
    )


def _figures(
    measurements: Measurements, closure: Closure | None, gain: Estimate | None, baseline_gain: Estimate | None
) -> dict[str, float]:
    figures: dict[str, Estimate | float | None] = {
        "max_non_closure": closure.non_closure if closure else None,
        "max_non_closure_error": closure.median.error if closure else None,
        "resolution_gain": gain,
        "baseline_gain": baseline_gain,
    }
    calibrated = worst_closure(measurements, CALIBRATED) if CALIBRATED in measurements.corrections else None
    figures |= {
        "max_non_closure_calibrated": calibrated.non_closure if calibrated else None,
        "max_non_closure_calibrated_error": calibrated.median.error if calibrated else None,
        "flavour_improvement": measurements.flavour_improvement(NETWORK),
        "spread_reduction": measurements.spread_reduction(NETWORK),
    }
    for name in measurements.corrections:
        if name == RAW:
            continue
        summary = measurements.summary(INCLUSIVE, name)
        figures[f"resolution_{name}"] = summary.resolution if summary else None
        figures[f"flavour_spread_{name}"] = measurements.flavour_spread(name)
        figures[f"tails_{name}"] = summary.tails if summary else None
    coverage = measurements.inclusive_coverage(NETWORK)
    figures["coverage_68"] = coverage.inside if coverage else None
    plain: dict[str, float] = {}
    for name, figure in figures.items():
        if isinstance(figure, Estimate):
            plain[name] = figure.value
            plain[f"{name}_error"] = figure.error
        elif figure is not None:
            plain[name] = figure
    return plain


def judged_range() -> Range:
    """Range of generator pT in which closure is judged, GeV."""
    judged = [pt for pt in PT_BINS if pt.low >= MIN_CLOSURE_PT]
    return Range(judged[0].low, judged[-1].high)
