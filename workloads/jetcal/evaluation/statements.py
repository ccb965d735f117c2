"""What the measurements say, in sentences: where a correction closes, what it gains, and where not to use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jetcal.evaluation.binning import ALL_ETA, INCLUSIVE_MIN_PT, MIN_JETS, PT_BINS, WIDE_PT_RANGES, Range
from jetcal.evaluation.flavour import ALL, GROUPS
from jetcal.evaluation.measurement import INCLUSIVE, Cell, Measurements
from jetcal.evaluation.response import BASELINE, CALIBRATED, NETWORK, RAW, STANDARD
from jetcal.evaluation.statistics.estimate import Estimate
from jetcal.evaluation.statistics.intervals import NOMINAL_COVERAGE

TOLERANCE = 0.01
"""Distance of the median response from 1 within which a bin closes, beyond its error (no unit)."""

UNUSABLE = 0.02
"""Distance beyond which a bin is named as one not to use (no unit)."""

CERTAIN = 2.0
"""Errors by which a bin must be worse to be called so: among a hundred bins some are off by one error by chance."""

MAX_FACTOR_ERROR = 0.3
"""Relative error beyond which of a ratio only a lower limit is told: its replicas are then far from symmetric."""

_EXCEPTION = 2
"""Closing bins that a range must gain by each exception in it."""

_NAMES = {
    RAW: "no correction",
    STANDARD: "the standard correction",
    NETWORK: "the network",
    CALIBRATED: "the network with its residual correction",
    BASELINE: "the revision accepted before",
}


def statements(measurements: Measurements, correction: str = NETWORK) -> tuple[str, ...]:
    """The result in words, one sentence each, most important first.

    Parameters
    ----------
    measurements
        Of any number of corrections.
    correction
        The one that is spoken of; beside ``network`` also ``calibrated``, where there is one, is said to close or not.
    """
    closing = [CALIBRATED] if correction == NETWORK and CALIBRATED in measurements.corrections else []
    return (
        *(closure(measurements, name) for name in (*closing, correction)),
        *gain(measurements, correction),
        *flavours(measurements, correction),
        *coverage(measurements, correction),
        *limits(measurements, closing[0] if closing else correction),
    )


def closure(measurements: Measurements, correction: str) -> str:
    """Per |eta|, the widest range of generator pT in which the correction closes within 1 %, its exceptions named."""
    clauses = [_closes(measurements, correction, eta) for eta in measurements.eta]
    where = "; ".join(clauses) or "nowhere (no jets)"
    name = _name(correction)
    return f"{name[:1].upper()}{name[1:]} closes within {100 * TOLERANCE:g} % {where}."


def _closes(measurements: Measurements, correction: str, eta: Range) -> str:
    medians = [
        summary.median if (summary := measurements.summary(Cell(eta, pt), correction)) else None for pt in PT_BINS
    ]
    closes = [_off(median) <= TOLERANCE if median and median.error <= TOLERANCE else None for median in medians]
    if closes == [None] * len(PT_BINS):
        return f"nobody knows where at {_eta(eta)} (too few jets)"
    first, last = _widest(closes)
    if first == last:
        return f"in no bin at {_eta(eta)}"
    exceptions = [
        f"{pt} GeV ({_number(median, digits=3)})"
        for pt, median, fine in list(zip(PT_BINS, medians, closes, strict=True))[first:last]
        if median and not fine
    ]
    but = f", except {_listed(exceptions)}" if exceptions else ""
    return f"for {PT_BINS[first].low:g} < pT < {PT_BINS[last - 1].high:g} GeV, {_eta(eta)}{but}"


def _widest(closes: Sequence[bool | None]) -> tuple[int, int]:
    """First bin and the bin after the last of the run of tested bins with most closing ones less twice the others."""
    best, found = 0, (0, 0)
    for first in range(len(closes)):
        score = 0
        for last, fine in enumerate(closes[first:], start=first + 1):
            if fine is None:
                break
            score += 1 if fine else -_EXCEPTION
            if score > best:
                best, found = score, (first, last)
    return found


def gain(measurements: Measurements, correction: str, reference: str = STANDARD) -> tuple[str, ...]:
    """Gain in resolution above 30 GeV, and the bins with the largest and the smallest, errors considered."""
    found = measurements.gain(INCLUSIVE, correction, reference)
    if found is None:
        return (f"Too few jets above {INCLUSIVE_MIN_PT:g} GeV to compare the resolution with {_name(reference)}'s.",)
    sentence = (
        f"Above {INCLUSIVE_MIN_PT:g} GeV the resolution of {_name(correction)} is {_better(found)} than that of "
        f"{_name(reference)}"
    )
    bins = _bins(measurements, lambda cell: measurements.gain(cell, correction, reference))
    if len(bins) < 2:  # noqa: PLR2004 - best and worst are two
        return (f"{sentence}.",)
    best, most = max(bins, key=lambda each: each[1].value - each[1].error)
    worst, least = min(bins, key=lambda each: each[1].value + each[1].error)
    return (f"{sentence}; best at {_cell(best)} ({_percent(most)}), worst at {_cell(worst)} ({_percent(least)}).",)


def flavours(measurements: Measurements, correction: str, reference: str = STANDARD) -> tuple[str, ...]:
    """How far apart the flavours' median responses lie, and how much closer than the reference's."""
    known = [group for group in GROUPS if measurements.summary(Cell(flavour=group), correction) is not None]
    missing = [group for group in GROUPS if group not in known]
    sentences = []
    after, before = (measurements.flavour_spread(name) for name in (correction, reference))
    factor = measurements.spread_reduction(correction, reference)
    improvement = measurements.flavour_improvement(correction, reference)
    if after and before and factor and improvement:
        narrow = [
            f"{pt} GeV {_factor(each)}"
            for pt in WIDE_PT_RANGES
            if (each := measurements.spread_reduction(correction, reference, pt=pt)) is not None
        ]
        ranges = f" ({', '.join(narrow)})" if narrow else ""
        sentences.append(
            f"Above {INCLUSIVE_MIN_PT:g} GeV the median responses of {_listed(known)} jets lie within "
            f"{_percent(after)} after {_name(correction)}, within {_percent(before)} after {_name(reference)}: "
            f"closer by a factor {_factor(factor)}{ranges}; flavour improvement {_percent(improvement)}."
        )
    if missing:
        sentences.append(f"Fewer than {MIN_JETS} jets of {_listed(missing)}: nothing is known of their response.")
    return tuple(sentences)


def coverage(measurements: Measurements, correction: str) -> tuple[str, ...]:
    """Share of jets inside the predicted 68 % interval: all, by flavour, and in the bin that is furthest off."""
    inclusive = measurements.inclusive_coverage(correction)
    if inclusive is None:
        return ()
    groups = [
        f"{group} {_percent(found.inside)}"
        for group in GROUPS
        if (found := measurements.covered(correction, Cell(flavour=group))) is not None
    ]
    bins = [
        (each.cell, each.coverage.inside)
        for each in measurements.coverages
        if each.correction == correction and each.coverage
        if each.cell.flavour == ALL and each.cell.eta != ALL_ETA and each.cell.pt in PT_BINS
    ]
    sentence = (
        f"Of the jets above {INCLUSIVE_MIN_PT:g} GeV, {_percent(inclusive.inside)} have their true pT inside the "
        f"interval predicted to hold {100 * NOMINAL_COVERAGE:g} %"
    )
    by_flavour = f" ({', '.join(groups)})" if groups else ""
    if not bins:
        return (f"{sentence}{by_flavour}.",)
    worst, share = max(bins, key=lambda each: abs(each[1].value - NOMINAL_COVERAGE) - each[1].error)
    return (f"{sentence}{by_flavour}; furthest off at corrected {_cell(worst)} ({_percent(share)}).",)


def limits(measurements: Measurements, correction: str, reference: str = STANDARD) -> tuple[str, ...]:
    """Where the correction must not be used: worse than the reference, not closing, or not tested."""

    def is_worse(cell: Cell) -> bool:
        found = measurements.gain(cell, correction, reference)
        return found is not None and found.value + CERTAIN * found.error < 0

    def is_off(cell: Cell) -> bool:
        summary = measurements.summary(cell, correction)
        return summary is not None and _off(summary.median) > UNUSABLE

    def is_untested(cell: Cell) -> bool:
        return measurements.cells[cell].jets > 0 and measurements.summary(cell, correction) is None

    told = (
        (is_worse, f"the resolution is worse than that of {_name(reference)} by more than {CERTAIN:g} errors"),
        (is_off, f"the median response is more than {100 * UNUSABLE:g} % from 1 beyond its error"),
        (is_untested, f"fewer than {MIN_JETS} jets could test it"),
    )
    found = [(text, where) for chosen, text in told if (where := _where(measurements, chosen))]
    if not found and not any(cell.jets for cell in measurements.cells.values()):
        return ()
    if not found:
        return (f"No bin of pT and |η| speaks against using {_name(correction)}.",)
    return tuple(f"Do not use {_name(correction)} where {text}: {where}." for text, where in found)


def _where(measurements: Measurements, chosen: Callable[[Cell], bool]) -> str:
    """The chosen bins per |eta|, neighbours in pT joined."""
    places = []
    for eta in measurements.eta:
        joined: list[Range] = []
        for pt in (pt for pt in PT_BINS if chosen(Cell(eta, pt))):
            if joined and joined[-1].high == pt.low:
                joined[-1] = Range(joined[-1].low, pt.high)
            else:
                joined.append(pt)
        if joined:
            places.append(f"{_listed([str(each) for each in joined])} GeV at {_eta(eta)}")
    return "; ".join(places)


def _bins(measurements: Measurements, quantity: Callable[[Cell], Estimate | None]) -> list[tuple[Cell, Estimate]]:
    """In the bins above 30 GeV: below, the cut on the training's generator jets shapes what a network answers."""
    cells = [Cell(eta, pt) for eta in measurements.eta for pt in PT_BINS if pt.low >= INCLUSIVE_MIN_PT]
    return [(cell, found) for cell in cells if (found := quantity(cell)) is not None]


