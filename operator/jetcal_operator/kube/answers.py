"""Which Pods belong to an object, and what the worker in them answered. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest

WORKERS = frozenset({"worker", "pytorch", "node"})
"""Containers that run our worker: of a Job, a PyTorchJob, a TrainJob."""
JOBSET = "jobset.sigs.k8s.io/jobset-name"
INFERENCE_SERVICE = "serving.kserve.io/inferenceservice"
SUGGESTION = "katib.kubeflow.org/suggestion"
_REPLICA_TYPE = "training.kubeflow.org/replica-type"
_REPLICA_INDEX = "training.kubeflow.org/replica-index"
_COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
_MASTER_FIRST = {"master": 0, "worker": 1}


def pods_of(job: Manifest, pods: Iterable[Manifest]) -> list[Manifest]:
    """The Pods of a Job, PyTorchJob, TrainJob, Experiment (its suggestion), InferenceService or Deployment.

    Master and lowest index first; of several Pods with one task the newest first.
    """
    return sorted((pod for pod in pods if _belongs(job, pod)), key=_order)


def role(pod: Manifest) -> tuple[int, int]:
    """The task that a Pod has among those of its job: kind of replica and index."""
    replica = _MASTER_FIRST.get(naming.label(pod, _REPLICA_TYPE), 2)
    index = naming.label(pod, _REPLICA_INDEX) or naming.label(pod, _COMPLETION_INDEX)
    index = index or naming.annotation(pod, _COMPLETION_INDEX)
    return replica, int(index) if index.isdigit() else 0


def answer(pods: Iterable[Manifest], containers: Iterable[str] = WORKERS) -> str | None:
    """What a worker that ended well left as its termination message: a JSON object with the ``uri`` of its result.

    The first Pod that has one speaks for all: the master, or the index that merged.
    """
    wanted = frozenset(containers)
    found = (_message(entry) for pod in pods for entry in statuses(pod) if entry.get("name") in wanted)
    return next((message for message in found if message is not None), None)


def statuses(pod: Manifest, field: str = "containerStatuses") -> list[dict[str, Any]]:
    """Status of each container (or, by ``initContainerStatuses``, of each init container)."""
    return (pod.get("status") or {}).get(field) or []


def created(entry: Manifest) -> str:
    """When an object was made; timestamps of the API server sort as text."""
    return entry["metadata"].get("creationTimestamp") or ""


def _belongs(job: Manifest, pod: Manifest) -> bool:
    name = job["metadata"]["name"]
    if job["kind"] == "TrainJob":
        return bool(naming.label(pod, JOBSET) == name and created(pod) >= created(job))
    if job["kind"] == "InferenceService":
        return bool(naming.label(pod, INFERENCE_SERVICE) == name)
    if job["kind"] == "Experiment":
        return bool(naming.label(pod, SUGGESTION) == name)
    if job["kind"] == "Deployment":
        wanted = ((job.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
        return bool(wanted) and all(naming.label(pod, label) == value for label, value in wanted.items())
    owners = pod["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == job["metadata"].get("uid") for owner in owners)


def _order(pod: Manifest) -> tuple[tuple[int, int], list[int], str]:
    newest_first = [-ord(character) for character in created(pod)]
    return role(pod), newest_first, pod["metadata"]["name"]


def _message(entry: Mapping[str, Any]) -> str | None:
    ended = (entry.get("state") or {}).get("terminated") or {}
    if ended.get("exitCode") != 0:
        return None
    text: str = ended.get("message") or ""
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return text if isinstance(parsed, dict) and isinstance(parsed.get("uri"), str) else None
