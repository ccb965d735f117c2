"""Derives the standard correction from a sample of its own: ``python -m jetcal.simulation.derive_standard``.

The sample shares no event with any that `jetcal simulate` makes: its random numbers come from a domain of their own.
Each hard event passes the detector twice, with pile-up and without, so that the offset is measured on the same jets.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.polynomial import polynomial

from jetcal.simulation import standard
from jetcal.simulation.clustering import areas
from jetcal.simulation.flat import Floats, Ints, best_of, delta_phi, pairs
from jetcal.simulation.generator import Generator
from jetcal.simulation.matching import MATCHING_DISTANCE, match
from jetcal.simulation.overlay import overlay, without_pileup
from jetcal.simulation.processes import run_tasks
from jetcal.simulation.production import BATCH
from jetcal.simulation.reconstruction import Reconstruction, generator_jets, reconstruct_events
from jetcal.simulation.settings import JET_MAX_ABS_ETA, MINIMUM_BIAS_LINES, QCD_LINES, seed_sequence
from jetcal.simulation.standard import StandardCorrection

DOMAIN = "standard correction"
ABS_ETA = (0.0, 0.522, 1.044, 1.305, 1.479, 1.74, 1.93, 2.172, 2.322, 2.5)
BARREL = 1.305
GEN_PT = (12, 15, 17, 20, 23, 27, 30, 35, 40, 45, 57, 72, 90, 120, 150, 200, 300, 400, 550, 750, 1000, 1500, 3000)
RHO = np.linspace(0, 60, 16)
ABSOLUTE_DEGREE, RELATIVE_DEGREE = 5, 3
MIN_ENTRIES = 30
OFFSET_MIN_PT = 20.0
PILEUP = 25.0
EVENTS_PER_TASK = 5000
POOL = 2000


@dataclass(frozen=True)
class Sample:
    """Matched jets: generator pT, uncorrected pT with and without pile-up (0: no such jet), eta, area, rho."""

    gen_pt: Floats
    pt: Floats
    pt_without: Floats
    eta: Floats
    area: Floats
    rho: Floats


def simulate_sample(index: int, events: int) -> Sample:
    """One part of the sample."""
    seeds = seed_sequence(DOMAIN, index).spawn(3)
    pool = Generator(MINIMUM_BIAS_LINES, seeds[0]).minimum_bias(POOL)
    generator = Generator(QCD_LINES, seeds[1])
    rng = np.random.default_rng(seeds[2])
    parts = []
    for _ in range(0, events, BATCH):
        hard = generator.hard_events(BATCH)
        full = reconstruct_events(overlay(hard.particles, pool, PILEUP, rng), rng)
        clean = reconstruct_events(without_pileup(hard.particles), rng)
        rows = np.flatnonzero(np.abs(full.jets.eta) < JET_MAX_ABS_ETA)
        generated = generator_jets(hard.particles, GEN_PT[0])
        partner = match(full.jets, rows, generated)
        rows, partner = rows[partner >= 0], partner[partner >= 0]
        event = full.jets.event[rows]
        parts.append(
            Sample(
                gen_pt=generated.pt[partner],
                pt=full.jets.pt[rows],
                pt_without=_same_jet(full, rows, clean),
                eta=full.jets.eta[rows],
                area=areas(full.jets, rows),
                rho=full.rho[event],
            )
        )
    return join(parts)


def join(parts: list[Sample]) -> Sample:
    """All parts in one."""
    names = Sample.__dataclass_fields__
    return Sample(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def derive(sample: Sample) -> StandardCorrection:
    """Offset, relative and absolute correction, each derived with the previous ones applied."""
    abs_eta = np.asarray(ABS_ETA)
    eta_bin = np.searchsorted(abs_eta, np.abs(sample.eta), side="right") - 1
    bins = range(len(abs_eta) - 1)
    offset = np.array([_offset(sample, eta_bin == number) for number in bins])
    flat = StandardCorrection(abs_eta, offset, np.ones((len(abs_eta) - 1, 1)), np.ones(1), (1.0, 1e4))
    pt = sample.pt * flat.l1(sample.pt, sample.eta, sample.area, sample.rho)
    barrel = np.abs(sample.eta) < BARREL
    reference = _responses(sample.gen_pt[barrel], pt[barrel])
    relative = []
    for number in bins:
        response, mean_pt, error = _responses(sample.gen_pt[eta_bin == number], pt[eta_bin == number])
        good = np.isfinite(response) & np.isfinite(reference[0])
        ratio = reference[0] / response
        relative.append(_fit(mean_pt[good], ratio[good], np.hypot(error, reference[2])[good], RELATIVE_DEGREE))
    response, mean_pt, error = reference
    good = np.isfinite(response)
    absolute = _fit(mean_pt[good], 1 / response[good], error[good], ABSOLUTE_DEGREE)
    pt_range = (float(np.round(mean_pt[good][0], 1)), float(np.round(mean_pt[good][-1], 1)))
    return StandardCorrection(abs_eta, offset, np.array(relative), absolute, pt_range)


def _same_jet(full: Reconstruction, rows: Ints, clean: Reconstruction) -> Floats:
    """Transverse momentum of the jet without pile-up nearest to each jet with it, 0 without one within 0.2."""
    left, right = pairs(full.jets.event[rows], clean.jets.offsets)
    deta = clean.jets.eta[right] - full.jets.eta[rows][left]
    distance = np.hypot(deta, delta_phi(clean.jets.phi[right], full.jets.phi[rows][left]))
    near = distance < MATCHING_DISTANCE
    owner, best = best_of(left[near], -distance[near])
    pt = np.zeros(len(rows))
    pt[owner] = clean.jets.pt[right[near][best]]
    return pt


def _offset(sample: Sample, selected: np.ndarray) -> Floats:
    """Straight line through the median offset per area in bins of rho."""
    selected = selected & (sample.pt_without > OFFSET_MIN_PT) & (sample.area > 0)
    density = ((sample.pt - sample.pt_without) / np.maximum(sample.area, 1e-3))[selected]
    rho = sample.rho[selected]
    points = []
    for low, high in pairwise(RHO):
        inside = (rho >= low) & (rho < high)
        if inside.sum() >= MIN_ENTRIES:
            error = 1.253 * density[inside].std() / np.sqrt(inside.sum())
            points.append((rho[inside].mean(), np.median(density[inside]), error))
    x, y, error = np.array(points).T
    return np.asarray(polynomial.polyfit(x, y, 1, w=1 / error))


def _responses(gen_pt: Floats, pt: Floats) -> tuple[Floats, Floats, Floats]:
    """Median response, mean reconstructed pT and the median's error (1.253 RMS / sqrt N) in bins of generator pT."""
    rows = np.full((len(GEN_PT) - 1, 3), np.nan)
    for number, (low, high) in enumerate(pairwise(GEN_PT)):
        inside = (gen_pt >= low) & (gen_pt < high)
        if inside.sum() >= MIN_ENTRIES:
            response = pt[inside] / gen_pt[inside]
            width = (np.quantile(response, 0.84) - np.quantile(response, 0.16)) / 2
            rows[number] = np.median(response), pt[inside].mean(), 1.253 * width / np.sqrt(inside.sum())
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _fit(pt: Floats, factor: Floats, error: Floats, degree: int) -> Floats:
    return np.asarray(polynomial.polyfit(np.log10(pt), factor, min(degree, len(pt) - 2), w=1 / error))


def main(arguments: list[str] | None = None) -> None:
    """Make the table that comes with the package."""
    parser = argparse.ArgumentParser(prog="python -m jetcal.simulation.derive_standard", description=__doc__)
    parser.add_argument("--events", type=int, default=40_000, help="number of hard events")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path(standard.__file__).with_name(standard.TABLE))
    options = parser.parse_args(arguments)
    tasks = [
        (index, min(EVENTS_PER_TASK, options.events - start))
        for index, start in enumerate(range(0, options.events, EVENTS_PER_TASK))
    ]
    parts: dict[int, Sample] = {}
    for number, part in run_tasks(simulate_sample, tasks, options.processes):
        parts[number] = part
        sys.stderr.write(f"part {len(parts)} of {len(tasks)}: {len(part.pt)} jets\n")
    sample = join([parts[number] for number in sorted(parts)])
    made_by = {
        "command": "python -m jetcal.simulation.derive_standard",
        "events": options.events,
        "jets": len(sample.pt),
        "pileup": PILEUP,
        **standard.provenance(),
    }
    standard.save(derive(sample), made_by, options.output)


if __name__ == "__main__":
    main()
