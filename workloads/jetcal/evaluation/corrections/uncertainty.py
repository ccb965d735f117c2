"""Uncertainties of the calibrated scale in ranges of |eta| and pT, source by source and in total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import ABS_ETA_EDGES, MIN_JETS, PT_EDGES, Range
from jetcal.evaluation.corrections import sources
from jetcal.evaluation.corrections.eta_bins import EVERYWHERE, merged, merged_abs_eta
from jetcal.evaluation.corrections.residual import Residual
from jetcal.evaluation.corrections.sources import DEFINITIONS, SYSTEMATIC, Deviation
from jetcal.evaluation.response import CALIBRATED, Sample
from jetcal.evaluation.statistics.bootstrap import draw, median

JETS_OF_A_BIN = 1000
"""The collaboration's bins of pT are joined until they hold so many test jets: their scale is known to about 0.4 %."""

ALL_PT_EDGES = (0.0, *PT_EDGES[1:-1], 7000.0)
"""The collaboration's bins of pT, the outer ones opened to every jet that 14 TeV can make; GeV."""

FEW_REPLICAS = 30
"""Replicas where an uncertainty has an error of its own and each replica is dear."""

TOTAL = "total"
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Bin:
    """A range of |eta| and pT (GeV) with the number of test jets whose generator pT lies in it."""

    eta: Range
    pt: Range
    jets: int


@dataclass(frozen=True)
class Source:
    """One source of uncertainty in n bins (no unit).

    Attributes
    ----------
    definition
        What was done, in words.
    up, down
        How much higher and lower the true pT may be, relative to the calibrated one, shape (n,).
    error
        Statistical error of the larger one, shape (n,); NaN where the source is such an error itself.
    measured
        Shape (n,), bool; a bin in which there were too few jets has the value of the nearest one of the same |eta| that
        was measured, or the largest of all.
    in_total
        Whether the source is part of the total.
    """

    definition: str
    up: NDArray[np.float64]
    down: NDArray[np.float64]
    error: NDArray[np.float64]
    measured: NDArray[np.bool_]
    in_total: bool = True


@dataclass(frozen=True)
class Uncertainties:
    """How wrong the calibrated scale may be.

    Attributes
    ----------
    bins
        n bins by rising |eta|, then pT, without gaps; none with too few jets.
    sources
        Name -> source, in the order of tables; the total is not among them.
    notes
        What a reader must know, in sentences.
    """

    bins: tuple[Bin, ...]
    sources: dict[str, Source]
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Source:
        """The sources that are part of it, added in quadrature."""
        counted = {name: source for name, source in self.sources.items() if source.in_total}
        nothing = np.zeros(len(self.bins))
        return Source(
            definition=f"in quadrature: {', '.join(counted)}",
            up=np.sqrt(sum((source.up**2 for source in counted.values()), nothing)),
            down=np.sqrt(sum((source.down**2 for source in counted.values()), nothing)),
            error=np.full(len(self.bins), np.nan),
            measured=np.logical_and.reduce([nothing == 0, *(source.measured for source in counted.values())]),
        )

    def rows(self) -> list[dict[str, Any]]:
        """One row of plain JSON types for each source and bin: pT in GeV, uncertainties without unit."""
        return [
            {
                "source": name,
                "abs_eta_low": each.eta.low,
                "abs_eta_high": each.eta.high,
                "pt_low": each.pt.low,
                "pt_high": each.pt.high,
                "jets": each.jets,
                "up": float(source.up[number]),
                "down": float(source.down[number]),
                "error": None if np.isnan(source.error[number]) else float(source.error[number]),
                "measured": bool(source.measured[number]),
            }
            for name, source in {**self.sources, TOTAL: self.total}.items()
            for number, each in enumerate(self.bins)
        ]


