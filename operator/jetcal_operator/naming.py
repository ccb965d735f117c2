"""Names, labels and annotations of everything that the operator makes; the same input gives the same name."""

from __future__ import annotations

import hashlib
from typing import Any

from jetcal_api.documents import fingerprint
from jetcal_api.resource import API_VERSION, KIND

CALIBRATION = "jetcal.dev/calibration"
"""Label: name of the resource that an object belongs to."""
STAGE = "jetcal.dev/stage"
"""Label: stage that an object belongs to."""
FINGERPRINT = "jetcal.dev/fingerprint"
"""Label: fingerprint of the document that an object works on."""
RECORD = "jetcal.dev/record"
"""Label of the ConfigMaps that outlive their Pods: ``trial``, ``revision`` or ``refusal``."""
REVISION = "jetcal.dev/revision"
"""Label of a verification: the revision that it verifies."""
INCARNATION = "jetcal.dev/incarnation"
"""Label of a verification: uid of the InferenceService that it verifies."""
MANIFEST = "jetcal.dev/manifest"
"""Annotation: hash of the manifest as it was wanted when the object was written."""
RETRY = "jetcal.dev/retry"
"""Annotation of the resource, copied to children: a new value asks to make what has failed anew."""
ATTEMPTS = "jetcal.dev/attempts"
"""Annotation of a stage's ConfigMap: how often its child was made anew."""
SUSPENDED = "jetcal.dev/suspended"
"""Annotation of a job: ``true`` while it is the operator that holds it suspended."""
QUEUE = "kueue.x-k8s.io/queue-name"
"""Label that hands a job object to a Kueue queue."""
KATIB_EXPERIMENT = "katib.kubeflow.org/experiment"
"""Label of Katib's Trials."""

NAME_LIMIT = 52
"""Longest name of a child: a DNS label of 63 with room for ``-worker-255`` or an index."""
EXPERIMENT_NAME_LIMIT = 40
"""Longest name of an Experiment that Katib's webhook admits; a JobSet's Pods leave a TrainJob no more either."""


def child_name(resource: str, stage: str, digest: str, limit: int = NAME_LIMIT) -> str:
    """``<resource>-<stage>-<hash8>``; a resource's name that leaves no room is cut and marked with a hash of itself."""
    suffix = f"-{stage}-{digest[:8]}"
    room = limit - len(suffix)
    if len(resource) > room:
        mark = hashlib.sha256(resource.encode()).hexdigest()[:4]
        resource = f"{resource[: room - 5].rstrip('-')}-{mark}"
    return resource + suffix


def inference_service_name(resource: str) -> str:
    """The endpoint keeps its name through all revisions."""
    return resource


def tensorboard_name(resource: str) -> str:
    """Deployment and Service of TensorBoard."""
    return f"{resource}-tensorboard"


def labels(resource: str, stage: str, digest: str | None = None) -> dict[str, str]:
    """Labels of a child; the resource's own labels are never copied, for they may mark it as part of an application."""
    marks = {
        "app.kubernetes.io/name": "jetcal",
        "app.kubernetes.io/component": stage,
        "app.kubernetes.io/managed-by": "jetcal",
        CALIBRATION: resource,
        STAGE: stage,
    }
    return marks | ({FINGERPRINT: digest} if digest else {})


def owner_reference(name: str, uid: str) -> dict[str, Any]:
    """The reference by which the garbage collector deletes children with their resource."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned(manifest: dict[str, Any], uid: str) -> bool:
    """Whether the resource of that uid controls the object."""
    for reference in manifest["metadata"].get("ownerReferences", ()):  # a loop, for it is asked of every object
        if reference.get("uid") == uid and reference.get("controller"):
            return True
    return False


def stamped(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the hash of itself as an annotation."""
    metadata = manifest["metadata"]
    annotations = metadata.get("annotations", {}) | {MANIFEST: fingerprint(manifest)}
    return manifest | {"metadata": metadata | {"annotations": annotations}}


def annotation(manifest: dict[str, Any], name: str, default: str = "") -> str:
    """Value of one annotation."""
    value: str = (manifest["metadata"].get("annotations") or {}).get(name, default)
    return value


def label(manifest: dict[str, Any], name: str) -> str:
    """Value of one label, empty when it is missing."""
    value: str = (manifest["metadata"].get("labels") or {}).get(name, "")
    return value
