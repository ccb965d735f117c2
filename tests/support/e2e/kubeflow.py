"""Kubeflow's parts beside the cluster: the real training operator, the real KServe, a stand-in for Katib."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.daemons import Daemon
from tests.support.e2e.kubectl import Kubectl
from tests.support.e2e.place import Place
from tests.support.images import BASE, STORAGE_INITIALIZER, TRITONSERVER
from tests.support.kubeflow.kserve import Images, kserve
from tests.support.kubeflow.training_operator import training_operator
from tests.support.ports import free_port
from tests.support.waiting import wait_for

_WEBHOOKS = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
_KATIB = "katib.kubeflow.org"
_OTHERS = ("katib", "kserve", "training-operator")


def refuse_other_peoples(kubectl: Kubectl) -> None:
    """End the suite on a cluster where somebody has installed Kubeflow: it would put its own parts in their place."""
    names = kubectl("get", _WEBHOOKS, "--output=name").split()
    found = [name for name in names if any(other in name for other in _OTHERS)]
    if found:
        pytest.fail(f"this cluster has a Kubeflow already ({found[0]}): run the suite on an empty cluster")


@contextmanager
def running(cluster: Place, kubectl: Kubectl, folder: Path) -> Iterator[None]:
    """All three, set up for namespaces under the restricted level; gone with their webhooks afterwards."""
    images = Images(triton=TRITONSERVER, storage_initializer=STORAGE_INITIALIZER, restricted=True)
    with (
        training_operator(cluster.kubeconfig, folder / "training", host=cluster.host, init_image=BASE, restricted=True),
        kserve(cluster.kubeconfig, folder / "kserve", host=cluster.host, images=images),
        _katib(cluster, kubectl, folder / "katib"),
    ):
        yield


@contextmanager
def _katib(cluster: Place, kubectl: Kubectl, folder: Path) -> Iterator[None]:
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "tests.support.kubeflow.katib", f"--kubeconfig={cluster.kubeconfig}"]
    webhook = (f"--host={cluster.host}", f"--listen={cluster.host}", f"--webhook-port={port}")
    collector = (f"--collector-image={BASE}", "--restricted-collector")
    daemon = Daemon([*command, *webhook, *collector], folder / "log")
    installed = ("get", f"mutatingwebhookconfiguration/{_KATIB}", "crd/trials.kubeflow.org")
    try:
        daemon.start()
        wait_for("Katib's stand-in works", lambda: daemon.must_live() and kubectl.attempt(*installed), seconds=30)
        yield
    finally:
        daemon.stop()
        kubectl.attempt("delete", _WEBHOOKS, _KATIB)
