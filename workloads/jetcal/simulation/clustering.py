"""Anti-kT jets of whole batches of events, their four-momenta and areas."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import fastjet
import numpy as np
from fastjet import _swig

from jetcal.simulation.flat import Floats, Ints, delta_phi, offsets_of, pairs
from jetcal.simulation.settings import JET_RADIUS

AREA_POINTS = 400


@dataclass(frozen=True)
class ClusteredJets:
    """Jets ordered by event, then by falling pT.

    pt and mass in GeV; ``event`` counts rows of ``offsets``; jet i has the rows
    ``members[member_offsets[i]:member_offsets[i + 1]]`` of the clustered particles.
    """

    offsets: Ints
    event: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats
    member_offsets: Ints
    members: Ints

    def __len__(self) -> int:
        return len(self.pt)

    @property
    def member_jet(self) -> Ints:
        """Jet of each member."""
        return np.repeat(np.arange(len(self)), np.diff(self.member_offsets))


def cluster(offsets: Ints, pt: Floats, eta: Floats, phi: Floats, energy: Floats, *, min_pt: float) -> ClusteredJets:
    """Anti-kT jets with R = 0.4 and E-scheme recombination.

    Parameters
    ----------
    offsets
        Offsets of events in the columns, shape (events + 1,).
    pt, eta, phi, energy
        Particles: GeV, -, rad, GeV.
    min_pt
        Only jets above this pT are returned, GeV.
    """
    _swig.ClusterSequence.set_fastjet_banner_stream(None)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.maximum(energy, np.sqrt(pt**2 + pz**2))
    columns = ak.contents.RecordArray(
        [ak.contents.NumpyArray(c) for c in (px, py, pz, energy)], ["px", "py", "pz", "E"]
    )
    events = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), columns))
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, JET_RADIUS)
    found = fastjet.ClusterSequence(events, definition).constituent_index(min_pt)
    event = np.repeat(np.arange(len(offsets) - 1), np.asarray(ak.num(found)))
    lengths = np.asarray(ak.num(ak.flatten(found)))
    members = np.asarray(ak.flatten(found, axis=None)).astype(np.int64) + np.repeat(offsets[event], lengths)
    jet = np.repeat(np.arange(len(event)), lengths)
    x, y, z, e = (np.bincount(jet, column[members], len(event)) for column in (px, py, pz, energy))
    jet_pt = np.hypot(x, y)
    order = np.lexsort((-jet_pt, event))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    by_jet = np.argsort(rank[jet], kind="stable")
    return ClusteredJets(
        offsets=offsets_of(np.bincount(event, minlength=len(offsets) - 1)),
        event=event[order],
        pt=jet_pt[order],
        eta=np.arcsinh(z[order] / jet_pt[order]),
        phi=np.arctan2(y[order], x[order]),
        mass=np.sqrt(np.maximum(e**2 - jet_pt**2 - z**2, 0.0))[order],
        member_offsets=offsets_of(lengths[order]),
        members=members[by_jet],
    )


def areas(jets: ClusteredJets, rows: Ints) -> Floats:
    """Areas of the jets in ``rows``, in units of eta times rad.

    The area is the set of directions whose infinitely soft particles the jet would collect. For anti-kT that is the
    disc of radius R about the axis, less what a neighbour takes: a soft particle goes to the jet with the smaller
    ``dR / pT`` among those within R (Cacciari, Salam, Soyez, JHEP 04 (2008) 063, section 2). The disc is scanned at
    ``AREA_POINTS`` evenly spread points: a hundredth of the time that ghost particles would take.
    """
    index = np.arange(AREA_POINTS) + 0.5
    radius, angle = JET_RADIUS * np.sqrt(index / AREA_POINTS), np.pi * (1 + 5**0.5) * index
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    left, other = pairs(jets.event[rows], jets.offsets)
    this = rows[left]
    deta = jets.eta[other] - jets.eta[this]
    dphi = delta_phi(jets.phi[other], jets.phi[this])
    near = (np.hypot(deta, dphi) < 2 * JET_RADIUS) & (other != this)
    left, this, other, deta, dphi = left[near], this[near], other[near], deta[near], dphi[near]
    distance = np.hypot(x[None, :] - deta[:, None], y[None, :] - dphi[:, None])
    nearer = distance * jets.pt[this, None] < radius[None, :] * jets.pt[other, None]
    lost = np.zeros((len(rows), AREA_POINTS), dtype=bool)
    np.logical_or.at(lost, left, nearer & (distance < JET_RADIUS))
    return np.asarray(np.pi * JET_RADIUS**2 * (1 - lost.mean(axis=1)))
