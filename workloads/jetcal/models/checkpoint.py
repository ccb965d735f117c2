"""A trained network as a file: its specification and its weights, nothing that runs code when it is read."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from jetcal.errors import JetcalError
from jetcal.models.network import Network
from jetcal.models.registry import build
from jetcal_api.spec import ModelSpec

FORMAT = "jetcal network 1"


def dump(spec: ModelSpec, weights: dict[str, torch.Tensor]) -> bytes:
    """The content of ``best.pt``."""
    buffer = io.BytesIO()
    content = {"format": FORMAT, "model": spec.model_dump_json(by_alias=True, exclude_none=True), "weights": weights}
    torch.save(content, buffer)
    return buffer.getvalue()


def load(path: Path) -> Network:
    """The network in ``best.pt``, ready to predict.

    Raises
    ------
    JetcalError
        If the file is missing, damaged or of another version.
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
    network = build(ModelSpec.model_validate_json(content["model"]))
    network.load_state_dict(content["weights"])
    return network.eval()
