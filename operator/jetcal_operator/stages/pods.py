"""Pods of workers: the environment that docs/contracts.md promises, under the restricted security profile."""

from __future__ import annotations

from typing import Any

from jetcal_api.spec import Resources, TrainingResources
from jetcal_operator.stages.scope import Scope

DOCUMENT_KEY = "calibration.json"
"""Key of the stage's document in its ConfigMap."""
CACHE_PATH = "/var/cache/jetcal"
"""Where a worker keeps local copies of shards."""
METRICS_PATH = "/var/log/katib/metrics.log"
"""Where a trial reports its metrics."""
CA_PATH = "/etc/jetcal/ca"
"""Where the installation's CA bundle is mounted."""
GPU = "nvidia.com/gpu"
"""Resource that NVIDIA's device plugin hands out."""
USER = 1000
"""User and group of every container."""
TEMPORARY_SIZE = "2Gi"
"""Room for temporary files."""
SHARED_MEMORY_SIZE = "1Gi"
"""Room in /dev/shm, through which the training processes of one Pod talk."""
SECRET_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_ENDPOINT", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE")
"""Keys of the storage Secret."""

NO_SIDECAR = {"sidecar.istio.io/inject": "false"}
"""Keeps Istio out: as a label (what Istio reads now) and as an annotation (what it read before)."""

POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def quantities(scope: Scope, wanted: Resources) -> dict[str, str]:
    """What a worker's Pod requests, which is also its limit."""
    ephemeral = TEMPORARY_SIZE if scope.spec.dataset.cache else scope.platform.cache_size
    amounts = {"cpu": wanted.cpu, "memory": wanted.memory, "ephemeral-storage": ephemeral}
    if isinstance(wanted, TrainingResources) and wanted.gpus:
        amounts[GPU] = str(wanted.gpus)
    return amounts


def requirements(amounts: dict[str, str]) -> dict[str, dict[str, str]]:
    """Requests equal limits, so that a Pod gets what it was promised and no more."""
    return {"requests": amounts, "limits": dict(amounts)}


def environment(scope: Scope, document: str, extra: dict[str, str]) -> list[dict[str, Any]]:
    """Variables of a worker whose document lies in the ConfigMap ``document``."""
    source = {"configMapKeyRef": {"name": document, "key": DOCUMENT_KEY}}
    variables: list[dict[str, Any]] = [
        {"name": "JETCAL_CALIBRATION", "valueFrom": source},
        {"name": "JETCAL_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
    ]
    return [*variables, *plain({"JETCAL_CACHE": CACHE_PATH} | extra), *ca_environment(scope), *plain({"HOME": "/tmp"})]  # noqa: S108  # a Pod's own emptyDir


def plain(values: dict[str, str]) -> list[dict[str, Any]]:
    """Variables with fixed values."""
    return [{"name": name, "value": value} for name, value in values.items()]


def ca_environment(scope: Scope) -> list[dict[str, Any]]:
    """Variables that make boto3, requests and OpenSSL trust the installation's CA bundle."""
    if not scope.platform.ca_bundle:
        return []
    bundle = f"{CA_PATH}/ca.crt"
    return plain({"AWS_CA_BUNDLE": bundle, "REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle})


def secret_reference(scope: Scope) -> dict[str, Any]:
    """``envFrom`` of the storage Secret, if the user names one."""
    name = scope.spec.storage.secret_name
    return {"envFrom": [{"secretRef": {"name": name}}]} if name else {}


def secret_variables(scope: Scope) -> list[dict[str, Any]]:
    """The same as single variables, for an API without ``envFrom``."""
    name = scope.spec.storage.secret_name
    if not name:
        return []
    return [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": name, "key": key, "optional": True}}}
        for key in SECRET_KEYS
    ]


def volumes(scope: Scope, *, shared_memory: bool) -> list[dict[str, Any]]:
    """Cache, temporary files, the CA bundle and, for training, shared memory."""
    cache = scope.spec.dataset.cache
    storage = (
        {"persistentVolumeClaim": {"claimName": cache.claim_name}}
        if cache
        else {"emptyDir": {"sizeLimit": scope.platform.cache_size}}
    )
    found: list[dict[str, Any]] = [
        {"name": "cache", **storage},
        {"name": "temporary", "emptyDir": {"sizeLimit": TEMPORARY_SIZE}},
    ]
    if shared_memory:
        found.append({"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": SHARED_MEMORY_SIZE}})
    if scope.platform.ca_bundle:
        found.append({"name": "ca", "configMap": {"name": scope.platform.ca_bundle}})
    return found


def mounts(scope: Scope, *, shared_memory: bool) -> list[dict[str, Any]]:
    """Where the volumes are seen."""
    found: list[dict[str, Any]] = [
        {"name": "cache", "mountPath": CACHE_PATH},
        {"name": "temporary", "mountPath": "/tmp"},  # noqa: S108  # a Pod's own emptyDir
    ]
    if shared_memory:
        found.append({"name": "shared-memory", "mountPath": "/dev/shm"})  # noqa: S108  # a Pod's own emptyDir
    if scope.platform.ca_bundle:
        found.append({"name": "ca", "mountPath": CA_PATH, "readOnly": True})
    return found


def placement(scope: Scope) -> dict[str, Any]:
    """Where Pods may run and how their images are pulled."""
    platform = scope.platform
    fields: dict[str, Any] = {
        "tolerations": [dict(toleration) for toleration in platform.tolerations],
        "nodeSelector": dict(platform.node_selector),
        "imagePullSecrets": [{"name": name} for name in platform.pull_secrets],
    }
    return {name: value for name, value in fields.items() if value}


def worker_template(
    scope: Scope,
    *,
    container: str,
    command: list[str],
    document: str,
    resources: Resources,
    labels: dict[str, str],
    variables: dict[str, str] | None = None,
    restart_policy: str | None = "Never",
    training: bool = False,
) -> dict[str, Any]:
    """The Pod template of one worker.

    ``restart_policy`` is left out where a training controller sets it from its own field.
    """
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        **({"restartPolicy": restart_policy} if restart_policy else {}),
        **placement(scope),
        "containers": [
            {
                "name": container,
                "image": scope.platform.worker_image,
                "command": command,
                "env": environment(scope, document, variables or {}),
                **secret_reference(scope),
                "resources": requirements(quantities(scope, resources)),
                "securityContext": CONTAINER_SECURITY,
                "volumeMounts": mounts(scope, shared_memory=training),
            }
        ],
        "volumes": volumes(scope, shared_memory=training),
    }
    return {"metadata": {"labels": labels | NO_SIDECAR, "annotations": dict(NO_SIDECAR)}, "spec": spec}
