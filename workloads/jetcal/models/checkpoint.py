"""A trained network as a file: its specification, features and weights, nothing that runs code when read."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from jetcal.errors import JetcalError
from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES
from jetcal.models.network import Network
from jetcal.models.registry import build
from jetcal_api.spec import ModelSpec

FORMAT = "jetcal network 2"


def dump(spec: ModelSpec, weights: dict[str, torch.Tensor]) -> bytes:
    """The content of ``best.pt``."""
    buffer = io.BytesIO()
    content = {
        "format": FORMAT,
        "model": spec.model_dump_json(by_alias=True, exclude_none=True),
        "features": _features(),
        "weights": weights,
    }
    torch.save(content, buffer)
    return buffer.getvalue()


def load(path: Path) -> Network:
    """The network in ``best.pt``, ready to predict.

    Raises
    ------
    JetcalError
        If the file is missing, damaged, of another version, or a network of other features.
    """
    try:
        content: Any = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise JetcalError(message) from error
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        message = f"{path}: is no checkpoint or is damaged; train again"
        raise JetcalError(message) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        message = f"{path}: is no network of this version of jetcal; train again"
        raise JetcalError(message)
    if content["features"] != _features():
        other = ", ".join(sorted(set(content["features"]) ^ set(_features()))) or "in another order"
        message = f"{path}: sees other features than this version of jetcal ({other}); train again"
        raise JetcalError(message)
    network = build(ModelSpec.model_validate_json(content["model"]))
    network.load_state_dict(content["weights"])
    return network.eval()


def _features() -> list[str]:
    """Names of all features, in their order."""
    return [feature.name for feature in (*CONSTITUENT_FEATURES, *JET_FEATURES)]
