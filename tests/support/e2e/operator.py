"""The operator as Helm installs it: its Pods, who leads, what its metrics count."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.e2e.kubectl import Kubectl
from tests.support.programs import program
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm/jetcal"
NAMESPACE = "jetcal-system"
RELEASE = "jetcal"
LEASE = "jetcal-operator"
SELECTOR = f"app.kubernetes.io/name=jetcal-operator,app.kubernetes.io/instance={RELEASE}"
PORT = 8080
MUTATING = {"create", "patch", "delete", "update"}
_CALLS = re.compile(r"^jetcal_api_calls_total\{(.*)\} (\S+)$", re.MULTILINE)


class Operator:
    """One release of the chart."""

    namespace = NAMESPACE

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def install(self, values: Path) -> None:
        """``helm install``, until the Deployment is available."""
        self._helm("upgrade", "--install", "--create-namespace", "--wait", "--timeout=3m", f"--values={values}", CHART)

    def test(self) -> None:
        """``helm test``: a Pod asks the operator whether it is ready."""
        self._helm("test", "--timeout=2m")

    def uninstall(self) -> None:
        """``helm uninstall``; the chart keeps the CRD."""
        self._helm("uninstall", "--ignore-not-found", "--wait")

    def _helm(self, command: str, *options: str | Path) -> None:
        *flags, last = options
        names = [RELEASE, last] if last == CHART else [RELEASE]
        flags = flags if last == CHART else options
        place = [f"--namespace={NAMESPACE}", f"--kubeconfig={self._kubectl.kubeconfig}"]
        done = subprocess.run(
            [program("helm"), command, *names, *place, *flags], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"helm {command}: {done.stderr.strip()}"

    def pods(self) -> list[dict[str, Any]]:
        """Its Pods."""
        return self._kubectl.items("pods", NAMESPACE, SELECTOR)

    def leader(self) -> str:
        """Name of the Pod that holds the lease, of those that live."""
        living = {pod["metadata"]["name"] for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]}

        def holder() -> str:
            lease = json.loads(self._kubectl("get", f"lease/{LEASE}", f"--namespace={NAMESPACE}", "--output=json"))
            name = (lease["spec"].get("holderIdentity") or "").split("_")[0]
            return name if name in living else ""

        return wait_for("a living Pod of the operator holds the lease", holder, seconds=60, pause=0.3)

    def kill_leader(self) -> str:
        """The leading Pod goes without a last word; its name."""
        name = self.leader()
        self._kubectl("delete", f"pod/{name}", f"--namespace={NAMESPACE}", "--grace-period=0", "--force")
        return name

    def calls(self) -> Counter[tuple[str, str]]:
        """API calls of all its Pods since they started, by verb and kind."""
        counted: Counter[tuple[str, str]] = Counter()
        for pod in self.pods():
            path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}:{PORT}/proxy/metrics"
            for labels, value in _CALLS.findall(self._kubectl("get", "--raw", path)):
                named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
                counted[named["verb"], named["kind"]] += int(float(value))
        return counted

    def logs(self) -> str:
        """The last lines of all Pods."""
        options = (f"--selector={SELECTOR}", "--all-containers", "--tail=200", "--prefix")
        return self._kubectl.attempt("logs", f"--namespace={NAMESPACE}", *options) or ""


def mutating(calls: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """The calls that change something about a JetCalibration or its children, not the lease."""
    return Counter({call: count for call, count in calls.items() if call[0] in MUTATING and call[1] != "Lease"})
