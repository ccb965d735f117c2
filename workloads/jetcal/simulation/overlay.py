"""Pile-up: which minimum-bias events fall on a hard event, where their vertices lie, and all particles together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetcal.simulation.flat import Floats, Ints, ranges, wrapped
from jetcal.simulation.generator import Particles

BEAM_SPOT_LENGTH = 4.5
"""Gaussian width of the luminous region along the beam, cm."""

MEAN_SPREAD_SHAPE = 10.0
"""Shape of the Gamma distribution of the mean number of interactions: a spread of 32 %, as over a year of running."""


@dataclass(frozen=True)
class Interactions:
    """All collisions of a batch: first the hard one of each event, then those of the pile-up, ordered by event."""

    event: Ints
    z: Floats
    """Position along the beam, cm."""
    pileup_mean: Floats
    """Mean of the Poisson law that each event's pile-up was drawn from, shape (events,)."""
    pileup: Ints
    """Number of pile-up interactions of each event, shape (events,)."""

    @property
    def events(self) -> int:
        """Number of events."""
        return len(self.pileup)


@dataclass(frozen=True)
class Overlay:
    """Particles of hard events and pile-up in one; ``interaction`` counts rows of ``interactions``."""

    interactions: Interactions
    interaction: Ints
    event: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    energy: Floats
    kind: Ints
    charge: Ints
    pdg: Ints


def overlay(hard: Particles, pool: Particles, pileup: float, rng: np.random.Generator) -> Overlay:
    """Put pile-up with a mean of ``pileup`` interactions on hard events.

    Each interaction is an event of the pool, turned by a random angle about the beam and, in half of the cases,
    mirrored along it.
    """
    events = len(hard.offsets) - 1
    mean = rng.gamma(MEAN_SPREAD_SHAPE, pileup / MEAN_SPREAD_SHAPE, events)
    count = rng.poisson(mean)
    total = int(count.sum())
    interactions = Interactions(
        event=np.concatenate([np.arange(events), np.repeat(np.arange(events), count)]),
        z=rng.normal(0.0, BEAM_SPOT_LENGTH, events + total),
        pileup_mean=mean,
        pileup=count,
    )
    chosen = rng.integers(0, len(pool.offsets) - 1, total)
    turn = rng.uniform(0.0, 2 * np.pi, total)
    mirror = rng.choice([-1.0, 1.0], total)
    lengths = np.diff(pool.offsets)[chosen]
    rows = ranges(pool.offsets[chosen], lengths)
    of_pileup = np.repeat(np.arange(total), lengths)
    interaction = np.concatenate([np.repeat(np.arange(events), np.diff(hard.offsets)), events + of_pileup])
    return Overlay(
        interactions=interactions,
        interaction=interaction,
        event=interactions.event[interaction],
        pt=np.concatenate([hard.pt, pool.pt[rows]]),
        eta=np.concatenate([hard.eta, pool.eta[rows] * mirror[of_pileup]]),
        phi=np.concatenate([hard.phi, wrapped(pool.phi[rows] + turn[of_pileup])]),
        energy=np.concatenate([hard.energy, pool.energy[rows]]),
        kind=np.concatenate([hard.kind, pool.kind[rows]]),
        charge=np.concatenate([hard.charge, pool.charge[rows]]),
        pdg=np.concatenate([hard.pdg, pool.pdg[rows]]),
    )


def without_pileup(hard: Particles) -> Overlay:
    """The hard events alone, with their vertices in the middle."""
    events = len(hard.offsets) - 1
    interaction = np.repeat(np.arange(events), np.diff(hard.offsets))
    return Overlay(
        interactions=Interactions(
            event=np.arange(events),
            z=np.zeros(events),
            pileup_mean=np.zeros(events),
            pileup=np.zeros(events, dtype=np.int64),
        ),
        interaction=interaction,
        event=interaction,
        pt=hard.pt,
        eta=hard.eta,
        phi=hard.phi,
        energy=hard.energy,
        kind=hard.kind,
        charge=hard.charge,
        pdg=hard.pdg,
    )
