"""Which jets take part, how many each requirement removes, and the part of the dataset that an event belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import Jets
from jetcal.data.shards import PARTS, Events, Part
from jetcal_api.results import Cut
from jetcal_api.spec import JetSelection, Split

Requirement = tuple[str, NDArray[np.bool_]]


def requirements(jets: Jets, matched: NDArray[np.bool_], selection: JetSelection) -> list[Requirement]:
    """What a jet must fulfil, in order: a name for people and bool (N,) that tells which jets do."""
    columns = jets.jet
    finite = np.logical_and.reduce([np.isfinite(column) for column in columns.values()])
    positive = (columns["raw_pt"] > 0) & (columns["gen_pt"] > 0) & (columns["standard_pt"] > 0)
    return [
        ("matched to a generator jet", matched),
        ("finite values and pT above 0", finite & positive),
        (f"generator pT of {selection.min_gen_pt:g} GeV or more", columns["gen_pt"] >= selection.min_gen_pt),
        (f"|eta| of {selection.max_abs_eta:g} or less", np.abs(columns["eta"]) <= selection.max_abs_eta),
        ("at least one constituent", np.diff(jets.offsets) > 0),
    ]


def select(wanted: Sequence[Requirement]) -> tuple[NDArray[np.int64], list[Cut]]:
    """Indices of the jets that fulfil everything, and how many each requirement removed of those before it."""
    kept = np.ones(len(wanted[0][1]), bool)
    cuts = []
    for name, fulfilled in wanted:
        cuts.append(Cut(name=name, removed=int(np.count_nonzero(kept & ~fulfilled))))
        kept &= fulfilled
    return np.flatnonzero(kept), cuts


def add_cuts(tables: Iterable[Sequence[Cut]]) -> list[Cut]:
    """The sum of count tables with the same requirements in the same order; an empty table adds nothing."""
    rows = zip(*(table for table in tables if table), strict=True)
    return [Cut(name=row[0].name, removed=sum(cut.removed for cut in row)) for row in rows]


def parts(events: Events, split: Split) -> dict[Part, NDArray[np.int64]]:
    """Indices of the jets of each part, decided by the event alone, whatever file or order it comes in."""
    number = event_number(events)
    bounds = np.array([split.train, split.train + split.validation])
    part = np.searchsorted(bounds, number, side="right")
    return {name: np.flatnonzero(part == index) for index, name in enumerate(PARTS)}


def event_number(events: Events) -> NDArray[np.float64]:
    """A number in [0, 1) for each (run, lumi, event), evenly spread and the same everywhere."""
    mixed = np.zeros(len(events.event), np.uint64)
    for column in (events.run, events.lumi, events.event):
        mixed = _mix(mixed ^ column.astype(np.uint64))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One step of splitmix64 (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195); arithmetic is modulo 2^64."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
