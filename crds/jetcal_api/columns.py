"""How an ntuple names what a jet needs: formulas over its branches."""

from __future__ import annotations

from jetcal_api.base import Model
from jetcal_api.scalars import Formula


class JetColumns(Model):
    """Formulas of one value a jet; pT and mass in GeV."""

    raw_pt: Formula = "jetRawPt"
    """pT before any correction, GeV."""
    eta: Formula = "jetEta"
    """Pseudorapidity."""
    raw_mass: Formula = "jetRawMass"
    """Mass before any correction, GeV."""
    area: Formula = "jetArea"
    """Area in eta and phi."""
    rho: Formula = "rhoAll"
    """The event's median pT density, GeV per unit area."""
    n_vertices: Formula = "PV_npvsGood"
    """Reconstructed vertices of the event."""
    standard_pt: Formula = "jetPt"
    """pT after the standard correction, which the network is compared with, GeV."""
    gen_pt: Formula = "genJetPt"
    """pT of the matched generator jet, GeV."""
    matched: Formula = "jetGenMatch == 1"
    """Whether there is a matched generator jet."""
    hadron_flavour: Formula = "hadronFlav"
    """5 or 4 with a bottom or charm hadron in the jet, else 0."""
    parton_flavour: Formula = "partonFlav"
    """PDG number of the parton; its sign does not matter."""
    run: Formula = "run"
    """Run, lumi and event together name the event, all of whose jets go to the same part."""
    lumi: Formula = "lumi"
    """See run."""
    event: Formula = "event"
    """See run."""


class ConstituentColumns(Model):
    """Formulas of one value a candidate; pT and mass in GeV."""

    pt: Formula = "PF_pT"
    """Transverse momentum, GeV."""
    deta: Formula = "PF_dEta"
    """eta(candidate) - eta(jet)."""
    dphi: Formula = "PF_dPhi"
    """phi(candidate) - phi(jet), rad."""
    mass: Formula = "PF_mass"
    """Mass, GeV."""
    id: Formula = "PF_id"
    """PDG number."""
    from_pv: Formula = "PF_fromPV"
    """How well the candidate belongs to the primary vertex: 0 (to another one) to 3 (used in its fit)."""
    member: Formula = "PF_fromAK4Jet == 1"
    """Whether the candidate is a constituent of the jet."""
    jet: Formula | None = None
    """Index of the candidate's jet in the event; only where an entry of the tree is an event, not a jet."""


class Columns(Model):
    """How a tree names what a jet needs, each as a formula over its branches.

    A formula has names of branches, numbers, parentheses, + - * /, comparisons, & | ~, an index as in
    ``PFCands_pt[JetPFCands_pFCandsIdx]``, and the functions abs, sqrt, exp, log, sin, cos, sinh, cosh, arctan2,
    where(condition, yes, no) and wrap(angle). Units are converted by arithmetic: ``jet_pt / 1000`` makes GeV of MeV.
    """

    jet: JetColumns = JetColumns()
    """One value a jet."""
    constituent: ConstituentColumns = ConstituentColumns()
    """One value a candidate."""