def _off(median: Estimate) -> float:
    """Distance from 1 beyond the error."""
    return abs(median.value - 1) - median.error


def _name(correction: str) -> str:
    return _NAMES.get(correction, correction)


def _cell(cell: Cell) -> str:
    return f"{cell.pt} GeV, {_eta(cell.eta)}"


def _eta(eta: Range) -> str:
    return f"|η| < {eta.high:g}" if not eta.low else f"{eta.low:g} < |η| < {eta.high:g}"


def _number(estimate: Estimate, scale: float = 1.0, digits: int = 1) -> str:
    return f"{scale * estimate.value:.{digits}f} ± {scale * estimate.error:.{digits}f}"


def _factor(estimate: Estimate) -> str:
    """The ratio with its error, or what it exceeds in 95 % of the replicas where its denominator agrees with zero."""
    if estimate.error < MAX_FACTOR_ERROR * estimate.value:
        return _number(estimate)
    return f"above {np.quantile(estimate.replicas, 0.05):.1f} (95 %)"


def _percent(estimate: Estimate) -> str:
    return f"{_number(estimate, 100)} %"


def _better(gain: Estimate) -> str:
    size = Estimate(abs(gain.value), gain.replicas)
    return f"{_percent(size)} {'better' if gain.value >= 0 else 'worse'}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
