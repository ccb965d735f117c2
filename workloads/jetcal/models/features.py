"""What the networks see: every feature with its formula and unit, computed from the raw columns inside the network.

Positive quantities that span decades enter as logarithms. Only plain tensor operations are used, so that the features
are exported together with the network and a client never computes any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jetcal.models.raw import RaggedJets, Raw

PARTICLES = {
    "charged_hadron": 211,
    "electron": 11,
    "muon": 13,
    "photon": 22,
    "neutral_hadron": 130,
}
"""Particle types by their absolute PDG number; any other number is none of them."""

_CHARGED = (211, 11, 13)
_LOOSE = 1
"""``from_pv`` up to which a track is not one of the primary vertex's own (0: another one's, 1: none's, but near)."""
_SMALLEST_MASS = 1e-2
_SMALLEST_AXIS = 3e-3


@dataclass(frozen=True)
class Feature:
    """One number that a network sees.

    Attributes
    ----------
    name, formula, unit
        For the documentation and the model card.
    compute
        One number for each constituent, or (N,) for a feature of the jet.
    standardised
        Whether mean and spread of the training set are taken out; indicators of 0 and 1 stay as they are.
    """

    name: str
    formula: str
    unit: str
    compute: Callable[[Raw], Tensor]
    standardised: bool = True


def _particle_type(name: str, number: int) -> Feature:
    return Feature(
        f"is_{name}", f"1 if abs(id) = {number}", "-", lambda raw: raw.is_particle(number), standardised=False
    )


def _vertex(quality: int) -> Feature:
    def compute(raw: Raw) -> Tensor:
        return (raw.particle["from_pv"] == quality).to(raw.pt.dtype)

    return Feature(f"from_pv_{quality}", f"1 if from_pv = {quality}", "-", compute, standardised=False)


def _energy_share(name: str, number: int) -> Feature:
    return Feature(
        f"{name}_share",
        f"sum(pt where abs(id) = {number}) / raw_pt",
        "-",
        lambda raw: raw.share(raw.is_particle(number)),
    )


def _axis(name: str, which: int) -> Feature:
    return Feature(
        f"log_{name}_axis",
        f"ln(max({name} axis, {_SMALLEST_AXIS:g}))",
        "-",
        lambda raw: raw.axes[which].clamp(min=_SMALLEST_AXIS).log(),
    )


CONSTITUENT_FEATURES: tuple[Feature, ...] = (
    Feature("log_pt", "ln(pt)", "ln(GeV)", lambda raw: raw.pt.log()),
    Feature("log_relative_pt", "ln(pt / raw_pt)", "-", lambda raw: (raw.pt / raw.of_jet(raw.raw_pt)).log()),
    Feature("deta", "(eta(constituent) - eta(jet)) sign(eta(jet))", "-", lambda raw: raw.outward),
    Feature("dphi", "phi(constituent) - phi(jet)", "rad", lambda raw: raw.particle["dphi"]),
    Feature("dr", "sqrt(deta^2 + dphi^2)", "-", lambda raw: raw.distance),
    Feature(
        "detector_eta",
        "abs(eta(jet)) + deta",
        "-",
        lambda raw: raw.of_jet(raw.jet["eta"].abs()) + raw.outward,
    ),
    Feature("log_mass", "ln(max(mass, 0.01))", "ln(GeV)", lambda raw: raw.particle["mass"].clamp(_SMALLEST_MASS).log()),
    *(_particle_type(name, number) for name, number in PARTICLES.items()),
    *(_vertex(quality) for quality in range(4)),
)
"""Features of each constituent."""

JET_FEATURES: tuple[Feature, ...] = (
    Feature("log_raw_pt", "ln(raw_pt)", "ln(GeV)", lambda raw: raw.raw_pt.log()),
    Feature("abs_eta", "abs(eta)", "-", lambda raw: raw.jet["eta"].abs()),
    Feature(
        "log_relative_mass",
        "ln(max(raw_mass, 0.01) / raw_pt)",
        "-",
        lambda raw: (raw.jet["raw_mass"].clamp(_SMALLEST_MASS) / raw.raw_pt).log(),
    ),
    Feature("area", "area", "-", lambda raw: raw.jet["area"]),
    Feature("rho", "rho", "GeV", lambda raw: raw.jet["rho"]),
    Feature("pileup_share", "rho * area / raw_pt", "-", lambda raw: raw.jet["rho"] * raw.jet["area"] / raw.raw_pt),
    Feature("n_vertices", "n_vertices", "-", lambda raw: raw.jet["n_vertices"]),
    Feature("log_multiplicity", "ln(1 + constituents)", "-", lambda raw: raw.multiplicity.log1p()),
    Feature(
        "pt_dispersion",
        "sqrt(sum(pt^2)) / raw_pt",
        "-",
        lambda raw: raw.total(raw.squared_pt).sqrt() / raw.raw_pt,
    ),
    Feature("width", "sum(pt dr) / raw_pt", "-", lambda raw: raw.share(raw.distance)),
    _axis("major", 0),
    _axis("minor", 1),
    *(_energy_share(name, number) for name, number in PARTICLES.items()),
    Feature(
        "loose_track_share",
        f"sum(pt where charged and from_pv <= {_LOOSE}) / raw_pt",
        "-",
        lambda raw: raw.share(sum(map(raw.is_particle, _CHARGED)) * (raw.particle["from_pv"] <= _LOOSE)),
    ),
)
"""Features of the jet as a whole."""


def constituent_features(raw: Raw) -> Tensor:
    """(N, P, F) or (R, F): ``CONSTITUENT_FEATURES``, not yet standardised; what stands in padding has no meaning."""
    columns = [feature.compute(raw) for feature in CONSTITUENT_FEATURES]
    if isinstance(raw, RaggedJets):
        return torch.stack(columns).t()  # several times as fast, and the products read either order
    return torch.stack(columns, dim=-1)


def jet_features(raw: Raw) -> Tensor:
    """(N, J): ``JET_FEATURES``, not yet standardised."""
    return torch.stack([feature.compute(raw) for feature in JET_FEATURES], dim=-1)
