"""YAML files that a user names on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from jetcal.errors import JetcalError
from jetcal.storage import local
from jetcal_api.columns import Columns
from jetcal_api.documents import Reading
from jetcal_api.messages import explain
from jetcal_api.resource import JetCalibration
from jetcal_api.spec import Dataset, JetSelection


def find_reading(path: Path | None, tree: str | None) -> Reading:
    """How ROOT files are read.

    Parameters
    ----------
    path
        A JetCalibration whose tree, columns and selection are meant; when left out, those of a resource without any.
    tree
        Path of the tree where it is another one.

    Raises
    ------
    JetcalError
        If the file cannot be read or holds no valid JetCalibration.
    """
    found = Reading(tree=Dataset.model_fields["tree"].default, columns=Columns(), jets=JetSelection())
    if path is not None:
        spec = _dataset(path)
        found = Reading(tree=spec.tree, columns=spec.columns or Columns(), jets=spec.jets)
    return found.model_copy(update={"tree": tree}) if tree else found


def _dataset(path: Path) -> Dataset:
    document = read_yaml(path)
    if not isinstance(document, dict):
        message = f"{path}: must hold one JetCalibration"
        raise JetcalError(message)
    try:
        return JetCalibration.parse(document).spec.dataset
    except ValidationError as error:
        message = f"{path}: {explain(error, document)[0]}"
        raise JetcalError(message) from error


def read_yaml(path: Path) -> Any:
    """The one document of a YAML 1.2 file.

    Raises
    ------
    JetcalError
        If it cannot be read or is no YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(local.read_bytes(path).decode())
    except (YAMLError, UnicodeDecodeError) as error:
        mark = (error.problem_mark or error.context_mark) if isinstance(error, MarkedYAMLError) else None
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        message = f"{where}: is no YAML: {' '.join(str(getattr(error, 'problem', None) or error).split())}"
        raise JetcalError(message) from error
