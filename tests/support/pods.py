"""Owners, Pods and Events as a cluster has them, in a few words each."""

from __future__ import annotations

from datetime import UTC, datetime

NOW = datetime(2026, 11, 21, 9, 10, tzinfo=UTC)
OLD, RECENT = "2026-11-21T09:00:00Z", "2026-11-21T09:09:55Z"
API_VERSIONS = {
    "Job": "batch/v1",
    "PyTorchJob": "kubeflow.org/v1",
    "TrainJob": "trainer.kubeflow.org/v1alpha1",
    "Experiment": "kubeflow.org/v1beta1",
    "InferenceService": "serving.kserve.io/v1beta1",
    "Deployment": "apps/v1",
}


def owner(kind="Job", name="ak4-export", spec=None, conditions=(), created=OLD):
    """An object whose Pods are looked at; ``conditions`` are those that hold."""
    return {
        "apiVersion": API_VERSIONS[kind],
        "kind": kind,
        "metadata": {"name": name, "namespace": "jec", "uid": f"uid-{name}", "creationTimestamp": created},
        "spec": spec or {},
        "status": {"conditions": [{"type": kind, "status": "True"} for kind in conditions]},
    }


def container(name="worker", *, ready=False, last=None, restarts=0, **state):
    """Status of a container in one state."""
    return {
        "name": name,
        "ready": ready,
        "restartCount": restarts,
        "state": state,
        "lastState": {"terminated": last} if last else {},
    }


def exited(code, message="", reason="Error", **kwargs):
    """Status of a container that has ended."""
    return container(terminated={"exitCode": code, "message": message, "reason": reason}, **kwargs)


def waiting(reason, message="", **kwargs):
    """Status of a container that does not run."""
    return container(waiting={"reason": reason, "message": message}, **kwargs)


def pod(
    *containers, name="p", phase="Pending", stage="export", labels=None, init=(), created=OLD, of="ak4-export", **status
):
    """A Pod of Job ak4-export, with what its status says beside phase and containers."""
    named = [entry["name"] for entry in containers] or ["worker"]
    resources = {"limits": {"memory": "4Gi"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "jec",
            "uid": f"uid-{name}",
            "creationTimestamp": created,
            "labels": {"jetcal.dev/stage": stage} | (labels or {}),
            "ownerReferences": [{"uid": f"uid-{of}", "controller": True}],
        },
        "spec": {
            "containers": [{"name": entry, "image": f"registry/{entry}:1", "resources": resources} for entry in named],
            "initContainers": [{"name": entry["name"], "image": f"registry/{entry['name']}:1"} for entry in init],
        },
        "status": {"phase": phase, "containerStatuses": list(containers), "initContainerStatuses": list(init)} | status,
    }


def unscheduled(message, reason="Unschedulable"):
    """Conditions of a Pod without a node."""
    return {"conditions": [{"type": "PodScheduled", "status": "False", "reason": reason, "message": message}]}


def event(about, reason, message, kind="Warning", seen=RECENT):
    """An Event about an object."""
    metadata = about["metadata"]
    target = {"kind": about["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {"involvedObject": target, "type": kind, "reason": reason, "message": message, "lastTimestamp": seen}
