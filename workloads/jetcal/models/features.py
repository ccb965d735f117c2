"""What the networks see: every feature with its formula and unit, computed from the raw columns inside the network.

Positive quantities that span decades enter as logarithms. Only plain tensor operations are used, so that the features
are exported together with the network and a client never computes any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jetcal.models.raw import PARTICLES, Raw, equal

_LOOSE = 1
"""``from_pv`` up to which a track is not one of the primary vertex's own (0: another one's, 1: none's, but near)."""
_QUALITIES = torch.arange(4.0)
_SMALLEST_MASS = 1e-2
_SMALLEST_AXIS = 3e-3


@dataclass(frozen=True)
class Feature:
    """One number that a network sees.

    Attributes
    ----------
    name, formula, unit
        For the documentation and the model card.
    standardised
        Whether mean and spread of the training set are taken out; indicators of 0 and 1 stay as they are.
    """

    name: str
    formula: str
    unit: str = "-"
    standardised: bool = True


@dataclass(frozen=True)
class Group:
    """Features that are computed together.

    Attributes
    ----------
    features
        In the order of the rows that ``compute`` gives.
    compute
        (k, ...) for k features of the constituents, (k, N) for those of the jets.
    """

    features: tuple[Feature, ...]
    compute: Callable[[Raw], Tensor]


def _one(name: str, formula: str, unit: str, compute: Callable[[Raw], Tensor]) -> Group:
    return Group((Feature(name, formula, unit),), compute)


def _log_relative_mass(raw: Raw) -> Tensor:
    return (raw.jet["raw_mass"].clamp(min=_SMALLEST_MASS) / raw.raw_pt).log()


def _shares(raw: Raw) -> Tensor:
    return raw.shares(torch.cat([raw.distance, raw.types, raw.charged * (raw.particle["from_pv"] <= _LOOSE)]))


_OF_CONSTITUENTS = (
    _one("log_pt", "ln(pt)", "ln(GeV)", lambda raw: raw.pt.log()),
    _one("log_relative_pt", "ln(pt / raw_pt)", "-", lambda raw: (raw.pt / raw.jets.of_rows(raw.raw_pt)).log()),
    _one("deta", "(eta(constituent) - eta(jet)) sign(eta(jet))", "-", lambda raw: raw.outward),
    _one("dphi", "phi(constituent) - phi(jet)", "rad", lambda raw: raw.particle["dphi"]),
    _one("dr", "sqrt(deta^2 + dphi^2)", "-", lambda raw: raw.distance),
    _one("detector_eta", "abs(eta(jet)) + deta", "-", lambda raw: raw.jets.of_rows(raw.abs_eta) + raw.outward),
    _one("log_mass", "ln(max(mass, 0.01))", "ln(GeV)", lambda raw: raw.particle["mass"].clamp(_SMALLEST_MASS).log()),
    Group(
        tuple(
            Feature(f"is_{name}", f"1 if abs(id) = {number}", standardised=False) for name, number in PARTICLES.items()
        ),
        lambda raw: raw.types,
    ),
    Group(
        tuple(
            Feature(f"from_pv_{quality}", f"1 if from_pv = {quality}", standardised=False)
            for quality in range(len(_QUALITIES))
        ),
        lambda raw: equal(raw.particle["from_pv"], _QUALITIES),
    ),
)

_OF_JETS = (
    _one("log_raw_pt", "ln(raw_pt)", "ln(GeV)", lambda raw: raw.raw_pt.log()),
    _one("abs_eta", "abs(eta)", "-", lambda raw: raw.abs_eta),
    _one("log_relative_mass", "ln(max(raw_mass, 0.01) / raw_pt)", "-", _log_relative_mass),
    _one("area", "area", "-", lambda raw: raw.jet["area"]),
    _one("rho", "rho", "GeV", lambda raw: raw.jet["rho"]),
    _one("pileup_share", "rho * area / raw_pt", "-", lambda raw: raw.jet["rho"] * raw.jet["area"] / raw.raw_pt),
    _one("n_vertices", "n_vertices", "-", lambda raw: raw.jet["n_vertices"]),
    _one("log_multiplicity", "ln(1 + constituents)", "-", lambda raw: raw.multiplicity.log1p()),
    _one("pt_dispersion", "sqrt(sum(pt^2)) / raw_pt", "-", lambda raw: raw.total_squared_pt.sqrt() / raw.raw_pt),
    Group(
        tuple(Feature(f"log_{name}_axis", f"ln(max({name} axis, {_SMALLEST_AXIS:g}))") for name in ("major", "minor")),
        lambda raw: raw.variances.clamp(min=_SMALLEST_AXIS**2).log() / 2,
    ),
    Group(
        (
            Feature("width", "sum(pt dr) / raw_pt"),
            *(
                Feature(f"{name}_share", f"sum(pt where abs(id) = {number}) / raw_pt")
                for name, number in PARTICLES.items()
            ),
            Feature("loose_track_share", f"sum(pt where charged and from_pv <= {_LOOSE}) / raw_pt"),
        ),
        _shares,
    ),
)

CONSTITUENT_FEATURES = tuple(feature for group in _OF_CONSTITUENTS for feature in group.features)
"""Features of each constituent."""
JET_FEATURES = tuple(feature for group in _OF_JETS for feature in group.features)
"""Features of the jet as a whole."""


def constituent_features(raw: Raw) -> Tensor:
    """(F, ...): ``CONSTITUENT_FEATURES``, not yet standardised."""
    return torch.cat([group.compute(raw) for group in _OF_CONSTITUENTS])


def jet_features(raw: Raw) -> Tensor:
    """(J, N): ``JET_FEATURES``, not yet standardised."""
    return torch.cat([group.compute(raw) for group in _OF_JETS])
