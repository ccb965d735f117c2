"""What every builder of manifests knows: the resource's spec and the platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, TypeVarTuple

from jetcal_api.resource import JetCalibration, JetCalibrationSpec
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.platform import Platform

Inputs = TypeVarTuple("Inputs")
Made = TypeVar("Made")

KEPT_SCOPES = 1024
"""Resources for which is kept what follows from their spec."""
KEPT_THINGS = 16 * KEPT_SCOPES
"""Things that are kept: a resource that serves has about fourteen, its stages and what their workers answered."""


@dataclass(frozen=True)
class Scope:
    """One resource on one platform, without what changes while it runs.

    Made by `of`, two scopes that are equal are the same object: what follows from a scope is worked out once for all
    plans until its spec changes, see `once`.
    """

    namespace: str
    name: str
    uid: str
    spec: JetCalibrationSpec
    """What the user wants."""
    platform: Platform

    @classmethod
    def of(cls, resource: JetCalibration, platform: Platform) -> Scope:
        """The scope of a resource as it is wanted now."""
        metadata = resource.metadata
        return _first_equal(cls(metadata.namespace, metadata.name, metadata.uid, resource.spec, platform))

    def __hash__(self) -> int:
        """Of the name, for specs hold lists; they only change one after the other."""
        return hash((self.namespace, self.name, self.uid))

    @property
    def storage(self) -> str:
        """Folder of all artefacts."""
        return self.spec.storage.uri.rstrip("/")

    def object(
        self,
        api_version: str,
        kind: str,
        name: str,
        *,
        labels: dict[str, str],
        annotations: dict[str, str] | None = None,
    ) -> Manifest:
        """The head of a manifest; the resource owns it, once it is in a cluster."""
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self.namespace,
            "labels": labels,
        }
        if self.uid:
            metadata["ownerReferences"] = [naming.owner_reference(self.name, self.uid)]
        if annotations:
            metadata["annotations"] = annotations
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}

    def queue_label(self) -> dict[str, str]:
        """The label that hands a job object to Kueue, if the user wants it."""
        return {naming.QUEUE: self.spec.queue_name} if self.spec.queue_name else {}


def once(make: Callable[[*Inputs], Made], *inputs: *Inputs) -> Made:
    """What ``make`` makes of the inputs, which are hashable; the same object each time, so nobody may change it."""
    made: Made = _once(make, *inputs)
    return made


@lru_cache(maxsize=KEPT_SCOPES)
def _first_equal(scope: Scope) -> Scope:
    return scope


@lru_cache(maxsize=KEPT_THINGS)
def _once(make: Callable[..., Any], *inputs: Any) -> Any:
    return make(*inputs)
