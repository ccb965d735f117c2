"""TensorBoard beside the training: a Deployment and a Service that read the events from storage."""

from __future__ import annotations

from typing import Any

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.stages import pods
from jetcal_operator.stages.scope import Scope

PORT = 6006
RELOAD_SECONDS = 15
STAGE = "tensorboard"


def tensorboard(scope: Scope) -> dict[ObjectKey, Manifest]:
    """Deployment and Service; they show all searches and trainings in the storage and outlive each of them."""
    name = naming.tensorboard_name(scope.name)
    labels = naming.labels(scope.name, STAGE)
    selector = {naming.CALIBRATION: scope.name, naming.STAGE: STAGE}
    deployment = scope.object("apps/v1", "Deployment", name, labels=labels) | {
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": labels | pods.NO_SIDECAR, "annotations": dict(pods.NO_SIDECAR)},
                "spec": _pod(scope),
            },
        }
    }
    service = scope.object("v1", "Service", name, labels=labels) | {
        "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]}
    }
    return {ObjectKey.of(manifest): naming.stamped(manifest) for manifest in (deployment, service)}


def tensorboard_hashes(scope: Scope) -> dict[ObjectKey, str]:
    """What tells whether Deployment and Service stand as they are wanted now."""
    return {key: naming.annotation(manifest, naming.MANIFEST) for key, manifest in tensorboard(scope).items()}


def _pod(scope: Scope) -> dict[str, Any]:
    folders = f"trials:{scope.storage}/tuning,training:{scope.storage}/training"
    amounts = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": pods.TEMPORARY_SIZE}
    volumes = [volume for volume in pods.volumes(scope, shared_memory=False) if volume["name"] != "cache"]
    mounts = [mount for mount in pods.mounts(scope, shared_memory=False) if mount["name"] != "cache"]
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pods.POD_SECURITY,
        **pods.placement(scope),
        "containers": [
            {
                "name": STAGE,
                "image": scope.platform.tensorboard_image,
                "command": [
                    "tensorboard",
                    f"--logdir_spec={folders}",
                    "--host=0.0.0.0",
                    f"--port={PORT}",
                    f"--reload_interval={RELOAD_SECONDS}",
                    f"--window_title={scope.name}",
                ],
                "env": [*pods.ca_environment(scope), *pods.plain({"HOME": "/tmp"})],  # noqa: S108  # the Pod's own
                **pods.secret_reference(scope),
                "ports": [{"name": "http", "containerPort": PORT}],
                "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 10},
                "resources": pods.requirements(amounts),
                "securityContext": pods.CONTAINER_SECURITY,
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }
