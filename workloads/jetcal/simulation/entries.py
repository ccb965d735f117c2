"""Turns reconstructed events into entries of the tree: one for each jet that passes the selection."""

from __future__ import annotations

import numpy as np

from jetcal.simulation import matching
from jetcal.simulation.candidates import KAON_LONG, PHOTON_CODE, PION
from jetcal.simulation.clustering import ClusteredJets, areas
from jetcal.simulation.flat import Floats, Ints, delta_phi, offsets_of, pairs, ranges
from jetcal.simulation.generator import HardEvents, Particles
from jetcal.simulation.matching import GENERATOR_JET_MIN_PT
from jetcal.simulation.ntuple import JetTable
from jetcal.simulation.reconstruction import Reconstruction, generator_jets
from jetcal.simulation.settings import JET_MAX_ABS_ETA
from jetcal.simulation.standard import StandardCorrection
from jetcal.simulation.substructure import energy_fractions, identification, quark_gluon_variables

WINDOW = 1.0
"""Candidates within this distance in eta and in phi of the axis are listed with the jet."""

UNKNOWN = -1.0
"""Value of what is not modelled."""


def jet_entries(
    hard: HardEvents,
    reconstructed: Reconstruction,
    standard: StandardCorrection,
    min_pt: float,
    numbers: dict[str, Ints],
) -> JetTable:
    """Entries of all jets above ``min_pt`` after the standard correction and within |eta| < 2.5, by event and pT.

    Parameters
    ----------
    hard
        The hard events behind ``reconstructed``.
    reconstructed
        What the detector saw of them.
    standard
        The standard correction.
    min_pt
        Threshold in GeV.
    numbers
        ``run``, ``lumi`` and ``event`` of each event.
    """
    jets = reconstructed.jets
    central = np.flatnonzero(np.abs(jets.eta) < JET_MAX_ABS_ETA)
    area = areas(jets, central)
    factor = standard.factor(jets.pt[central], jets.eta[central], area, reconstructed.rho[jets.event[central]])
    corrected = factor * jets.pt[central]
    passed = np.flatnonzero(corrected > min_pt)
    passed = passed[np.lexsort((-corrected[passed], jets.event[central[passed]]))]
    rows, area, factor, corrected = central[passed], area[passed], factor[passed], corrected[passed]
    event = jets.event[rows]
    generated = generator_jets(hard.particles, GENERATOR_JET_MIN_PT)
    match = matching.match(jets, rows, generated)
    columns = {
        "jetPt": corrected,
        "jetEta": jets.eta[rows],
        "jetPhi": jets.phi[rows],
        "jetMass": factor * jets.mass[rows],
        "jetArea": area,
        "jetRawPt": jets.pt[rows],
        "jetRawMass": jets.mass[rows],
        "pthat": hard.pthat[event],
        "eventWeight": hard.weight[event],
        "rhoAll": reconstructed.rho[event],
        "rhoCentral": reconstructed.rho_central[event],
        "rhoCentralNeutral": reconstructed.rho_central_neutral[event],
        "rhoCentralChargedPileUp": reconstructed.rho_central_charged_pileup[event],
        "Pileup_nTrueInt": reconstructed.interactions.pileup_mean[event],
        "Pileup_nPU": reconstructed.interactions.pileup[event],
        "PV_npvsGood": reconstructed.vertices[event],
        **{name: number[event] for name, number in numbers.items()},
        **_constituents(reconstructed, rows),
        **_flavours(jets, rows, hard),
        **_generated(generated, match),
        **_event_shape(event, corrected, jets.eta[rows], jets.phi[rows]),
    }
    lists = {
        "PF": _neighbours(reconstructed, rows),
        "genJetPF": _generated_constituents(generated, match, hard.particles),
    }
    return JetTable(columns, lists)


def _members(jets: ClusteredJets, rows: Ints) -> tuple[Ints, Ints]:
    """Position in ``rows`` and particle of each member of the jets in ``rows``."""
    lengths = np.diff(jets.member_offsets)[rows]
    return np.repeat(np.arange(len(rows)), lengths), jets.members[ranges(jets.member_offsets[rows], lengths)]


def _constituents(reconstructed: Reconstruction, rows: Ints) -> dict[str, np.ndarray]:
    jets, candidates = reconstructed.jets, reconstructed.candidates
    jet, member = _members(jets, rows)
    pt, code = candidates.pt[member], np.abs(candidates.pdg[member])
    charged = candidates.charged[member]
    deta = candidates.eta[member] - jets.eta[rows][jet]
    dphi = delta_phi(candidates.phi[member], jets.phi[rows][jet])
    energy = np.hypot(pt * np.cosh(candidates.eta[member]), candidates.mass[member])

    def count(selected: np.ndarray) -> Ints:
        return np.bincount(jet, selected, len(rows)).astype(np.int64)

    fractions = energy_fractions(jet, energy, code, len(rows))
    loose, tight = identification(fractions, count(charged), count(~charged), jets.eta[rows])
    pt_d, axis2, multiplicity = quark_gluon_variables(jet, pt, deta, dphi, charged, jets=len(rows))
    return {
        "jetGirth": np.bincount(jet, pt * np.hypot(deta, dphi), len(rows)) / jets.pt[rows],
        "jetLooseID": loose,
        "jetTightID": tight,
        "jetQGl": np.full(len(rows), UNKNOWN),
        "QG_ptD": pt_d,
        "QG_axis2": axis2,
        "QG_mult": multiplicity,
        "jetChargedHadronMult": count(code == PION),
        "jetNeutralHadronMult": count(code == KAON_LONG),
        "jetChargedMult": count(charged),
        "jetNeutralMult": count((code == KAON_LONG) | (code == PHOTON_CODE)),
        "jetMult": count(np.ones(len(jet), dtype=bool)),
    }


def _flavours(jets: ClusteredJets, rows: Ints, hard: HardEvents) -> dict[str, np.ndarray]:
    parton, physics = matching.parton_flavour(jets, rows, hard), matching.hard_parton(jets, rows, hard)
    columns: dict[str, np.ndarray] = {
        "partonFlav": parton,
        "hadronFlav": matching.hadron_flavour(jets, rows, hard),
        "physFlav": physics,
    }
    for name, code in (("Parton", np.abs(parton)), ("Phys", np.abs(physics))):
        light, gluon = np.isin(code, (1, 2, 3)), code == matching.GLUON
        columns |= {f"is{name}UDS": light, f"is{name}G": gluon, f"is{name}Other": ~light & ~gluon}
    return columns


def _generated(generated: ClusteredJets, match: Ints) -> dict[str, np.ndarray]:
    matched = match >= 0

    def of_match(column: Floats) -> Floats:
        return np.where(matched, column[match], 0.0) if len(column) else np.zeros(len(match))

    return {
        "jetGenMatch": matched,
        "genJetPt": of_match(generated.pt),
        "genJetEta": of_match(generated.eta),
        "genJetPhi": of_match(generated.phi),
        "genJetMass": of_match(generated.mass),
    }


def _event_shape(event: Ints, pt: Floats, eta: Floats, phi: Floats) -> dict[str, np.ndarray]:
    """Order and balance of the jets of each event; rows are ordered by event and falling pT."""
    first = np.flatnonzero(np.diff(event, prepend=-1))
    counts = np.diff(np.append(first, len(event)))
    leading = np.repeat(first, counts)
    multiplicity = np.repeat(counts, counts)
    second = np.where(multiplicity > 1, leading + 1, leading)
    third = np.where(multiplicity > 2, leading + 2, leading)  # noqa: PLR2004  # the third jet
    third_pt = np.where(multiplicity > 2, pt[third], 0.0)  # noqa: PLR2004  # the third jet
    return {
        "eventJetMult": multiplicity,
        "jetPtOrder": np.arange(len(event)) - leading,
        "dPhiJetsLO": np.abs(delta_phi(phi[leading], phi[second])),
        "dEtaJetsLO": np.abs(eta[leading] - eta[second]),
        "alpha": third_pt / (0.5 * (pt[leading] + pt[second])),
    }


def _neighbours(reconstructed: Reconstruction, rows: Ints) -> tuple[Ints, dict[str, np.ndarray]]:
    """All candidates in the window about each jet's axis, also those that are no part of it."""
    jets, candidates = reconstructed.jets, reconstructed.candidates
    jet, other = pairs(jets.event[rows], candidates.offsets)
    deta = candidates.eta[other] - jets.eta[rows][jet]
    dphi = delta_phi(candidates.phi[other], jets.phi[rows][jet])
    near = (np.abs(deta) < WINDOW) & (np.abs(dphi) < WINDOW)
    jet, other, deta, dphi = jet[near], other[near], deta[near], dphi[near]
    owner = np.full(len(candidates.pt), -1)
    owner[jets.members] = jets.member_jet
    return offsets_of(np.bincount(jet, minlength=len(rows))), {
        "pT": candidates.pt[other],
        "dR": np.hypot(deta, dphi),
        "dTheta": np.arctan2(dphi, deta),
        "dPhi": dphi,
        "dEta": deta,
        "mass": candidates.mass[other],
        "id": candidates.pdg[other],
        "fromPV": candidates.from_pv[other],
        "fromAK4Jet": owner[other] == rows[jet],
    }


def _generated_constituents(
    generated: ClusteredJets, match: Ints, particles: Particles
) -> tuple[Ints, dict[str, np.ndarray]]:
    """Constituents of the matched generator jets, relative to the generator jet's axis."""
    matched = np.flatnonzero(match >= 0)
    position, member = _members(generated, match[matched])
    jet = match[matched][position]
    deta = particles.eta[member] - generated.eta[jet]
    dphi = delta_phi(particles.phi[member], generated.phi[jet])
    mass_squared = particles.energy[member] ** 2 - (particles.pt[member] * np.cosh(particles.eta[member])) ** 2
    lengths = np.bincount(matched[position], minlength=len(match))
    return offsets_of(lengths), {
        "pT": particles.pt[member],
        "dR": np.hypot(deta, dphi),
        "dTheta": np.arctan2(dphi, deta),
        "mass": np.sqrt(np.maximum(mass_squared, 0.0)),
        "id": particles.pdg[member],
    }
