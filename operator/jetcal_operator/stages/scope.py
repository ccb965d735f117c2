"""What every builder of manifests knows: the resource and the platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jetcal_api.resource import JetCalibration, JetCalibrationSpec
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.platform import Platform


@dataclass(frozen=True)
class Scope:
    """One resource on one platform."""

    resource: JetCalibration
    platform: Platform

    @property
    def spec(self) -> JetCalibrationSpec:
        """What the user wants."""
        return self.resource.spec

    @property
    def name(self) -> str:
        """Name of the resource."""
        return self.resource.metadata.name

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
            "namespace": self.resource.metadata.namespace,
            "labels": labels,
        }
        if self.resource.metadata.uid:
            metadata["ownerReferences"] = [naming.owner_reference(self.resource)]
        if annotations:
            metadata["annotations"] = annotations
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}

    def queue_label(self) -> dict[str, str]:
        """The label that hands a job object to Kueue, if the user wants it."""
        return {naming.QUEUE: self.spec.queue_name} if self.spec.queue_name else {}
