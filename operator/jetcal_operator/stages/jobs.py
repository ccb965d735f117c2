"""Job objects of all three runtimes, around one worker's Pod template."""

from __future__ import annotations

from typing import Any

from jetcal_api.spec import Resources
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.stages import pods
from jetcal_operator.stages.scope import Scope

BATCH = "batch/v1"
KUBEFLOW = "kubeflow.org/v1"
TRAINER = "trainer.kubeflow.org/v1alpha1"

WORKER = "worker"
"""Container of a batch Job."""
PYTORCH = "pytorch"
"""Container name that the training operator insists on."""

PERMANENT_EXIT_CODES = [1, 2, 126, 127]
"""Exit codes of 1-127 that occur: a worker's, a misused command line's, a command that cannot be run or found."""


def batch_spec(scope: Scope, template: dict[str, Any], *, parts: int | None = None) -> dict[str, Any]:
    """Spec of a batch Job; with ``parts`` an indexed one.

    A disrupted Pod does not count, a permanent exit code ends the Job at once, all else is retried.
    """
    container = template["spec"]["containers"][0]["name"]
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": container, "operator": "In", "values": PERMANENT_EXIT_CODES},
        },
    ]
    indexed = (
        {
            "completionMode": "Indexed",
            "completions": parts,
            "parallelism": min(parts, scope.platform.parallel_prepares),
        }
        if parts is not None
        else {}
    )
    return {
        **indexed,
        "backoffLimit": scope.platform.backoff_limit,
        "podFailurePolicy": {"rules": rules},
        "template": template,
    }


def pytorch_spec(scope: Scope, template: dict[str, Any], *, workers: int, processes: int) -> dict[str, Any]:
    """Spec of a PyTorchJob with one master and ``workers - 1`` workers."""
    replica = {"replicas": 1, "restartPolicy": "ExitCode", "template": template}
    replicas: dict[str, Any] = {"Master": replica}
    if workers > 1:
        replicas["Worker"] = replica | {"replicas": workers - 1}
    return {
        "nprocPerNode": str(processes),
        "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": scope.platform.backoff_limit},
        "pytorchReplicaSpecs": replicas,
    }


def train_spec(
    scope: Scope,
    *,
    command: list[str],
    document: str,
    resources: Resources,
    labels: dict[str, str],
    workers: int,
    processes: int,
) -> dict[str, Any]:
    """Spec of a TrainJob (Trainer 2.2 and newer).

    The runtime owns the Pod; what it does not know is patched in. It offers no ``envFrom``, forbids variables of
    torchrun, and takes each name once; as with ``envFrom``, the installation's CA bundle goes before the Secret's.
    """
    variables = pods.environment(scope, document, {"JETCAL_PROCESSES": str(processes)})
    named = {entry["name"] for entry in variables}
    patch = {
        "metadata": {"labels": labels | pods.NO_SIDECAR, "annotations": dict(pods.NO_SIDECAR)},
        "spec": {
            "securityContext": pods.POD_SECURITY,
            **pods.placement(scope),
            "volumes": pods.volumes(scope, shared_memory=True),
            "containers": [
                {
                    "name": "node",
                    "securityContext": pods.CONTAINER_SECURITY,
                    "volumeMounts": pods.mounts(scope, shared_memory=True),
                }
            ],
        },
    }
    replicated = {"name": "node", "template": {"spec": {"template": patch}}}
    return {
        "runtimeRef": {
            "apiGroup": "trainer.kubeflow.org",
            "kind": "ClusterTrainingRuntime",
            "name": scope.platform.train_runtime,
        },
        "trainer": {
            "image": scope.platform.worker_image,
            "command": command,
            "env": [*variables, *(entry for entry in pods.secret_variables(scope) if entry["name"] not in named)],
            "numNodes": workers,
            "numProcPerNode": processes,
            "resourcesPerNode": pods.requirements(pods.quantities(scope, resources)),
        },
        "runtimePatches": [
            {
                "manager": "jetcal.dev/operator",
                "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": [replicated]}}},
            }
        ],
    }


def suspension(job: Manifest, *, suspend: bool) -> Manifest:
    """The fields that hold a job of any runtime, or let it go on; a mark tells whose doing it is."""
    switch: dict[str, Any] = {"suspend": suspend}
    metadata = {name: job["metadata"][name] for name in ("name", "namespace", "uid") if name in job["metadata"]}
    return {
        "apiVersion": job["apiVersion"],
        "kind": job["kind"],
        "metadata": metadata | {"annotations": {naming.SUSPENDED: str(suspend).lower()}},
        "spec": {"runPolicy": switch} if job["kind"] == "PyTorchJob" else switch,
    }
