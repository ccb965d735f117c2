"""The kubelet's and the scheduler's part for Pods that nobody runs: what they write into a Pod's status.

Each move takes the Pod as it was read and gives the Pod as it then is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.support.kube_objects import KubeObjects

Pod = dict[str, Any]
OUT_OF_MEMORY = 137
TERMINATED = 143


def run(plane: KubeObjects, pod: Pod) -> Pod:
    """All containers run and are ready."""
    return _all(plane, pod, "Running", {"running": {"startedAt": _now()}}, ready=True)


def succeed(plane: KubeObjects, pod: Pod, message: str = "") -> Pod:
    """All containers have ended well; ``message`` is the termination message of the first."""
    return _all(plane, pod, "Succeeded", _terminated(0, "Completed", message))


def fail(plane: KubeObjects, pod: Pod, exit_code: int = 1, *, reason: str = "Error", message: str = "") -> Pod:
    """All containers have ended with that code."""
    return _all(plane, pod, "Failed", _terminated(exit_code, reason, message))


def out_of_memory(plane: KubeObjects, pod: Pod) -> Pod:
    """The kernel has killed the containers for memory."""
    return fail(plane, pod, OUT_OF_MEMORY, reason="OOMKilled")


def evict(plane: KubeObjects, pod: Pod) -> Pod:
    """The kubelet has thrown the Pod out of a full node."""
    message = "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi."
    condition = _condition("DisruptionTarget", "True", "TerminationByKubelet", message)
    status = {"phase": "Failed", "reason": "Evicted", "message": message, "conditions": [condition]}
    return _write(plane, pod, status)


def disrupt(plane: KubeObjects, pod: Pod, reason: str = "PreemptionByScheduler") -> Pod:
    """The Pod had to make room (or its node went away) and its containers were terminated."""
    condition = _condition("DisruptionTarget", "True", reason, "the Pod has to make room")
    return _all(plane, pod, "Failed", _terminated(TERMINATED, "Error"), conditions=[condition])


def unschedulable(plane: KubeObjects, pod: Pod, message: str = "0/3 nodes are available: 3 Insufficient cpu.") -> Pod:
    """No node takes the Pod."""
    condition = _condition("PodScheduled", "False", "Unschedulable", message)
    return _write(plane, pod, {"phase": "Pending", "conditions": [condition]})


def image_pull_back_off(plane: KubeObjects, pod: Pod) -> Pod:
    """The image of the first container cannot be pulled."""
    image = pod["spec"]["containers"][0]["image"]
    message = f'Back-off pulling image "{image}": ErrImagePull: not found'
    return _wait(plane, pod, "ImagePullBackOff", message)


def config_error(plane: KubeObjects, pod: Pod, message: str = 'secret "s3-credentials" not found') -> Pod:
    """A Secret or one of its keys, or a ConfigMap that the first container needs is not there."""
    return _wait(plane, pod, "CreateContainerConfigError", message)


def crash_loop(plane: KubeObjects, pod: Pod, exit_code: int, message: str = "", *, init: bool = False) -> Pod:
    """The first container (or init container) has ended twice and waits to be started again."""
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}
    last = {"lastState": _terminated(exit_code, "Error", message), "restartCount": 2}
    return _first(plane, pod, {"waiting": waiting}, last, init=init)


def _wait(plane: KubeObjects, pod: Pod, reason: str, message: str) -> Pod:
    return _first(plane, pod, {"waiting": {"reason": reason, "message": message}}, {})


def _first(plane: KubeObjects, pod: Pod, state: Pod, more: Pod, *, init: bool = False) -> Pod:
    """The first container (or init container) is in that state; the Pod is on a node and not up."""
    containers, statuses = ("initContainers", "initContainerStatuses") if init else ("containers", "containerStatuses")
    first, *others = pod["spec"][containers]
    idle = {"waiting": {"reason": "PodInitializing" if init else "ContainerCreating"}}
    told = [_container(first, state) | more, *(_container(other, idle) for other in others)]
    conditions = [_condition("PodScheduled", "True"), _condition("Ready", "False", "ContainersNotReady")]
    return _write(plane, pod, {"phase": "Pending", "startTime": _now(), "conditions": conditions, statuses: told})


def _all(
    plane: KubeObjects, pod: Pod, phase: str, state: Pod, *, ready: bool = False, conditions: Sequence[Pod] = ()
) -> Pod:
    """All containers are in that state, their init containers done; a termination message is the first one's only."""
    told = [_container(container, state, ready=ready) for container in pod["spec"]["containers"]]
    for entry in told[1:]:
        entry["state"] = {
            name: {key: detail[key] for key in detail if key != "message"} for name, detail in state.items()
        }
    word = "True" if ready else "False"
    status = {
        "phase": phase,
        "startTime": _now(),
        "podIP": "10.1.2.3",
        "podIPs": [{"ip": "10.1.2.3"}],
        "conditions": [
            *(_condition(kind, "True") for kind in ("PodScheduled", "Initialized")),
            *(_condition(kind, word) for kind in ("ContainersReady", "Ready")),
            *conditions,
        ],
        "containerStatuses": told,
    }
    if before := pod["spec"].get("initContainers"):
        done = _terminated(0, "Completed")
        status["initContainerStatuses"] = [_container(container, done, ready=True) for container in before]
    return _write(plane, pod, status)


def _write(plane: KubeObjects, pod: Pod, status: Pod) -> Pod:
    meta = pod["metadata"]
    return plane.patch("pods", meta["name"], meta["namespace"], {"status": status}, "status")


def _container(container: Pod, state: Pod, *, ready: bool = False) -> Pod:
    told = {"imageID": "", "restartCount": 0, "ready": ready, "started": ready, "state": state}
    return {"name": container["name"], "image": container["image"]} | told


def _terminated(exit_code: int, reason: str, message: str = "") -> Pod:
    times = {"startedAt": _now(), "finishedAt": _now()}
    return {"terminated": {"exitCode": exit_code, "reason": reason, "message": message, **times}}


def _condition(kind: str, status: str, reason: str = "", message: str = "") -> Pod:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
