"""The models that are compared: exported, served, or made elsewhere, each under the name that the user gives it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import Jets
from jetcal.errors import JetcalError
from jetcal.evaluation.comparison import foreign_mapping
from jetcal.evaluation.comparison.foreign import ForeignModel
from jetcal.evaluation.predictions import Model
from jetcal.evaluation.response import BASELINE, CALIBRATED, NETWORK, RAW, STANDARD
from jetcal.serving.inference import OnnxModel
from jetcal.serving.location import find_model
from jetcal.serving.triton import TritonModel, is_address

OWN_NAMES = (RAW, STANDARD, NETWORK, CALIBRATED, BASELINE)
"""Names that reports use for something else."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True)
class ComparedModel:
    """A model with what the report tells of it.

    Attributes
    ----------
    model
        Answers for jets.
    origin
        Its address, and what identifies it: name and value.
    validity
        Smallest and largest value in training, by column of the jet; empty where it is not known.
    """

    model: Model
    origin: tuple[tuple[str, str], ...]
    validity: dict[str, tuple[float, float]]

    def outside(self, parts: Sequence[Jets]) -> dict[str, int]:
        """Columns in which jets lie outside the range of the training -> how many."""
        counts = {
            name: sum(int(((part.jet[name] < low) | (part.jet[name] > high)).sum()) for part in parts)
            for name, (low, high) in self.validity.items()
        }
        return {name: count for name, count in counts.items() if count}

    def any_outside(self, parts: Sequence[Jets]) -> int:
        """Jets that lie outside in any column."""
        return sum(int(self._outside(part).sum()) for part in parts)

    def _outside(self, part: Jets) -> NDArray[np.bool_]:
        found = np.zeros(len(part), bool)
        for name, (low, high) in self.validity.items():
            found |= (part.jet[name] < low) | (part.jet[name] > high)
        return found


def open_models(given: Sequence[str], threads: int | None = None) -> dict[str, ComparedModel]:
    """The models in the order of their names on the command line.

    Parameters
    ----------
    given
        ``NAME=ADDRESS`` each, or ``NAME=FILE.onnx,MAPPING.yaml``. An address is as for ``Corrector.load``.
    threads
        Threads of ONNX Runtime; its own choice when left out.

    Raises
    ------
    JetcalError
        If a name is given twice or is none, or a model is not there.
    """
    found: dict[str, ComparedModel] = {}
    for each in given:
        name, separator, address = each.partition("=")
        if not separator or not address or not _NAME.fullmatch(name):
            message = f"--model {each}: write NAME=ADDRESS; a name is up to 40 letters, digits, dots, - and _"
            raise JetcalError(message)
        if name in OWN_NAMES:
            message = f"--model {each}: reports call something else {name}; choose another name"
            raise JetcalError(message)
        if name in found:
            message = f"--model {each}: there is another model of the name {name}; choose another name"
            raise JetcalError(message)
        found[name] = _opened(name, address, threads)
    return found


def _opened(name: str, address: str, threads: int | None) -> ComparedModel:
    if is_address(address):
        served = TritonModel(address)
        revision = served.revision()
        return ComparedModel(served, (("Server", address), ("Revision", revision or "not told")), _ranges(served))
    onnx, comma, mapping = address.rpartition(",")
    if comma:
        path = find_model(onnx)
        foreign = ForeignModel(path, foreign_mapping.read(Path(mapping)), threads)
        return ComparedModel(foreign, (("File", onnx), ("SHA-256", _sha256(path)), ("Mapping", mapping)), {})
    path = find_model(address)
    try:
        own = OnnxModel(path, threads)
    except JetcalError as error:
        message = f"{error}; one made elsewhere needs a mapping: --model {name}={address},mapping.yaml"
        raise JetcalError(message) from error
    origin = (("File", str(path)), ("SHA-256", _sha256(path)), *sorted(own.metadata.items()))
    return ComparedModel(own, origin, _ranges(own))


def _ranges(model: OnnxModel | TritonModel) -> dict[str, tuple[float, float]]:
    validity = model.validity
    return validity.jet if validity else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
