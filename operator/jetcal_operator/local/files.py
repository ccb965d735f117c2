"""Reads a user's YAML: version 1.2 as kubectl reads it, checked by the models, paths made absolute."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from jetcal_api.messages import explain
from jetcal_api.resource import JetCalibration
from jetcal_operator.local.errors import LocalError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def read_document(path: Path) -> dict[str, Any]:
    """The one YAML document of a file.

    Raises
    ------
    LocalError
        If it cannot be read, is no YAML 1.2, or is not one mapping.
    """
    try:
        documents = list(YAML(typ="safe", pure=True).load_all(path.read_text(encoding="utf-8"))) or [None]
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise LocalError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: is no text in UTF-8 (byte {error.start})"
        raise LocalError(message) from error
    except YAMLError as error:
        raise LocalError(_syntax(path, error)) from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        found = f"{len(documents)} documents" if len(documents) != 1 else _noun(documents[0])
        message = f"{path}: must hold one JetCalibration, found {found}"
        raise LocalError(message)
    document: dict[str, Any] = documents[0]
    return document


def parse(path: Path, document: Mapping[str, Any]) -> JetCalibration:
    """The document as a resource.

    Raises
    ------
    LocalError
        With a line for each problem.
    """
    try:
        return JetCalibration.parse(document)
    except ValidationError as error:
        raise LocalError("\n".join(f"{path}: {sentence}" for sentence in explain(error, document))) from error


def localised(document: Mapping[str, Any], folder: Path, storage: Path | None = None) -> dict[str, Any]:
    """The document with its paths absolute.

    Parameters
    ----------
    document
        A valid one.
    folder
        That of the YAML file, which paths are relative to.
    storage
        Replaces ``spec.storage``.

    Raises
    ------
    LocalError
        If the storage is no folder of this machine.
    """
    spec = {**document["spec"]}
    uri = str(storage.absolute()) if storage else _absolute(spec["storage"]["uri"], folder)
    if _SCHEME.match(uri):
        message = f"spec.storage.uri: {uri} is not on this machine; give a folder with --storage DIR"
        raise LocalError(message)
    spec["storage"] = {**spec["storage"], "uri": uri}
    spec["dataset"] = _with_absolute_files(spec["dataset"], folder)
    if systematics := spec.get("evaluation", {}).get("systematics"):
        samples = [_with_absolute_files(sample, folder) for sample in systematics]
        spec["evaluation"] = {**spec["evaluation"], "systematics": samples}
    metadata = {"namespace": "default", **document["metadata"]}
    return {"apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": metadata, "spec": spec}


def _with_absolute_files(section: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    return {**section, "files": [_absolute(uri, folder) for uri in section["files"]]}


def _absolute(uri: str, folder: Path) -> str:
    """A uri as it is; a path, which may hold globs, from the folder on."""
    if uri.startswith("file://"):
        uri = uri.removeprefix("file://")
    if _SCHEME.match(uri):
        return uri
    return os.path.normpath(Path.resolve(folder) / Path(uri).expanduser())


def _syntax(path: Path, error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError):
        return f"{path}: is no YAML: {' '.join(str(error).split())}"
    mark = error.problem_mark or error.context_mark
    problem = " ".join(part for part in (error.context, error.problem) if part).replace("\n", " ")
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    return f"{where}: {problem}"


def _noun(value: Any) -> str:
    return {type(None): "nothing", list: "a list", str: "text"}.get(type(value), type(value).__name__)
