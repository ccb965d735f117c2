"""Whether what formulas make of an ntuple can be jets in GeV: a wrong unit is told here, before a network learns it.

Medians, and shares of values, over the first jets of each file are compared with ranges wide enough for every detector
at the LHC, from pile-up jets to boosted ones, so that a few broken jets raise no alarm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetcal.data import mapping
from jetcal.data.jets import Jets, concatenate, take
from jetcal.data.mapping import Piece
from jetcal.errors import JetcalError
from jetcal_api.columns import Columns

ENOUGH, MOST = 50, 2000
"""Jets that are looked at in a file; fewer wait for those of the next one."""
PARTICLES = (11, 13, 22, 130, 211, 310, 321, 2112, 2212)
"""PDG numbers that detectors give to candidates."""
FORWARD_PARTICLES, FORWARD = (1, 2), 2.5
"""What CMS calls clusters of the forward calorimeter, in jets beyond this |eta|; in others they are codes of a type."""
FEW, SOME, MANY = 0.005, 0.1, 0.5
"""Shares of values out of range that are too many: where none can be, where some are broken, where kinds differ."""

DETECTOR = 6.0
"""|eta| where all detectors end."""


class Doubt(NamedTuple):
    """Why a column cannot be what it should be: its name, what is found, what is expected, and what may help."""

    column: str
    found: str
    expected: str
    remedy: str


class Range(NamedTuple):
    """Where the median of a column's positive values lies, and in what."""

    low: float
    high: float
    unit: str


RANGES = {
    "jet.rawPt": Range(3, 7000, "GeV"),
    "jet.standardPt": Range(3, 7000, "GeV"),
    "jet.genPt": Range(3, 7000, "GeV"),
    "jet.rawMass": Range(0, 2000, "GeV"),
    "jet.rho": Range(0, 500, "GeV"),
    "jet.area": Range(0, 10, "in eta and phi"),
    "jet.nVertices": Range(0, 500, "vertices"),
    "constituent.pt": Range(0, 300, "GeV"),
    "constituent.mass": Range(0, 5, "GeV"),
}
"""Jets have from a few GeV to half the energy of a collision, their candidates less, with masses of hadrons."""
OF_RAW_PT = "of jet.rawPt"
RATIOS = {
    "jet.standardPt": Range(0.2, 5, OF_RAW_PT),
    "jet.genPt": Range(0.2, 5, OF_RAW_PT),
    "jet.rawMass": Range(0.003, 1, OF_RAW_PT),
}
"""The same after division by the raw pT."""
CARRIED = Range(0.2, 5, OF_RAW_PT)
"""Sum of the constituents' pT over the jet's: about 1, more where weights against pile-up are left out."""


class Watch:
    """Looks at the first jets of each file.

    Parameters
    ----------
    columns
        Formulas by which the jets were read.
    truth
        Whether the jets have the columns of generator truth and standard correction too.
    """

    def __init__(self, columns: Columns, *, truth: bool = True) -> None:
        self._formulas = mapping.formulas(columns, truth=truth)
        self._waiting: list[Jets] = []
        self._seen = ""

    def see(self, piece: Piece, file: str) -> None:
        """Take note of a file's next piece.

        Raises
        ------
        JetcalError
            If enough jets are there and a column of theirs cannot be in its unit.
        """
        if file == self._seen:
            return
        pt = piece.jets.jet["raw_pt"]
        usable = np.flatnonzero(np.isfinite(pt) & (pt > 0))[:MOST]
        self._waiting.append(take(piece.jets, usable))
        if sum(map(len, self._waiting)) < ENOUGH:
            return
        jets, self._waiting, self._seen = concatenate(self._waiting), [], file
        found = list(doubts(jets, self._formulas))
        if not found:
            return
        first = found[0]
        others = dict.fromkeys(doubt.column for doubt in found if doubt.column != first.column)
        also = f"; see to {', '.join(others)} too" if others else ""
        error = (
            f"{file}: spec.dataset.columns.{first.column} ('{self._formulas[first.column]}') {first.found}, but "
            f"{first.expected}: {first.remedy}{also}"
        )
        raise JetcalError(error)


def doubts(jets: Jets, formulas: Mapping[str, str]) -> Iterator[Doubt]:
    """What cannot be true of jets whose raw pT is positive, the most telling first; columns they lack are no doubt."""
    columns = {mapping.name_of("jet", name): values for name, values in jets.jet.items()}
    columns |= {mapping.name_of("constituent", name): values for name, values in jets.constituents.items()}
    for name in filter(columns.__contains__, RANGES):
        yield from _outside(name, _median(columns[name]), RANGES[name], formulas[name])
    for name in filter(columns.__contains__, RATIOS):
        yield from _outside(name, _median(columns[name] / columns["jet.rawPt"]), RATIOS[name], formulas[name])
    yield from _members(jets, formulas)
    yield from _directions(jets, formulas)
    yield from _codes(jets)


