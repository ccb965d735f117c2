"""One row for each architecture: its hyperparameters' name in ``spec.model`` and the encoder that they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic.alias_generators import to_snake

from jetcal.models.features import CONSTITUENT_FEATURES
from jetcal.models.network import Encoder, Network
from jetcal.models.particle_net import ParticleNetEncoder
from jetcal.models.pfn import PfnEncoder
from jetcal_api.spec import ModelSpec

ENCODERS: dict[str, Callable[[Any, int], Encoder]] = {
    "pfn": PfnEncoder,
    "particleNet": ParticleNetEncoder,
}
"""Encoder of each architecture, made from its hyperparameters and the number of features of a constituent."""


def architecture(spec: ModelSpec) -> Any:
    """The hyperparameters of the chosen architecture."""
    return getattr(spec, to_snake(spec.architecture))


def build(spec: ModelSpec) -> Network:
    """A network with fresh weights.

    Parameters
    ----------
    spec
        Architecture with its hyperparameters; the loss decides whether the outputs are quantiles or mean and width.

    Returns
    -------
    Network
        In training mode; its standardisation is still to be learned.
    """
    chosen = architecture(spec)
    return Network(
        ENCODERS[spec.architecture](chosen, len(CONSTITUENT_FEATURES)),
        fc_layers=chosen.fc_layers,
        fc_dim=chosen.fc_dim,
        dropout=chosen.dropout,
        symmetric=spec.loss == "GaussianNLL",
    )
