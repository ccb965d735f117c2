"""How a model stands against others on the same jets: gains in resolution with paired errors, in words and tables."""

from __future__ import annotations

from collections.abc import Sequence

from jetcal.evaluation.binning import (
    ALL_ETA,
    INCLUSIVE_MIN_PT,
    INCLUSIVE_PT,
    PT_BINS,
    PUBLISHED_ETA,
    PUBLISHED_PT,
    WIDE_PT_RANGES,
)
from jetcal.evaluation.flavour import GROUPS
from jetcal.evaluation.measurement import INCLUSIVE, Cell, Measurements
from jetcal.evaluation.page.tables import Table, percent
from jetcal.evaluation.statements import CERTAIN
from jetcal.evaluation.statistics.estimate import Estimate


def sentence(measurements: Measurements, reference: str, other: str) -> str:
    """How the reference stands against another model: above 30 GeV, and in how many bins better or worse."""
    gain = measurements.gain(INCLUSIVE, reference, other)
    if gain is None:
        return f"Too few jets above {INCLUSIVE_MIN_PT:g} GeV to compare {reference} with {other}."
    size = percent(Estimate(abs(gain.value), gain.replicas), 2)
    word = "better" if gain.value >= 0 else "worse"
    gains = [
        found
        for eta in measurements.eta
        for pt in PT_BINS
        if (found := measurements.gain(Cell(eta, pt), reference, other)) is not None
    ]
    better, worse, surely = (
        sum(each.value > each.error for each in gains),
        sum(each.value < -each.error for each in gains),
        sum(each.value < -CERTAIN * each.error for each in gains),
    )
    return (
        f"Above {INCLUSIVE_MIN_PT:g} GeV the resolution of {reference} is {size} {word} than that of {other}; of "
        f"{len(gains)} bins in pT and |η| it is better beyond its error in {better} and worse in {worse}, "
        f"by more than {CERTAIN:g} errors in {surely}."
    )


def tables(measurements: Measurements, reference: str, others: Sequence[str]) -> list[Table]:
    """Gain in resolution of the reference over each of the others, in ranges of pT and |eta|, and by flavour."""
    if not others:
        return []
    etas = tuple(dict.fromkeys((ALL_ETA, *PUBLISHED_ETA, *measurements.eta)))
    ranges = tuple(dict.fromkeys((INCLUSIVE_PT, *WIDE_PT_RANGES, *PUBLISHED_PT, *PT_BINS)))
    by_range = [(f"{_eta(eta)}, {pt} GeV", Cell(eta, pt)) for eta in etas for pt in ranges]
    by_flavour = [(f"{group}, {pt} GeV", Cell(pt=pt, flavour=group)) for pt in ranges for group in GROUPS]
    return [
        _table(measurements, reference, others, f"Resolution gain of {reference} on the same jets{what}", cells)
        for what, cells in (("", by_range), (" by flavour", by_flavour))
    ]


def _table(
    measurements: Measurements, reference: str, others: Sequence[str], title: str, cells: Sequence[tuple[str, Cell]]
) -> Table:
    rows = []
    for name, cell in cells:
        gains = [measurements.gain(cell, reference, other) for other in others]
        if any(gains):
            rows.append((name, f"{measurements.cells[cell].jets}", *(percent(gain) for gain in gains)))
    return Table(title, ("range", "jets", *(f"over {other}" for other in others)), tuple(rows))


def _eta(eta: object) -> str:
    return "all |η|" if eta == ALL_ETA else f"|η| {eta}"
