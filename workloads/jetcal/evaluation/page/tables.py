"""The report's tables: every number in text, ready to be laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jetcal.evaluation.acceptance import worst_closure
from jetcal.evaluation.binning import ALL_ETA, INCLUSIVE_PT, PT_BINS, WIDE_PT_RANGES, Range
from jetcal.evaluation.flavour import ALL, GROUPS, PAIRS
from jetcal.evaluation.measurement import INCLUSIVE, Cell, Measurements
from jetcal.evaluation.page.plots.looks import name_of
from jetcal.evaluation.response import RAW, STANDARD
from jetcal.evaluation.statistics.estimate import Estimate
from jetcal.evaluation.statistics.summary import Summary

MISSING = "-"
"""Stands for what too few jets could not measure."""


PERCENT = "\N{NO-BREAK SPACE}%"


@dataclass(frozen=True)
class Table:
    """Header and rows of text; the first column names the row."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def number(estimate: Estimate | None, scale: float = 1.0, digits: int = 4) -> str:
    """Value ± error in text."""
    if estimate is None:
        return MISSING
    return (
        f"{scale * estimate.value:.{digits}f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{scale * estimate.error:.{digits}f}"
    )


def numbers(found: Sequence[Summary | None], quantity: str) -> tuple[str, ...]:
    """One quantity of several summaries, value ± error in text."""
    return tuple(number(getattr(each, quantity) if each else None) for each in found)


def percent(estimate: Estimate | None, digits: int = 1) -> str:
    """Value ± error in percent."""
    return MISSING if estimate is None else f"{number(estimate, 100, digits)}{PERCENT}"


def tables(measurements: Measurements) -> list[Table]:
    """All tables: scale and resolution per |eta|, flavours, differences, coverage."""
    etas = (ALL_ETA, *measurements.eta) if len(measurements.eta) > 1 else measurements.eta
    return [
        *(_response(measurements, eta) for eta in etas),
        _widths(measurements),
        _flavours(measurements),
        _differences(measurements),
        *(_coverage(measurements, name) for name in dict.fromkeys(each.correction for each in measurements.coverages)),
    ]


def glance(measurements: Measurements) -> Table:
    """The corrections side by side: one row to each, inclusive above 30 GeV."""
    rows = []
    for name in measurements.corrections:
        found = measurements.summary(INCLUSIVE, name)
        worst = worst_closure(measurements, name)
        covered = measurements.inclusive_coverage(name)
        rows.append(
            (
                name_of(name),
                percent(Estimate(worst.non_closure, worst.median.replicas)) if worst else MISSING,
                percent(found.resolution if found else None, 2),
                MISSING if name in {RAW, STANDARD} else percent(measurements.gain(INCLUSIVE, name, STANDARD)),
                percent(found.tails if found else None, 2),
                percent(measurements.flavour_spread(name)),
                percent(covered.inside if covered else None),
            )
        )
    return Table(
        "Corrections side by side",
        (
            "correction",
            "largest non-closure",
            "resolution",
            "gain over standard",
            "beyond 3 widths",
            "flavour spread",
            "inside 68 % interval",
        ),
        tuple(rows),
    )


def _response(measurements: Measurements, eta: Range) -> Table:
    corrections = measurements.corrections
    models = [name for name in corrections if name not in {RAW, STANDARD}]
    rows = []
    for pt in (INCLUSIVE_PT, *WIDE_PT_RANGES, *PT_BINS):
        cell = Cell(eta, pt)
        jets = measurements.cells[cell].jets
        if not jets:
            continue
        found = [measurements.summary(cell, name) for name in corrections]
        rows.append(
            (
                str(pt),
                f"{jets}",
                *numbers(found, "median"),
                *numbers(found, "resolution"),
                *(percent(measurements.gain(cell, name, STANDARD)) for name in models),
            )
        )
    return Table(
        f"Median response and resolution, {_eta(eta)}",
        (
            "generator pT [GeV]",
            "jets",
            *(f"median, {name_of(name)}" for name in corrections),
            *(f"resolution, {name_of(name)}" for name in corrections),
            *(f"gain, {name_of(name)}" for name in models),
        ),
        tuple(rows),
    )


def _widths(measurements: Measurements) -> Table:
    rows = []
    for pt in (INCLUSIVE_PT, *WIDE_PT_RANGES):
        for name in measurements.corrections:
            found = measurements.summary(Cell(pt=pt), name)
            widths = ("resolution_68", "resolution_87", "core_resolution", "core_mean")
            rows.append(
                (
                    f"{pt}, {name_of(name)}",
                    *(number(getattr(found, width) if found else None) for width in widths),
                    percent(found.tails_low if found else None, 2),
                    percent(found.tails_high if found else None, 2),
                )
            )
    return Table(
        "Other widths and tails, all |η|",
        (
            "generator pT [GeV], correction",
            "(q84 - q16) / 2 / q50",
            "central 87 % / 2 / 1.514 / q50",
            "width of the Gaussian core / q50",
            "mean of the Gaussian core",
            "beyond 3 widths below",
            "beyond 3 widths above",
        ),
        tuple(rows),
    )


def _flavours(measurements: Measurements) -> Table:
    rows = []
    for pt in (INCLUSIVE_PT, *WIDE_PT_RANGES):
        for group in GROUPS:
            cell = Cell(pt=pt, flavour=group)
            found = [measurements.summary(cell, name) for name in measurements.corrections]
            rows.append(
                (
                    f"{pt}, {group}",
                    f"{measurements.cells[cell].jets}",
                    *numbers(found, "median"),
                    *numbers(found, "resolution"),
                )
            )
    names = [name_of(name) for name in measurements.corrections]
    return Table(
        "By flavour, all |η|",
        ("generator pT [GeV], flavour", "jets", *(f"median, {n}" for n in names), *(f"resolution, {n}" for n in names)),
        tuple(rows),
    )


def _differences(measurements: Measurements) -> Table:
    rows = [
        (
            f"{pt}, {pair[0]} - {pair[1]}",
            *(number(measurements.flavour_difference(ALL_ETA, pt, pair, name)) for name in measurements.corrections),
        )
        for pt in (INCLUSIVE_PT, *WIDE_PT_RANGES)
        for pair in PAIRS
    ]
    return Table(
        "Differences of median responses between flavours, all |η|",
        ("generator pT [GeV], pair", *(name_of(name) for name in measurements.corrections)),
        tuple(rows),
    )


def _coverage(measurements: Measurements, correction: str) -> Table:
    rows = [
        (
            f"{each.cell.pt}, {_eta(each.cell.eta)}",
            f"{each.jets}",
            percent(each.coverage.inside if each.coverage else None),
            percent(each.coverage.below if each.coverage else None),
            percent(each.coverage.above if each.coverage else None),
        )
        for each in measurements.coverages
        if each.correction == correction and each.jets and each.cell.flavour == ALL
    ]
    return Table(
        f"Coverage of the predicted 68 % interval, {name_of(correction)}",
        ("corrected pT [GeV], |η|", "jets", "inside (68 %)", "below (16 %)", "above (16 %)"),
        tuple(rows),
    )


def _eta(eta: Range) -> str:
    return "all |η|" if eta == ALL_ETA else f"|η| {eta}"