def estimate(
    sample: Sample, residual: Residual, systematics: Mapping[str, Sample] | None = None, *, seed: int = 1
) -> Uncertainties:
    """All sources of uncertainty that the jets can tell.

    Parameters
    ----------
    sample
        Test jets with the correction ``calibrated``.
    residual
        What it was made with.
    systematics
        Name -> jets of another generator or detector with the correction ``calibrated`` by the same residual.
    seed
        Seed of the bootstrap.
    """
    bins = tuple(_bins(sample))
    if not bins:
        return Uncertainties((), {}, (f"no uncertainties: {len(sample)} test jets, {JETS_OF_A_BIN} are needed",))
    rng = np.random.default_rng(seed)
    found: dict[str, list[Deviation | None]] = {}
    for each in bins:
        for name, deviation in _of_bin(sample, residual, each, systematics or {}, rng).items():
            found.setdefault(name, []).append(deviation)
    made, notes = {}, []
    for name, deviations in found.items():
        if all(each is None for each in deviations):
            notes.append(f"no uncertainty '{name}': no bin holds {MIN_JETS} of the jets that it needs")
            continue
        definition = DEFINITIONS[name] if name in DEFINITIONS else SYSTEMATIC.format(name=name)
        made[name] = _source(definition, bins, deviations, in_total=name != ENSEMBLE)
    return Uncertainties(bins, made, tuple(notes))


def _bins(sample: Sample) -> Iterator[Bin]:
    abs_eta, gen_pt = np.abs(np.asarray(sample.eta, dtype=np.float64)), np.asarray(sample.gen_pt, dtype=np.float64)
    if EVERYWHERE.contains(abs_eta).sum() < JETS_OF_A_BIN:
        return
    for eta in merged_abs_eta(ABS_ETA_EDGES, sample.eta, JETS_OF_A_BIN):
        in_eta = gen_pt[eta.contains(abs_eta)]
        for pt in merged(np.array(ALL_PT_EDGES), in_eta, JETS_OF_A_BIN):
            yield Bin(eta, pt, int(pt.contains(in_eta).sum()))


def _of_bin(
    sample: Sample, residual: Residual, each: Bin, systematics: Mapping[str, Sample], rng: np.random.Generator
) -> dict[str, Deviation | None]:
    chosen = _inside(sample, each, sample.gen_pt)
    response = sample.response(CALIBRATED)[chosen]
    weights = _weights(sample, chosen, rng)
    middle = median(response, weights)
    near = _inside(sample, each, sample.corrected[CALIBRATED])
    found: dict[str, Deviation | None] = {
        "statistical": sources.statistical(middle),
        "fit": sources.fit(residual, sample.eta[chosen], float(sample.gen_pt[chosen].mean(dtype=np.float64))),
        "closure": sources.closure(middle),
        "flavour": sources.flavour(middle, response, sample.flavour[chosen], weights),
        "prior": sources.prior(
            sample.response(CALIBRATED)[near], sample.gen_pt[near], _weights(sample, near, rng, FEW_REPLICAS)
        )
        if len(near) >= MIN_JETS
        else None,
    }
    if CALIBRATED in sample.spreads:
        found[ENSEMBLE] = sources.ensemble(sample.spreads[CALIBRATED][chosen])
    for name, other in systematics.items():
        inside = _inside(other, each, other.gen_pt)
        found[name] = None
        if len(inside) >= MIN_JETS:
            others = median(other.response(CALIBRATED)[inside], _weights(other, inside, rng))
            found[name] = sources.systematic(middle, others)
    return found


def _inside(sample: Sample, each: Bin, pt: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.flatnonzero(each.eta.contains(np.abs(sample.eta)) & each.pt.contains(pt))


def _weights(
    sample: Sample, chosen: NDArray[np.int64], rng: np.random.Generator, replicas: int | None = None
) -> NDArray[np.uint8]:
    return draw(len(chosen), rng, None if sample.events is None else sample.events[chosen], replicas)


def _source(definition: str, bins: tuple[Bin, ...], found: list[Deviation | None], *, in_total: bool) -> Source:
    measured = np.array([each is not None for each in found])
    values = np.array(
        [(np.nan, np.nan, np.nan) if each is None else (each.up, each.down, each.error) for each in found], dtype=float
    )
    largest = np.nanmax(values[:, :2], axis=0)
    for number in np.flatnonzero(~measured):
        near = [other for other in np.flatnonzero(measured) if bins[other].eta == bins[number].eta]
        values[number, :2] = values[min(near, key=lambda other: abs(other - number)), :2] if near else largest
    up, down, error = values.T
    return Source(definition, up, down, error, measured, in_total)
