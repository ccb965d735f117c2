"""What the networks see: every feature with its formula and unit, computed from the raw columns inside the network.

Positive quantities that span decades enter as logarithms. ``clamp`` keeps the logarithms finite where a column is zero:
in padding, and for massless particles and jets. Only plain tensor operations are used, so that the features are
exported together with the network and a client never computes any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS

PARTICLES = {
    "charged_hadron": 211,
    "electron": 11,
    "muon": 13,
    "photon": 22,
    "neutral_hadron": 130,
}
"""Particle types by their absolute PDG number; any other number is none of them."""

_SMALLEST_PT = 1e-3
_SMALLEST_MASS = 1e-2


class RawJets:
    """Raw columns by their names, with what several features share.

    Parameters
    ----------
    constituents
        (N, P, 6), ``CONSTITUENT_COLUMNS``, zero-padded.
    jet
        (N, 6), ``JET_COLUMNS``.
    """

    def __init__(self, constituents: Tensor, jet: Tensor) -> None:
        self.particle = dict(zip(CONSTITUENT_COLUMNS, constituents.unbind(-1), strict=True))
        self.jet = dict(zip(JET_COLUMNS, jet.unbind(-1), strict=True))
        self.real = (self.particle["pt"] > 0).to(constituents.dtype)
        """(N, P): 1 for a constituent, 0 for padding."""
        self.raw_pt = self.jet["raw_pt"].clamp(min=_SMALLEST_PT)
        """(N,), GeV."""
        self.pt = self.particle["pt"].clamp(min=_SMALLEST_PT)
        """(N, P), GeV."""

    @property
    def position(self) -> Tensor:
        """(N, P, 2): deta, dphi."""
        return torch.stack([self.particle["deta"], self.particle["dphi"]], dim=-1)

    def is_particle(self, number: int) -> Tensor:
        """(N, P): 1 where the absolute PDG number is ``number``."""
        return (self.particle["id"].abs() == number).to(self.pt.dtype)

    def share(self, weight: Tensor) -> Tensor:
        """(N,): part of the raw pT that the constituents with ``weight`` (N, P) carry."""
        return (weight * self.real * self.particle["pt"]).sum(-1) / self.raw_pt


@dataclass(frozen=True)
class Feature:
    """One number that a network sees.

    Attributes
    ----------
    name, formula, unit
        For the documentation and the model card.
    compute
        (N, P) for a feature of a constituent, (N,) for one of the jet.
    standardised
        Whether mean and spread of the training set are taken out; indicators of 0 and 1 stay as they are.
    """

    name: str
    formula: str
    unit: str
    compute: Callable[[RawJets], Tensor]
    standardised: bool = True


def _particle_type(name: str, number: int) -> Feature:
    return Feature(
        f"is_{name}", f"1 if abs(id) = {number}", "-", lambda raw: raw.is_particle(number), standardised=False
    )


def _vertex(quality: int) -> Feature:
    def compute(raw: RawJets) -> Tensor:
        return (raw.particle["from_pv"] == quality).to(raw.pt.dtype)

    return Feature(f"from_pv_{quality}", f"1 if from_pv = {quality}", "-", compute, standardised=False)


def _energy_share(name: str, number: int) -> Feature:
    return Feature(
        f"{name}_share",
        f"sum(pt where abs(id) = {number}) / raw_pt",
        "-",
        lambda raw: raw.share(raw.is_particle(number)),
    )


CONSTITUENT_FEATURES: tuple[Feature, ...] = (
    Feature("log_pt", "ln(pt)", "ln(GeV)", lambda raw: raw.pt.log()),
    Feature("log_relative_pt", "ln(pt / raw_pt)", "-", lambda raw: (raw.pt / raw.raw_pt.unsqueeze(-1)).log()),
    Feature("deta", "eta(constituent) - eta(jet)", "-", lambda raw: raw.particle["deta"]),
    Feature("dphi", "phi(constituent) - phi(jet)", "rad", lambda raw: raw.particle["dphi"]),
    Feature(
        "dr", "sqrt(deta^2 + dphi^2)", "-", lambda raw: (raw.particle["deta"] ** 2 + raw.particle["dphi"] ** 2).sqrt()
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
    Feature("log_multiplicity", "ln(1 + constituents)", "-", lambda raw: raw.real.sum(-1).log1p()),
    Feature(
        "pt_dispersion",
        "sqrt(sum(pt^2)) / raw_pt",
        "-",
        lambda raw: (raw.real * raw.particle["pt"] ** 2).sum(-1).sqrt() / raw.raw_pt,
    ),
    *(_energy_share(name, number) for name, number in PARTICLES.items()),
)
"""Features of the jet as a whole."""


def constituent_features(raw: RawJets) -> Tensor:
    """(N, P, F): ``CONSTITUENT_FEATURES``, not yet standardised; what stands in padding has no meaning."""
    return torch.stack([feature.compute(raw) for feature in CONSTITUENT_FEATURES], dim=-1)


def jet_features(raw: RawJets) -> Tensor:
    """(N, J): ``JET_FEATURES``, not yet standardised."""
    return torch.stack([feature.compute(raw) for feature in JET_FEATURES], dim=-1)
