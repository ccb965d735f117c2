"""What a command is pointed at: a YAML file, or the storage folder of a calibration that has been run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from jetcal_api.resource import KIND
from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.cluster import resource_key, state_folder
from jetcal_operator.local.errors import LocalError
from jetcal_operator.local.files import localised, parse, read_document
from jetcal_operator.local.objects import read_objects


class Target(NamedTuple):
    """A calibration that is, or may be, stored."""

    storage: Path
    name: str


def find(path: Path, storage: Path | None = None) -> Target:
    """The calibration of a YAML file, or the one in a storage folder.

    Raises
    ------
    LocalError
        If the file is not valid, or the folder holds none or several.
    """
    if not path.is_dir():
        document = read_document(path)
        parse(path, document)
        document = localised(document, path.parent, storage)
        return Target(Path(document["spec"]["storage"]["uri"]), document["metadata"]["name"])
    names = [key.name for key in stored_objects(path) if key.kind == KIND]
    if len(names) != 1:
        found = f"several calibrations ({', '.join(names)}); give a YAML file" if names else "no calibration yet"
        message = f"{path}: holds {found}"
        raise LocalError(message)
    return Target(path.resolve(), names[0])


def stored_objects(storage: Path) -> dict[ObjectKey, Manifest]:
    """All objects of a storage, as they are now."""
    return read_objects(state_folder(storage) / "objects")


def stored_resource(target: Target) -> Manifest:
    """The stored JetCalibration; raises `LocalError` if it has never been run."""
    found = stored_objects(target.storage).get(resource_key(target.name))
    if found is None:
        message = f"{target.storage}: {target.name} has not been run yet: jetcal run FILE"
        raise LocalError(message)
    return found
