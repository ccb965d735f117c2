"""Pods that a script moves: the API server takes every move, and the Job controller draws its conclusions."""

from __future__ import annotations

import pytest
from tests.support import kubelet

ENDED = {
    "succeed": ("Complete", {}),
    "fail": ("Failed", {"exit_code": 3}),
    "out_of_memory": ("Failed", {}),
    "evict": ("Failed", {}),
    "disrupt": ("Failed", {}),
}
PENDING = {
    "unschedulable": {},
    "image_pull_back_off": {},
    "config_error": {},
    "crash_loop": {"exit_code": 1, "message": "no such file"},
}


@pytest.fixture(scope="module")
def namespace(plain_control_plane):
    return plain_control_plane.namespace()


def start(plane, namespace, name):
    containers = [{"name": "main", "image": "none:1"}, {"name": "aside", "image": "none:2"}]
    before = [{"name": "before", "image": "none:0"}]
    pod = {"restartPolicy": "Never", "containers": containers, "initContainers": before}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": namespace}}
    plane.apply(job | {"spec": {"backoffLimit": 0, "template": {"spec": pod}}})
    (made,) = plane.wait(lambda: plane.list("pods", namespace, f"batch.kubernetes.io/job-name={name}"))
    return made


@pytest.mark.parametrize("move", ENDED)
def test_a_pod_that_ends_ends_its_job(plain_control_plane, namespace, move):
    condition, options = ENDED[move]
    name = move.replace("_", "-")
    pod = kubelet.run(plain_control_plane, start(plain_control_plane, namespace, name))
    assert pod["status"]["phase"] == "Running"
    getattr(kubelet, move)(plain_control_plane, pod, **options)

    def conditions():
        job = plain_control_plane.get("jobs", name, namespace)
        return {entry["type"]: entry["status"] for entry in job["status"].get("conditions", ())}

    plain_control_plane.wait(lambda: conditions().get(condition) == "True")


@pytest.mark.parametrize("move", PENDING)
def test_a_pod_that_cannot_start_stays_pending(plain_control_plane, namespace, move):
    pod = start(plain_control_plane, namespace, move.replace("_", "-"))
    moved = getattr(kubelet, move)(plain_control_plane, pod, **PENDING[move])
    assert moved["status"]["phase"] == "Pending"
    assert kubelet.run(plain_control_plane, moved)["status"]["phase"] == "Running"


def test_only_the_first_container_leaves_a_message(plain_control_plane, namespace):
    pod = start(plain_control_plane, namespace, "message")
    ended = kubelet.succeed(plain_control_plane, pod, "all is well")
    told = [entry["state"]["terminated"].get("message", "") for entry in ended["status"]["containerStatuses"]]
    assert told == ["all is well", ""]
