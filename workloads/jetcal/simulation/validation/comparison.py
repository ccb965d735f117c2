"""Rows that set what was measured beside what is published, and the sentences drawn from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetcal.simulation.validation import measures, published
from jetcal.simulation.validation.measures import Measured, around, of
from jetcal.simulation.validation.published import Source
from jetcal.simulation.validation.sample import KINDS, Jets

RELATIVE, SHARE, MEDIAN = 0.10, 0.03, 0.005
"""Distances up to which a number counts as that of CMS: of ordinary ones, of energy shares, of median responses."""


MIN_PT, BARREL = 30.0, 1.3
"""Published numbers are those of jets above this pT (GeV), and in the barrel those below this |eta|."""


@dataclass(frozen=True)
class Row:
    """One number beside the published one; ``topic`` groups rows, ``where`` says for which jets."""

    topic: str
    where: str
    measured: Measured
    published: float
    tolerance: float
    source: Source

    @property
    def ratio(self) -> float:
        """Measured over published."""
        return self.measured.value / self.published

    @property
    def like(self) -> bool:
        """Whether the two agree within the tolerance."""
        return abs(self.measured.value - self.published) <= self.tolerance

    def document(self) -> dict[str, Any]:
        """The row as plain JSON."""
        return {
            "topic": self.topic,
            "where": self.where,
            "value": self.measured.value,
            "error": self.measured.error,
            "jets": self.measured.jets,
            "cms": self.published,
            "ratio": self.ratio,
            "tolerance": self.tolerance,
            "like": self.like,
            "source": self.source.short,
        }


def rows(jets: Jets) -> list[Row]:
    """All comparisons that the sample has jets for."""
    return [row for row in (*_composition(jets), *_resolution(jets), *_flavours(jets), *_event(jets)) if row]


def _row(
    names: tuple[str, str], measured: Measured | None, target: float, source: Source, tolerance: float | None = None
) -> Row | None:
    """A row, within ``RELATIVE`` unless another tolerance is given; None where nothing was measured."""
    if measured is None:
        return None
    return Row(*names, measured, target, RELATIVE * target if tolerance is None else tolerance, source)


def _composition(jets: Jets) -> Iterator[Row | None]:
    corrected, above = jets.corrected > MIN_PT, jets.generated > MIN_PT
    number = of(jets.constituents, corrected, measures.mean)
    names = "constituents", f"mean, corrected pT > {MIN_PT:g} GeV"
    yield _row(names, number, published.CONSTITUENTS, published.RECORD)
    for name in KINDS:
        share = of(getattr(jets, name.replace(" ", "_")), above, measures.mean)
        yield _row(("energy share", name), share, published.SHARES[name], published.PARTICLE_FLOW, SHARE)


def _resolution(jets: Jets) -> Iterator[Row | None]:
    for pt, width in published.RESOLUTION.items():
        yield _row(("resolution", f"{pt:g} GeV"), around(jets, pt), width / 1.349, published.STUDY)
    for pt, width in published.RESOLUTION_BARREL.items():
        names = "resolution", f"{pt:g} GeV in the barrel"
        yield _row(names, around(jets, pt, BARREL), width / 1.349, published.RECORD)


def _flavours(jets: Jets) -> Iterator[Row | None]:
    for name, codes in measures.FLAVOURS.items():
        chosen = (jets.generated > MIN_PT) & np.isin(jets.flavour, codes)
        response = of(jets.response, chosen, measures.median)
        yield _row(("median response", name), response, published.FLAVOUR[name], published.STUDY, MEDIAN)


def _event(jets: Jets) -> Iterator[Row | None]:
    found = of(jets.vertices / jets.interactions, jets.first, measures.mean)
    yield _row(("vertices", "per interaction"), found, published.VERTICES_PER_INTERACTION, published.VERTEXING)
    area = of(jets.area, jets.corrected > 0, measures.median)
    yield _row(("area", "median"), area, published.AREA, published.GEOMETRY)


def sentences(compared: list[Row]) -> tuple[str, str]:
    """Where the jets are like those of CMS, and where not, topic by topic."""
    if not compared:
        return "Too few jets to compare anything with CMS.", ""
    alike = [_listed(topic, [row for row in group if row.like]) for topic, group in _topics(compared)]
    apart = [_listed(topic, [row for row in group if not row.like], ratios=True) for topic, group in _topics(compared)]
    like, unlike = "; ".join(filter(None, alike)), "; ".join(filter(None, apart))
    return (
        f"Like CMS: {like or 'nothing'}.",
        f"Not like CMS (ratio to CMS): {unlike}." if unlike else "Nothing that was compared differs from CMS.",
    )


def _topics(compared: list[Row]) -> list[tuple[str, list[Row]]]:
    topics = dict.fromkeys(row.topic for row in compared)
    return [(topic, [row for row in compared if row.topic == topic]) for topic in topics]


def _listed(topic: str, group: list[Row], *, ratios: bool = False) -> str:
    if not group:
        return ""
    digits = 3 if topic == "median response" else 2
    names = (f"{row.where} {row.ratio:.{digits}f}" if ratios else row.where for row in group)
    return f"{topic} ({', '.join(names)})"
