"""What happens to Pods from the node's side: their processes are killed as the kernel does it."""

from __future__ import annotations

from typing import Any

from tests.support.e2e.kubectl import Kubectl
from tests.support.images import BASE
from tests.support.waiting import wait_for

NAMESPACE = "jetcal-e2e-nodes"
_NAME = "node-side"
_KILL = """
for folder in /proc/[0-9]*; do
  tr '\\0' '\\n' < $folder/environ 2>/dev/null | grep -q "^JETCAL_POD_UID=$1$" || continue
  kill -9 ${folder#/proc/} && echo killed
done
"""


class Nodes:
    """A Pod on each node that sees the node's processes."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def prepare(self) -> None:
        """Start the Pods."""
        self._kubectl.apply(_namespace(), _daemons())
        self._kubectl("rollout", "status", f"daemonset/{_NAME}", f"--namespace={NAMESPACE}", "--timeout=100s")

    def remove(self) -> None:
        """Take them away."""
        self._kubectl("delete", f"namespace/{NAMESPACE}", "--ignore-not-found", "--wait=false")

    def kill(self, pod: dict[str, Any]) -> None:
        """SIGKILL to every process of a worker's Pod, the first of each container included."""
        node, uid = pod["spec"]["nodeName"], pod["metadata"]["uid"]
        daemons = self._kubectl.items("pods", NAMESPACE, f"app={_NAME}")
        (daemon,) = [entry["metadata"]["name"] for entry in daemons if entry["spec"].get("nodeName") == node]
        command = ("sh", "-c", _KILL, "kill", uid)
        wait_for(
            f"Pod {pod['metadata']['name']} has processes",
            lambda: "killed" in self._kubectl("exec", daemon, f"--namespace={NAMESPACE}", "--", *command),
            seconds=10,
        )


def _namespace() -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _daemons() -> dict[str, Any]:
    labels = {"app": _NAME}
    container = {
        "name": "sleep",
        "image": BASE,
        "command": ["sleep", "infinity"],
        "securityContext": {"privileged": True},
    }
    pod = {
        "hostPID": True,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": _NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
