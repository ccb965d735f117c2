"""Which of the kinds that matter the cluster serves at this moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jetcal_operator.kube.api import Api, ApiError
from jetcal_operator.kube.kinds import TRAIN_JOB, Kind

PATCHES_FIELD = "runtimePatches"
"""Field of a TrainJob's spec by which Trainer 2.2 and newer are known."""


async def served(api: Api, kinds: Iterable[Kind]) -> frozenset[Kind]:
    """Those of ``kinds`` that the API server serves.

    A TrainJob counts only with the schema of Trainer 2.2 or newer, for older ones spell its fields otherwise.

    Raises
    ------
    jetcal_operator.kube.api.ApiError
        If the API server cannot be asked.
    """
    wanted = list(kinds)
    names = {root: await _names(api, root) for root in {kind.root for kind in wanted}}
    found = {kind for kind in wanted if kind.plural in names[kind.root]}
    if TRAIN_JOB in found and not await _is_patchable(api):
        found.discard(TRAIN_JOB)
    return frozenset(found)


async def _names(api: Api, root: str) -> frozenset[str]:
    try:
        document = await api.document(root)
    except ApiError as error:
        if error.is_missing:
            return frozenset()
        raise
    return frozenset(entry["name"] for entry in document.get("resources", []))


async def _is_patchable(api: Api) -> bool:
    document = await api.document(f"/openapi/v3{TRAIN_JOB.root}")
    return has_runtime_patches(document)


def has_runtime_patches(document: Mapping[str, Any]) -> bool:
    """Whether an OpenAPI document describes a TrainJob with runtime patches."""
    schemas = document.get("components", {}).get("schemas", {})
    return any(
        PATCHES_FIELD in schema.get("properties", {}).get("spec", {}).get("properties", {})
        for name, schema in schemas.items()
        if name.endswith(".TrainJob")
    )
