"""How controllers and kubelets spell what has become of a job or a Pod."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jetcal_operator.kube.kinds import Kind

JOB = Kind("batch/v1", "Job", "jobs")
PYTORCH_JOB = Kind("kubeflow.org/v1", "PyTorchJob", "pytorchjobs")
EXPERIMENT = Kind("kubeflow.org/v1beta1", "Experiment", "experiments")
TRIAL = Kind("kubeflow.org/v1beta1", "Trial", "trials")
INFERENCE_SERVICE = Kind("serving.kserve.io/v1beta1", "InferenceService", "inferenceservices")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")


def now() -> str:
    """This moment, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, reason: str, message: str = "") -> dict[str, Any]:
    """A condition that holds."""
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now()}


def terminated(message: str, exit_code: int = 0, reason: str | None = None) -> dict[str, Any]:
    """State of a container that has ended."""
    times = {"startedAt": now(), "finishedAt": now()}
    reason = reason or ("Error" if exit_code else "Completed")
    return {"terminated": {"exitCode": exit_code, "reason": reason, "message": message} | times}


def waiting(reason: str, message: str) -> dict[str, Any]:
    """State of a container that does not start."""
    return {"waiting": {"reason": reason, "message": message}}


def ended(kind: Kind, job: dict[str, Any], exit_code: int = 0) -> dict[str, Any]:
    """Status of a job that has ended."""
    if kind == PYTORCH_JOB:
        word = "Failed" if exit_code else "Succeeded"
        return {"conditions": [condition(word, f"PyTorchJob{word}")]}
    times = {"startTime": now()}
    if not exit_code:
        conditions = [condition(word, "CompletionsReached") for word in ("SuccessCriteriaMet", "Complete")]
        parts = job["spec"].get("completions") or 1
        indexed = job["spec"].get("completionMode") == "Indexed"
        indexes = {"completedIndexes": f"0-{parts - 1}" if parts > 1 else "0"} if indexed else {}
        return times | {"completionTime": now(), "succeeded": parts, "conditions": conditions} | indexes
    permanent = exit_code in {1, 2, 126, 127}
    reason = "PodFailurePolicy" if permanent else "BackoffLimitExceeded"
    return times | {"failed": 1, "conditions": [condition(word, reason) for word in ("FailureTarget", "Failed")]}


def pod_labels(kind: Kind, job: dict[str, Any]) -> dict[str, str]:
    """Labels by which the Pods of a job are known."""
    name = job["metadata"]["name"]
    if kind == PYTORCH_JOB:
        prefix = "training.kubeflow.org"
        return {f"{prefix}/job-name": name, f"{prefix}/replica-type": "master", f"{prefix}/replica-index": "0"}
    prefix = "batch.kubernetes.io"
    marks = {f"{prefix}/job-name": name, f"{prefix}/controller-uid": job["metadata"]["uid"], "job-name": name}
    return marks | {f"{prefix}/job-completion-index": "0"}


def endings(thing: dict[str, Any]) -> list[dict[str, Any]]:
    """Conditions that tell of an end."""
    ends = {"Complete", "Succeeded", "Failed"}
    return [entry for entry in (thing.get("status") or {}).get("conditions") or [] if entry["type"] in ends]
