"""Releases of the chart on a control plane that knows JetCalibrations by the chart alone."""

from __future__ import annotations

import pytest
from tests.support.charts import CHART, helm
from tests.support.control_plane import running
from tests.support.kube_client import KubeError
from tests.support.programs import module_folder
from tests.support.waiting import wait_for

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}


@pytest.fixture(scope="session")
def chart_plane(tmp_path_factory):
    """A control chart_plane that knows the Prometheus operator's kinds, and JetCalibrations only by the chart."""
    module = module_folder("github.com/prometheus-operator/prometheus-operator")
    folder = module / "example" / "prometheus-operator-crd"
    crds = [folder / f"monitoring.coreos.com_{name}.yaml" for name in ("servicemonitors", "prometheusrules")]
    with running(tmp_path_factory.mktemp("chart"), crds) as started:
        yield started


@pytest.fixture
def system(chart_plane):
    """A namespace for the operator that enforces the restricted level."""
    return chart_plane.namespace(RESTRICTED)


@pytest.fixture
def release(chart_plane, system):
    """Runs helm against the control chart_plane, and takes away what a test has installed."""
    installed = []

    def run(command, *options, values=None, name="jetcal"):
        kubeconfig = ("--kubeconfig", chart_plane.kubeconfig, "--namespace", system)
        if command == "install":
            installed.append(name)
        chart = (CHART,) if command in {"install", "upgrade"} else ()
        return helm(command, name, *chart, *kubeconfig, *options, values=values)

    yield run
    for name in installed:
        helm("uninstall", name, "--ignore-not-found", "--kubeconfig", chart_plane.kubeconfig, "--namespace", system)
    chart_plane.delete("crd", "jetcalibrations.jetcal.dev")
    wait_for("the definition is gone", lambda: chart_plane.get("crd", "jetcalibrations.jetcal.dev") is None)


def wait_until_served(chart_plane):
    """A new kind is announced a moment before it can be listed."""

    def listed():
        try:
            return chart_plane.client.find("/apis/jetcal.dev/v1alpha1/jetcalibrations")
        except KubeError:
            return None

    wait_for("JetCalibrations are served", listed)
