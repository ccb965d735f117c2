"""Children of a JetCalibration that stands in a cluster, as the operator would make them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.calibrations import calibration

from jetcal_api.resource import JetCalibration
from jetcal_operator import naming
from jetcal_operator.cluster import ObjectKey, Observed
from jetcal_operator.platform import Platform
from jetcal_operator.render import render
from jetcal_operator.stages.world import World

NOW = "2026-11-21T09:00:00Z"


@dataclass
class Family:
    """A resource in a namespace, and its children by kind and stage; nothing but the resource exists at first."""

    plane: object
    namespace: str
    resource: JetCalibration
    manifests: list = field(default_factory=list)

    def find(self, kind, stage):
        """The manifest of a child."""
        (found,) = [
            manifest
            for manifest in self.manifests
            if (manifest["kind"], manifest["metadata"]["labels"][naming.STAGE]) == (kind, stage)
        ]
        return found

    def make(self, kind, stage):
        """Create a child, refusing fields that the API server does not know; what it made of it."""
        return self.plane.create(self.find(kind, stage), fieldValidation="Strict")

    def apply(self, manifest):
        """Server-side apply as the operator does it."""
        query = {"fieldManager": "jetcal", "force": "true", "fieldValidation": "Strict"}
        where = self.plane.resource(manifest["kind"], manifest["apiVersion"])
        path = where.path(self.namespace, manifest["metadata"]["name"])
        return self.plane.client.call("PATCH", path, manifest, "application/apply-patch+yaml", **query)

    def read(self, manifest):
        """A child as it is now, None if it is gone."""
        where = self.plane.resource(manifest["kind"], manifest["apiVersion"])
        return self.plane.client.find(where.path(self.namespace, manifest["metadata"]["name"]))

    def delete(self, manifest):
        """Delete a child and, in the background, what it owns."""
        where = self.plane.resource(manifest["kind"], manifest["apiVersion"])
        self.plane.client.delete(where.path(self.namespace, manifest["metadata"]["name"]))

    def pods(self, **labels):
        """Pods of the namespace by name, those that are on their way out left aside."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        found = self.plane.list("pods", self.namespace, selector)
        return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def world(self, *kinds):
        """What the planner would see of the objects of some kinds."""
        objects = [entry for kind in kinds for entry in self.plane.list(kind, self.namespace)]
        children = {ObjectKey.of(entry): entry for entry in objects}
        return World(Observed(self.resource, children, {}, frozenset(), NOW))


def family(plane, document=None, *, platform=None, labels=None):
    """A resource, applied in a new namespace, with the manifests of its children."""
    namespace = plane.namespace(labels)
    document = document or calibration()
    document["metadata"]["namespace"] = namespace
    (made,) = plane.apply(document)
    resource = JetCalibration.parse(made)
    return Family(plane, namespace, resource, render(resource, platform or Platform()))
