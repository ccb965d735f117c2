"""Reconstructed vertices, and which of them each track belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetcal.simulation.flat import Bools, Ints
from jetcal.simulation.overlay import Interactions

MIN_TRACKS = 3
MERGING_DISTANCE = 0.05
"""Vertices nearer to each other than this are one, cm."""
LOOSE_DISTANCE = 0.1
"""Tracks of no vertex count as the primary vertex's own within this distance, cm."""
FIT_PROBABILITY = 0.9
"""Part of a vertex's tracks that its fit uses."""

USED_IN_FIT, TIGHT, LOOSE, OTHER_VERTEX = 3, 2, 1, 0
"""``fromPV`` of CMS: used in the fit of the primary vertex, nearest to it, of no vertex, used in another one's fit."""


@dataclass(frozen=True)
class Vertices:
    """Which interactions made a vertex.

    ``found``, ``primary`` (the hard interaction, or merged with it) and ``near`` (within the loose distance of the
    primary vertex) have one row for each interaction; ``count`` is the number of reconstructed vertices of each event.
    """

    found: Bools
    primary: Bools
    near: Bools
    count: Ints


def find(interactions: Interactions, tracks: Ints) -> Vertices:
    """Find vertices: those with tracks enough, less those that merge with a neighbour; the hard one is always there.

    Parameters
    ----------
    interactions
        The collisions of a batch.
    tracks
        Number of reconstructed tracks of each.
    """
    events = interactions.events
    hard = np.arange(len(interactions.event)) < events
    found = hard | (tracks >= MIN_TRACKS)
    distance = np.abs(interactions.z - interactions.z[:events][interactions.event])
    rows = np.flatnonzero(found)
    rows = rows[np.lexsort((interactions.z[rows], interactions.event[rows]))]
    event, z = interactions.event[rows], interactions.z[rows]
    apart = np.concatenate([[True], (np.diff(z) > MERGING_DISTANCE) | (np.diff(event) > 0)])
    return Vertices(
        found=found,
        primary=hard | (distance < MERGING_DISTANCE),
        near=distance < LOOSE_DISTANCE,
        count=np.bincount(event[apart], minlength=events),
    )


def from_primary(vertices: Vertices, interaction: Ints, rng: np.random.Generator) -> Ints:
    """``fromPV`` of tracks from the given interactions."""
    fitted = rng.random(len(interaction)) < FIT_PROBABILITY
    return np.select(
        [vertices.primary[interaction], vertices.found[interaction], vertices.near[interaction]],
        [np.where(fitted, USED_IN_FIT, TIGHT), np.where(fitted, OTHER_VERTEX, LOOSE), TIGHT],
        LOOSE,
    )