def _outside(name: str, median: float, allowed: Range, text: str) -> Iterator[Doubt]:
    if not (median < allowed.low or median > allowed.high):
        return
    term = text if text.isidentifier() else f"({text})"
    remedy = "it may be another branch"
    far = median > 20 * allowed.high or median < allowed.low / 10
    if allowed.unit == "GeV" or (allowed.unit == OF_RAW_PT and far):
        unit, factor = ("MeV", "/ 1000") if median > allowed.high else ("TeV", "* 1000")
        remedy = f"if it is {unit}, write {term} {factor}"
    expected = f"{allowed.low:g} to {allowed.high:g} {allowed.unit} is expected"
    yield Doubt(name, f"has a median of {median:.4g}", expected, remedy)


def _members(jets: Jets, formulas: Mapping[str, str]) -> Iterator[Doubt]:
    counts = np.diff(jets.offsets)
    empty = float(np.mean(counts == 0))
    if empty > MANY:
        found = f"leaves {empty:.0%} of the jets without a constituent"
        yield Doubt("constituent.member", found, "every jet has some", "mend it, or constituent.jet")
        return
    carried = np.bincount(np.repeat(np.arange(len(jets)), counts), jets.constituents["pt"], len(jets))
    ratio = _median((carried / jets.jet["raw_pt"])[counts > 0])
    for doubt in _outside("constituent.pt", ratio, CARRIED, formulas["constituent.pt"]):
        if doubt.remedy.startswith("if"):
            yield doubt._replace(found=f"adds up to {ratio:.3g} of the jets' raw pT in the median")
            continue
        found = f"lets in constituents with {ratio:.2g} of the jets' raw pT in the median"
        remedy = "it takes those of other jets" if ratio > 1 else "it leaves some out"
        yield Doubt("constituent.member", found, "they carry about all of it", remedy)


def _directions(jets: Jets, formulas: Mapping[str, str]) -> Iterator[Doubt]:
    far = _share(np.abs(jets.jet["eta"]) > DETECTOR)
    if far > SOME:
        found = f"is beyond {DETECTOR:g} for {far:.0%} of the jets"
        yield Doubt("jet.eta", found, "detectors end before", "give pseudorapidity, not degrees or a number of cells")
    deta, dphi = jets.constituents["deta"], jets.constituents["dphi"]
    beyond = _share(np.abs(dphi) > np.pi + 1e-3)
    if beyond > FEW:
        found = f"is beyond pi for {beyond:.1%} of the candidates"
        yield Doubt("constituent.dphi", found, "no angle is", f"write wrap({formulas['constituent.dphi']})")
        return
    distance, radius = _median(np.hypot(deta, dphi)), np.sqrt(_median(jets.jet["area"]) / np.pi)
    if distance > 2 * radius:
        found = f"and dphi put half of the constituents more than {distance:.2g} from the axis"
        expected = f"the area speaks of a radius of {radius:.2g}"
        yield Doubt("constituent.deta", found, expected, "subtract eta and phi of the jet")


def _codes(jets: Jets) -> Iterator[Doubt]:
    number = np.abs(jets.constituents["id"])
    forward = np.repeat(np.abs(jets.jet["eta"]) > FORWARD, np.diff(jets.offsets))
    unknown = _share(~(np.isin(number, PARTICLES) | (forward & np.isin(number, FORWARD_PARTICLES))))
    if unknown > MANY:
        found = f"is no PDG number of a candidate for {unknown:.0%} of them"
        remedy = "make one, as in where(charge != 0, 211, 22)"
        yield Doubt("constituent.id", found, f"{', '.join(map(str, PARTICLES[:5]))} are expected", remedy)
    odd = _share(~np.isin(jets.constituents["from_pv"], (0, 1, 2, 3)))
    if odd > SOME:
        found = f"is none of 0, 1, 2 and 3 for {odd:.0%} of the candidates"
        remedy = "make one of them, as in where(quality == 7, 3, 1)"
        yield Doubt("constituent.fromPv", found, "those are its steps", remedy)


def _median(values: NDArray[np.floating]) -> float:
    """Of the values above 0; NaN, which is in every range, if they are few."""
    positive = values[np.isfinite(values) & (values > 0)]
    return float(np.median(positive)) if len(positive) >= ENOUGH // 2 else np.nan


def _share(wrong: NDArray[np.bool_]) -> float:
    return float(np.mean(wrong)) if len(wrong) >= ENOUGH else 0.0
