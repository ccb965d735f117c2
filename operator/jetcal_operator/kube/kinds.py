"""The kinds that the operator watches, and where the API server keeps them."""

from __future__ import annotations

from typing import Any, NamedTuple

from jetcal_api.crd import PLURAL
from jetcal_api.resource import API_VERSION, KIND
from jetcal_operator.cluster import ObjectKey
from jetcal_operator.stages import jobs
from jetcal_operator.stages.serving import KSERVE
from jetcal_operator.stages.tuning import KATIB


class Kind(NamedTuple):
    """One kind of object in one version of its API."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """Version within the group."""
        return self.api_version.rpartition("/")[2]

    @property
    def root(self) -> str:
        """Path of the API version, as discovery knows it."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """Path of one object, or of all in a namespace, or of all."""
        place = f"/namespaces/{namespace}" if namespace else ""
        return f"{self.root}{place}/{self.plural}" + (f"/{name}" if name else "")


RESOURCE = Kind(API_VERSION, KIND, PLURAL)
POD = Kind("v1", "Pod", "pods")
EVENT = Kind("v1", "Event", "events")
NAMESPACE = Kind("v1", "Namespace", "namespaces")
TRAIN_JOB = Kind(jobs.TRAINER, "TrainJob", "trainjobs")
KEPT = (
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("v1", "Service", "services"),
    Kind(KSERVE, "InferenceService", "inferenceservices"),
)
"""Kinds that are kept as wanted; all others are made once."""
CHILDREN = (
    Kind("v1", "ConfigMap", "configmaps"),
    POD,
    Kind(jobs.BATCH, "Job", "jobs"),
    *KEPT,
    Kind(jobs.KUBEFLOW, "PyTorchJob", "pytorchjobs"),
    TRAIN_JOB,
    Kind(KATIB, "Experiment", "experiments"),
    Kind(KATIB, "Trial", "trials"),
)
"""Every kind of which a calibration may have objects."""
WATCHED = (RESOURCE, *CHILDREN)

_BY_NAME = {(kind.api_version, kind.kind): kind for kind in (*WATCHED, EVENT, NAMESPACE)}


def kind_of(thing: ObjectKey | dict[str, Any]) -> Kind:
    """The kind of a manifest or a key."""
    if isinstance(thing, ObjectKey):
        return _BY_NAME[thing.api_version, thing.kind]
    return _BY_NAME[thing["apiVersion"], thing["kind"]]
